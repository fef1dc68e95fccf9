"""Losses by name. Plain torch.

N targets; B batch, H horizon, V variables, Q quantiles; C classes.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rnnlab.errors import ConfigError

# Of a forecast.

ForecastLossName = Literal["mse", "mae", "huber", "quantile"]


class QuantileLoss(nn.Module):
    """Pinball loss: max(q e, (q - 1) e) with e = target - prediction (Koenker & Bassett, 1978).

    The mean over the quantiles of each target. It is minimal if a share q of the targets is below
    the prediction; for q = 0.5 it is half of the absolute error.

    Args:
        quantiles: q of each prediction, rising, each between 0 and 1.

    Raises:
        ConfigError: the quantiles are not valid; see `check_quantiles`.
    """

    def __init__(self, quantiles: Sequence[float]) -> None:
        super().__init__()
        check_quantiles(quantiles)
        self.quantiles = tuple(quantiles)
        self.levels: Tensor
        levels = torch.tensor(self.quantiles, dtype=torch.float64)
        self.register_buffer("levels", levels, persistent=False)

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each target (B, H, V), from predictions (B, H, V, Q)."""
        errors = targets.unsqueeze(-1) - predictions
        levels = self.levels.to(errors.dtype)
        return torch.maximum(levels * errors, (levels - 1) * errors).mean(dim=-1)


def check_quantiles(quantiles: Sequence[float]) -> None:
    """Check that quantiles form prediction intervals around a median.

    Raises:
        ConfigError: they do not rise, or the median or one of its sides is missing.
    """
    levels = list(quantiles)
    rising = all(low < high for low, high in pairwise(levels))
    inside = all(0 < level < 1 for level in levels)
    if not (rising and inside and 0.5 in levels and levels[0] < 0.5 < levels[-1]):
        raise ConfigError(
            f"task.quantiles={levels}: must rise from above 0 to below 1 and hold 0.5, which is "
            "the forecast itself, and others on both of its sides, such as [0.1,0.5,0.9]"
        )


# Of Huber's delta, and of quantiles. The module returns the loss of each target, (B, H, V).
ForecastLoss = Callable[[float, Sequence[float]], nn.Module]
FORECAST_LOSSES: dict[ForecastLossName, ForecastLoss] = {
    "mse": lambda delta, quantiles: nn.MSELoss(reduction="none"),
    "mae": lambda delta, quantiles: nn.L1Loss(reduction="none"),
    "huber": lambda delta, quantiles: nn.HuberLoss(delta=delta, reduction="none"),
    "quantile": lambda delta, quantiles: QuantileLoss(quantiles),
}


# Of classes. Each takes scores (N, C), targets (N,), the share of label smoothing and gamma, and
# returns the loss of each target in nats, (N,).

ClassLossName = Literal["cross_entropy", "focal"]
ClassLoss = Callable[[Tensor, Tensor, float, float], Tensor]


def cross_entropies(scores: Tensor, targets: Tensor, smoothing: float, gamma: float) -> Tensor:
    """Return -log p of the true class; gamma is not used."""
    return cross_entropy(scores, targets, reduction="none", label_smoothing=smoothing)


def focal(scores: Tensor, targets: Tensor, smoothing: float, gamma: float) -> Tensor:
    """Return (1 - p)^gamma (-log p), with p of the true class (Lin et al., 2017).

    Correct predictions have less weight (https://arxiv.org/abs/1708.02002); gamma 0 is the cross
    entropy. With smoothed labels the same factor multiplies the smoothed cross entropy.
    """
    log_p = scores.log_softmax(dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)
    smallest = torch.finfo(scores.dtype).eps  # 0^x has no gradient
    remainder = (-torch.expm1(log_p)).clamp(min=smallest)
    return remainder**gamma * cross_entropies(scores, targets, smoothing, gamma)


CLASS_LOSSES: dict[ClassLossName, ClassLoss] = {"cross_entropy": cross_entropies, "focal": focal}
