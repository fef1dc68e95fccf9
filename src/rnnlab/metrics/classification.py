"""Metrics of class probabilities, for networks and baselines; all results are float64."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassExactMatch
from torchmetrics.utilities import dim_zero_cat


def class_metrics(classes: int, positive: int | None = None) -> MetricCollection:
    """Return accuracy, F1, Matthews correlation and area under the ROC curve, over all targets.

    They compare probabilities (B, classes) and targets (B,). `positive` is the class of F1; None
    for the mean of the F1 of all classes.
    """
    return MetricCollection(
        {
            "accuracy": ClassAccuracy(classes),
            "f1": ClassF1(classes, positive),
            "mcc": MatthewsCorrelation(classes),
            "auroc": PresentAUROC(classes),
        },
        compute_groups=False,  # members of a group would share states that differ here
    )


class ClassAccuracy(MulticlassAccuracy):  # type: ignore[misc]
    """Share of the targets whose class has the highest probability."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes, average="micro")

    def compute(self) -> Tensor:
        share: Tensor = self.tp.double() / (self.tp + self.fn)
        return share


class ClassCounts(Metric):  # type: ignore[misc]
    """Base of the metrics that follow from the counts of each class.

    The memory is proportional to the number of classes: torchmetrics counts each pair of classes.

    Attributes:
        targets, predictions, correct: targets and predictions of each class, and targets that are
            predicted correctly, (classes,).
    """

    higher_is_better = True
    full_state_update = False
    targets: Tensor
    predictions: Tensor
    correct: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        for name in ("targets", "predictions", "correct"):
            self.add_state(name, torch.zeros(classes, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, probabilities: Tensor, targets: Tensor) -> None:
        """Count probabilities (B, classes) and targets (B,)."""
        predictions, size = probabilities.argmax(dim=1), len(self.targets)
        self.targets += torch.bincount(targets, minlength=size)
        self.predictions += torch.bincount(predictions, minlength=size)
        self.correct += torch.bincount(targets[predictions == targets], minlength=size)


class ClassF1(ClassCounts):
    """F1 of the class `positive`, or the mean over all classes that are a target or a prediction.

    2 TP / (2 TP + FP + FN) of each class; 0 for a positive class that is neither.
    """

    def __init__(self, classes: int, positive: int | None = None) -> None:
        super().__init__(classes)
        self.positive = positive

    def compute(self) -> Tensor:
        occurrences = self.targets + self.predictions  # (classes,)
        scores = 2 * self.correct.double() / occurrences.clamp(min=1)
        mean: Tensor = scores[occurrences > 0].mean()
        return mean if self.positive is None else scores[self.positive]


class MatthewsCorrelation(ClassCounts):
    """Matthews correlation; zero if all targets or all predictions are of one class.

    (c s - t p) / sqrt((s^2 - p p) (s^2 - t t)), with c correct ones of s targets, and the numbers
    of targets t and of predictions p of each class (Gorodkin, 2004).
    """

    def compute(self) -> Tensor:
        targets, predictions = self.targets.double(), self.predictions.double()
        total = targets.sum()
        covariance = self.correct.sum() * total - targets @ predictions
        variances = (total**2 - predictions @ predictions) * (total**2 - targets @ targets)
        return torch.where(variances > 0, covariance / variances.clamp(min=1).sqrt(), 0.0)


def count_confusions(predictions: Tensor, targets: Tensor, classes: int) -> NDArray[np.int64]:
    """Return how often each class (row) was predicted as each class (column), (classes, classes).

    `predictions` and `targets` are classes, of any equal shape.

    >>> count_confusions(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    pairs = (targets * classes + predictions).flatten().cpu().numpy()
    counts: NDArray[np.int64] = np.bincount(pairs, minlength=classes**2)
    return counts.reshape(classes, classes)


class PresentAUROC(MulticlassAUROC):  # type: ignore[misc]
    """Mean area under the ROC curve of each present class against the rest.

    NaN if all targets are of one class, because nothing can be ranked.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(classes, average="none", thresholds=None, validate_args=False)

    def compute(self) -> Tensor:
        probabilities, targets = dim_zero_cat(self.preds), dim_zero_cat(self.target)
        present = targets.unique().tolist()
        if len(present) < 2:
            return torch.tensor(torch.nan, dtype=torch.float64, device=targets.device)
        return torch.stack([rank_area(probabilities[:, c], targets == c) for c in present]).mean()


def rank_area(scores: Tensor, positive: Tensor) -> Tensor:
    """Return the area under the ROC curve: how often a positive has the higher score; ties half.

    `scores` and `positive` are (N,), with both kinds (Hanley & McNeil, 1982).

    >>> float(rank_area(torch.tensor([0.1, 0.4, 0.4]), torch.tensor([False, True, False])))
    0.75
    """
    _, group, sizes = torch.unique(scores, return_inverse=True, return_counts=True)
    ranks = (sizes.cumsum(dim=0) - (sizes - 1) / 2).double()[group]  # mean rank of equal scores
    count = positive.sum().double()
    wins = ranks[positive].sum() - count * (count + 1) / 2
    area: Tensor = wins / (count * (len(scores) - count))
    return area


class ExactMatch(MulticlassExactMatch):  # type: ignore[misc]
    """Share of the sequences whose classes are all correct."""

    def compute(self) -> Tensor:
        share: Tensor = self.correct.double() / self.total
        return share


def class_scores(probabilities: Any, targets: Any, positive: int | None = None) -> dict[str, float]:
    """Return `class_metrics` and the cross entropy in nats, without those that are not finite.

    The arrays are probabilities (N, classes) and targets (N,); `positive` is that of class_metrics.

    >>> class_scores([[0.9, 0.1], [0.2, 0.8]], [0, 1])["accuracy"]
    1.0
    """
    likely = torch.as_tensor(probabilities, dtype=torch.float64)
    truths = torch.as_tensor(targets, dtype=torch.long)
    metrics = class_metrics(likely.shape[1], positive)
    for metric in metrics.values():  # the arguments are whole: nothing to gather from other ranks
        metric.distributed_available_fn = lambda: False
    metrics.update(likely, truths)
    loss = -likely.gather(1, truths.unsqueeze(1)).log().mean()
    values = {"loss": loss, **metrics.compute()}
    return {name: float(value) for name, value in values.items() if value.isfinite()}


def scores_by_class(confusion: NDArray[np.int64]) -> list[dict[str, float | int | None]]:
    """Return precision, recall, F1 and number of targets of each class.

    Undefined is None: the precision of a class that is never predicted, the recall of a class
    without targets, and the F1 of a class with neither.

    >>> scores_by_class(np.array([[3, 1], [0, 0]]))[0]
    {'precision': 1.0, 'recall': 0.75, 'f1': 0.8571428571428571, 'targets': 4}

    Args:
        confusion: targets of each class (row) by their predicted class (column), (C, C).
    """
    correct = confusion.diagonal().tolist()
    targets, predicted = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    return [
        {
            "precision": hits / claims if claims else None,
            "recall": hits / count if count else None,
            "f1": 2 * hits / (claims + count) if claims + count else None,
            "targets": count,
        }
        for hits, count, claims in zip(correct, targets, predicted, strict=True)
    ]
