"""Analysis of step classification: accuracy of each step, confusion matrix, example sequences."""

from functools import partial

from torch import Tensor

from rnnlab.analysis.base import Analysis, AnalysisResult, TestPredictions
from rnnlab.analysis.predictions import predictions_file, step_predictions
from rnnlab.metrics.classification import count_confusions
from rnnlab.models import RecurrentModel
from rnnlab.plots.classification import draw_confusion_matrix, draw_step_accuracy

NUM_LISTED = 20  # sequences on the page


class StepClassificationAnalysis(Analysis):
    """The accuracy of each step, the confusion matrix, and the first test sequences."""

    def analyze(self, model: RecurrentModel, test: TestPredictions) -> AnalysisResult:
        names = model.task.spec.label_names
        predicted_classes = test.predictions.argmax(dim=2)
        accuracy = (predicted_classes == test.targets).float().mean(dim=0)
        counts = count_confusions(predicted_classes, test.targets, len(names))
        return AnalysisResult(
            figures={
                "step_accuracy.png": partial(draw_step_accuracy, accuracy.numpy(), 1 / len(names)),
                "confusion_matrix.png": partial(draw_confusion_matrix, counts, names),
            },
            texts={"examples.md": partial(list_examples, test, predicted_classes, names)},
            files=predictions_file(step_predictions, test, names),
        )


def list_examples(test: TestPredictions, predicted_classes: Tensor, names: tuple[str, ...]) -> str:
    """Return a Markdown page of the first sequences with their targets and predictions."""
    lines = ["# The first test sequences", ""]
    for i in range(min(NUM_LISTED, len(predicted_classes))):
        target, prediction = (
            " ".join(names[int(label)] for label in row)
            for row in (test.targets[i], predicted_classes[i])
        )
        mark = "right" if target == prediction else "WRONG"
        lines += [f"{i}. {mark}", f"   - input      `{test.example(i).get('text', '')}`"]
        lines += [f"   - target     `{target}`", f"   - prediction `{prediction}`"]
    return "\n".join(lines) + "\n"
