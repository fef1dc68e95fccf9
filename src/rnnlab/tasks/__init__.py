"""Tasks: embedding, head, loss, metrics and decoding, one task per file."""

from rnnlab.tasks.base import Encoding, Task
from rnnlab.tasks.classification import Classification
from rnnlab.tasks.forecasting import Forecasting
from rnnlab.tasks.language_modeling import LanguageModeling
from rnnlab.tasks.step_classification import StepClassification
from rnnlab.tasks.translation import Translation

__all__ = [
    "Classification",
    "Encoding",
    "Forecasting",
    "LanguageModeling",
    "StepClassification",
    "Task",
    "Translation",
]
