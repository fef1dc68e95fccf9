"""Metrics of class probabilities, for networks and baselines."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassAUROC,
    MulticlassF1Score,
    MulticlassMatthewsCorrCoef,
)
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.utilities import dim_zero_cat


def class_metrics(classes: int, positive: int | None = None) -> MetricCollection:
    """Return accuracy, F1, Matthews correlation and area under the ROC curve, over all targets.

    They compare probabilities (B, classes) and targets (B,). `positive` is the class of F1; None
    for the mean of the F1 of all classes.
    """
    f1 = MulticlassF1Score(classes, average="macro")
    return MetricCollection(
        {
            "accuracy": MulticlassAccuracy(classes, average="micro"),
            "f1": f1 if positive is None else OneClassF1(classes, positive),
            "mcc": DefinedMCC(classes),
            "auroc": PresentAUROC(classes),
        },
        compute_groups=False,  # members of a group would share states that differ here
    )


class OneClassF1(MulticlassF1Score):  # type: ignore[misc]
    """F1 of the class `positive` against the rest."""

    def __init__(self, classes: int, positive: int) -> None:
        super().__init__(classes, average="none")
        self.positive = positive

    def compute(self) -> Tensor:
        score: Tensor = super().compute()[self.positive]
        return score


class DefinedMCC(MulticlassMatthewsCorrCoef):  # type: ignore[misc]
    """Matthews correlation; zero if all targets or all predictions are of one class."""

    def compute(self) -> Tensor:
        for axis in (0, 1):
            if int((self.confmat.sum(dim=axis) > 0).sum()) < 2:
                return torch.zeros((), device=self.confmat.device)
        value: Tensor = super().compute()
        return value


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
            return torch.tensor(torch.nan, device=targets.device)
        areas = [binary_auroc(probabilities[:, c], (targets == c).long()) for c in present]
        mean: Tensor = torch.stack(areas).mean()
        return mean


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
