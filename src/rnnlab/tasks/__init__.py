"""What is learned: head, loss and metrics. Plain torch, one task a file."""

from rnnlab.tasks.base import Encoded, Findings, Outcome, Task
from rnnlab.tasks.classification import Classification
from rnnlab.tasks.forecasting import Forecasting
from rnnlab.tasks.step_classification import StepClassification
from rnnlab.tasks.translation import Translation

__all__ = [
    "Classification",
    "Encoded",
    "Findings",
    "Forecasting",
    "Outcome",
    "StepClassification",
    "Task",
    "Translation",
]
