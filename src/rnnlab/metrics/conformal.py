"""Conformal prediction intervals of forecasts, from the errors on a validation split.

B or N targets, H steps of the horizon, V variables of a target, L levels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlab.spec import Array, Batch, Ints

# Spread of a constant window, as a share of the standard deviation of its series in training. The
# offsets in the processor of a run depend on it.
SMALLEST_SPREAD = 0.3


def interval_scale(batch: Batch) -> Tensor:
    """Return the size that divides the errors of each window, in the units of the targets.

    The standard deviation of the values in the window, together with a constant: intervals are
    wider where the values change more, such as in another season. This is locally weighted
    conformal prediction (Lei et al., 2018, https://doi.org/10.1080/01621459.2017.1307116).

    Returns:
        (B, 1, V), positive, in double precision.
    """
    values = batch.inputs[..., : batch.targets.shape[2]].double()  # (B, T, V)
    spread = values.std(dim=1, correction=0, keepdim=True)
    spread = (spread.square() + SMALLEST_SPREAD**2).sqrt()
    return spread if batch.units is None else spread * batch.units.scale


def interval_ends(quantiles: Sequence[float]) -> list[tuple[int, int]]:
    """Return the positions of the quantiles that bound each interval, the widest first.

    >>> interval_ends([0.05, 0.25, 0.5, 0.75, 0.95])
    [(0, 4), (1, 3)]
    """
    median = quantiles.index(0.5)
    return [(i, len(quantiles) - 1 - i) for i in range(min(median, len(quantiles) - 1 - median))]


def base_interval(
    forecasts: Tensor, quantiles: Sequence[float], level: float
) -> tuple[Tensor, Tensor]:
    """Return the ends of the interval that conformal offsets widen, (B, H, V) each.

    Args:
        forecasts: (B, H, V), or quantiles (B, H, V, Q).
        quantiles: levels of the quantiles, rising, with 0.5; empty without them.
        level: nominal coverage; the quantiles with the closest one are chosen.
    """
    if not quantiles:
        return forecasts, forecasts
    median = list(quantiles).index(0.5)
    ends = interval_ends(list(quantiles)) or [(median, median)]
    low, high = min(ends, key=lambda end: abs(quantiles[end[1]] - quantiles[end[0]] - level))
    return forecasts[..., low], forecasts[..., high]


def conformity_scores(
    interval: tuple[Tensor, Tensor], targets: Tensor, scale: Tensor, relative: bool
) -> Tensor:
    """Return max(low - y, y - high) / scale, the score of conformalized quantile regression.

    It is |y - f| / scale for a forecast f of one value (Romano et al., 2019,
    https://arxiv.org/abs/1905.03222). NaN where the target is missing.

    Args:
        interval: the lower and upper ends, (B, H, V) each.
        targets: y, (B, H, V).
        scale: see interval_scale.
        relative: compare logarithms.
    """
    low, high = interval
    if relative:
        low, high, targets = low.log(), high.log(), targets.log()
    return torch.maximum(low - targets, targets - high) / scale


def values_needed(level: float) -> int:
    """Return the smallest number of scores that have a conformal quantile.

    >>> [values_needed(level) for level in (0.8, 0.9, 0.95)]
    [4, 9, 19]
    """
    return math.ceil(round(level / (1 - level), 9))


def conformal_quantile(scores: Array, level: float) -> Array:
    """Return the ceil((n + 1) level)-th smallest of n scores, (n, H) -> (H,).

    A new score of the same distribution is at most as large with a probability of at least `level`.
    NaN where there are fewer than `values_needed(level)`. Scores that are NaN do not count.
    """
    counts = (~np.isnan(scores)).sum(axis=0)
    ranks = np.ceil(np.round((counts + 1) * level, 9)).astype(np.int64)
    padding = np.full((1, scores.shape[1]), np.nan)
    ordered = np.sort(np.concatenate([scores, padding]), axis=0)  # NaN at the end
    return np.asarray(ordered[np.minimum(ranks - 1, counts), np.arange(len(counts))])


@dataclass(frozen=True)
class ConformalIntervals:
    """Offsets that turn forecasts into prediction intervals, plain values.

    Attributes:
        levels: nominal coverage of each interval, rising, L.
        relative: the offsets are of logarithms.
        counts: validation values of each step and variable, H x V.
        offsets: what is added to both ends of an interval, divided by its scale, L x H x V; None
            where there are too few validation values.
    """

    levels: tuple[float, ...]
    relative: bool
    counts: tuple[tuple[int, ...], ...]
    offsets: tuple[tuple[tuple[float | None, ...], ...], ...]

    @classmethod
    def fit(
        cls,
        levels: Sequence[float],
        relative: bool,
        scores: Array,
        variables: Ints,
        num_variables: int,
    ) -> "ConformalIntervals":
        """Return the offsets from the scores of a validation split.

        Args:
            levels: see the attributes.
            relative: see the attributes.
            scores: of each target, step, variable and level, (N, H, V, L).
            variables: position of each variable of a target among all of them, (N, V).
            num_variables: number of all variables.
        """
        parts = [
            np.moveaxis(scores, 1, 2)[variables == variable] for variable in range(num_variables)
        ]  # (n, H, L) each
        counts = np.stack([(~np.isnan(part[..., 0])).sum(axis=0) for part in parts], axis=1)
        offsets = [
            np.stack([conformal_quantile(part[..., i], level) for part in parts], axis=1)
            for i, level in enumerate(levels)
        ]
        return cls(
            tuple(levels), relative, to_tuples(counts), tuple(to_tuples(part) for part in offsets)
        )

    def ends(
        self, forecasts: Tensor, quantiles: Sequence[float], scale: Tensor, variables: Ints
    ) -> Tensor:
        """Return the ends of the intervals of some forecasts, (B, H, V, L, 2).

        An interval contains its forecast, or the median. NaN where there is no offset.

        Args:
            forecasts: (B, H, V), or quantiles (B, H, V, Q).
            quantiles: their levels; empty without them.
            scale: see interval_scale.
            variables: position of each variable among all of them, (B, V).
        """
        center = forecasts[..., list(quantiles).index(0.5)] if quantiles else forecasts
        parts = []
        for level, offsets in zip(self.levels, self.offsets, strict=True):
            low, high = base_interval(forecasts, quantiles, level)
            table = np.array(offsets, dtype=np.float64)  # (H, V)
            margin = torch.from_numpy(np.moveaxis(table[:, variables], 0, 1)) * scale
            if self.relative:
                low, high = low * (-margin).exp(), high * margin.exp()
            else:
                low, high = low - margin, high + margin
            parts.append(torch.stack([low.minimum(center), high.maximum(center)], dim=-1))
        return torch.stack(parts, dim=-2)

    def columns(self, ends: Array) -> dict[str, Array]:
        """Return ends (..., L, 2) as columns of a table: lower_90, upper_90 for a level of 0.9."""
        return {
            f"{side}_{name}": ends[..., i, k]
            for i, name in enumerate(self.names)
            for k, side in enumerate(("lower", "upper"))
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Each level in percent, such as 90 or 97.5."""
        return tuple(f"{100 * level:.10g}" for level in self.levels)


def to_tuples(table: Array) -> tuple[tuple[Any, ...], ...]:
    """Return a table as plain values; None for NaN."""
    return tuple(
        tuple(None if value != value else value for value in row) for row in table.tolist()
    )
