"""Metrics of class probabilities, for networks and baselines; all results are float64."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassConfusionMatrix,
    MulticlassExactMatch,
    MulticlassF1Score,
)
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


class ClassF1(MulticlassF1Score):  # type: ignore[misc]
    """F1 of the class `positive`, or the mean over all classes that are a target or a prediction.

    2 TP / (2 TP + FP + FN) of each class; 0 for a positive class that is neither.
    """

    def __init__(self, classes: int, positive: int | None = None) -> None:
        super().__init__(classes, average="none")
        self.positive = positive

    def compute(self) -> Tensor:
        occurrences = 2 * self.tp + self.fp + self.fn  # (classes,)
        scores = 2 * self.tp.double() / occurrences.clamp(min=1)
        mean: Tensor = scores[occurrences > 0].mean()
        return mean if self.positive is None else scores[self.positive]


class MatthewsCorrelation(MulticlassConfusionMatrix):  # type: ignore[misc]
    """Matthews correlation; zero if all targets or all predictions are of one class.

    (c s - t p) / sqrt((s^2 - p p) (s^2 - t t)), with c correct ones of s targets, and the numbers
    of targets t and of predictions p of each class (Gorodkin, 2004).
    """

    higher_is_better = True
    plot_upper_bound = 1.0

    def compute(self) -> Tensor:
        counts = self.confmat.double()
        targets, predictions, total = counts.sum(dim=1), counts.sum(dim=0), counts.sum()
        covariance = counts.trace() * total - targets @ predictions
        variances = (total**2 - predictions @ predictions) * (total**2 - targets @ targets)
        return torch.where(variances > 0, covariance / variances.clamp(min=1).sqrt(), 0.0)


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
