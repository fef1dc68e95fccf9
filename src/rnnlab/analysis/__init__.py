"""Analysis of a whole test split, one file per task, and of the internals of a network."""

from rnnlab.analysis.base import Analysis, AnalysisResult, TestPredictions
from rnnlab.analysis.classification import ClassificationAnalysis
from rnnlab.analysis.forecasting import ForecastingAnalysis
from rnnlab.analysis.language_modeling import LanguageModelingAnalysis
from rnnlab.analysis.step_classification import StepClassificationAnalysis
from rnnlab.analysis.translation import TranslationAnalysis

__all__ = [
    "Analysis",
    "AnalysisResult",
    "ClassificationAnalysis",
    "ForecastingAnalysis",
    "LanguageModelingAnalysis",
    "StepClassificationAnalysis",
    "TestPredictions",
    "TranslationAnalysis",
]
