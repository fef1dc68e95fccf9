"""What is learned: head, loss and metrics. Plain torch, one task a file."""

from rnnlab.tasks.base import Analysis, Encoded, Task, TestPredictions
from rnnlab.tasks.classification import Classification
from rnnlab.tasks.forecasting import Forecasting
from rnnlab.tasks.language_modeling import LanguageModeling
from rnnlab.tasks.step_classification import StepClassification
from rnnlab.tasks.translation import Translation

__all__ = [
    "Analysis",
    "Classification",
    "Encoded",
    "Forecasting",
    "LanguageModeling",
    "StepClassification",
    "Task",
    "TestPredictions",
    "Translation",
]
