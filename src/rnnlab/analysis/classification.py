"""Analysis of classification: comparison with baselines, confusion matrix, confident errors."""

from functools import partial

import torch
from torch import Tensor

from rnnlab.analysis.base import Analysis, AnalysisResult, TestPredictions
from rnnlab.analysis.predictions import class_predictions, predictions_file
from rnnlab.metrics.classification import class_scores, count_confusions, scores_by_class
from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL, sign_test
from rnnlab.models import RecurrentModel
from rnnlab.plots.classification import draw_confusion_matrix
from rnnlab.report.markdown import escape_markdown, quote_markdown


class ClassificationAnalysis(Analysis):
    """Sign tests against the baselines, the confusion matrix, and the most confident errors.

    Reads from the evaluation context:
        baselines: name of a baseline -> its probabilities (N, classes) of the same targets.
    """

    def analyze(self, model: RecurrentModel, test: TestPredictions) -> AnalysisResult:
        spec = model.task.spec
        names = spec.label_names
        baselines = test.evaluation_context.get("baselines", {})
        statements = [
            compare_classifiers(
                name, test.predictions, torch.as_tensor(other), test.targets, spec.positive_class
            )
            for name, other in baselines.items()
        ]
        counts = count_confusions(test.predictions.argmax(dim=1), test.targets, len(names))
        return AnalysisResult(
            statements=statements,
            details={"by_class": dict(zip(names, scores_by_class(counts), strict=True))},
            figures={"confusion_matrix.png": partial(draw_confusion_matrix, counts, names)},
            texts={"most_confidently_wrong.md": partial(list_confident_errors, test, names)},
            files=predictions_file(class_predictions, test, names),
        )


def compare_classifiers(
    baseline: str, ours: Tensor, theirs: Tensor, targets: Tensor, positive: int | None = None
) -> str:
    """Return a sentence on whether the network is significantly better than a baseline.

    `ours` and `theirs` are the probabilities of both, (N, classes), `targets` is (N,); for
    `positive` see rnnlab.metrics.classification.class_metrics.
    """
    scores = [class_scores(probabilities, targets, positive) for probabilities in (ours, theirs)]
    figures = ", ".join(
        f"{name} {scores[0][name]:.4f} against {scores[1][name]:.4f}" for name in ("accuracy", "f1")
    )
    correct = [probabilities.argmax(dim=1) == targets for probabilities in (ours, theirs)]
    wins, losses = int((correct[0] & ~correct[1]).sum()), int((correct[1] & ~correct[0]).sum())
    p = sign_test(wins, losses)
    if p >= SIGNIFICANCE_LEVEL:
        claim = f"The network is not shown to be better or worse than the {baseline} model"
    else:
        claim = f"The network is {'better' if wins > losses else 'worse'} than the {baseline} model"
    return (
        f"{claim}: {figures}; of the {wins + losses:,} targets that only one of the two predicts "
        f"correctly, the network has {wins:,} (sign test, p = {p:.2g})."
    )


def list_confident_errors(test: TestPredictions, names: tuple[str, ...], count: int = 10) -> str:
    """Return a Markdown page of the errors with the highest probability of the wrong class."""
    confidence, predicted_classes = test.predictions.max(dim=1)
    errors = (predicted_classes != test.targets).nonzero().squeeze(1)
    worst = errors[confidence[errors].argsort(descending=True, stable=True)][:count].tolist()
    summary = (
        f"{len(errors):,} of {len(predicted_classes):,} test targets were predicted wrongly. "
        f"The {len(worst)} with the highest probability of the wrong class:"
    )
    lines = ["# Most confidently wrong", "", summary]
    for rank, i in enumerate(worst, start=1):
        classes = (predicted_classes[i], test.targets[i])
        prediction, label = (escape_markdown(names[int(number)]) for number in classes)
        title = f"## {rank}. predicted {prediction} ({confidence[i]:.1%}), labelled {label}"
        text = quote_markdown(test.example(i).get("text", ""))
        lines += ["", title, "", f"Test item {i}.", "", text]
    return "\n".join(lines) + "\n"
