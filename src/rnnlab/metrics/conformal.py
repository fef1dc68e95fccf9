"""Conformal prediction intervals of forecasts, from the errors on a validation split.

B or N targets, H steps of the horizon, V variables of a target, A variables of all targets, L
levels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from rnnlab.metrics.order_statistics import conformal_ranks, order_statistic
from rnnlab.metrics.tracking import ForecastOrigins, track_offsets, tracking_steps
from rnnlab.spec import Array, Batch


def interval_scale(batch: Batch) -> Tensor:
    """Return the size that divides the errors of each window, in the units of the targets.

    The root of the variance of the values in the window plus that of the training, which have the
    same weight: intervals are wider where the values change more, such as in another season. This
    is locally weighted conformal prediction (Lei et al., 2018,
    https://doi.org/10.1080/01621459.2017.1307116).

    Returns:
        (B, 1, V), positive, in double precision.
    """
    values = batch.inputs[..., : batch.targets.shape[2]].double()  # (B, T, V)
    spread = (values.var(dim=1, correction=0, keepdim=True) + 1).sqrt()
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


def level_scores(
    forecasts: Tensor,
    targets: Tensor,
    quantiles: Sequence[float],
    levels: Sequence[float],
    scale: Tensor,
    relative: bool,
) -> Tensor:
    """Return the conformity scores of forecasts for each level, (B, H, V, L).

    Args:
        forecasts: see base_interval.
        targets: (B, H, V).
        quantiles: see base_interval.
        levels: nominal coverage of each interval, L.
        scale: see interval_scale.
        relative: compare logarithms.
    """
    intervals = [base_interval(forecasts, quantiles, level) for level in levels]
    scores = [conformity_scores(ends, targets, scale, relative) for ends in intervals]
    return torch.stack(scores, dim=-1)


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
    return order_statistic(scores, conformal_ranks(counts, level))


OffsetTable: TypeAlias = tuple[tuple[tuple[float | None, ...], ...], ...]  # L x H x V


@dataclass(frozen=True)
class ConformalIntervals:
    """Offsets that turn forecasts into prediction intervals, plain values.

    Attributes:
        levels: nominal coverage of each interval, rising, L.
        relative: the offsets are of logarithms.
        counts: validation values of each step and variable, H x V.
        offsets: what is added to both ends of an interval, divided by its scale, L x H x V; None
            where there are too few validation values.
        step_sizes: how fast an offset follows the errors of earlier forecasts, L x H x V; see
            rnnlab.metrics.tracking. None for offsets that stay those of the validation.
    """

    levels: tuple[float, ...]
    relative: bool
    counts: tuple[tuple[int, ...], ...]
    offsets: OffsetTable
    step_sizes: OffsetTable | None

    @classmethod
    def fit(
        cls,
        levels: Sequence[float],
        relative: bool,
        scores: Array,
        origins: ForecastOrigins,
        num_variables: int,
        adaptive: bool,
    ) -> "ConformalIntervals":
        """Return the offsets from the scores of a validation split.

        Args:
            levels: see the attributes.
            relative: see the attributes.
            scores: of each target, step, variable and level, (N, H, V, L).
            origins: of the forecasts.
            num_variables: number of all variables.
            adaptive: the offsets follow the errors of earlier forecasts.
        """
        parts = [
            np.moveaxis(scores, 1, 2)[origins.variables == variable]
            for variable in range(num_variables)
        ]  # (n, H, L) each
        counts = [(~np.isnan(part[..., 0])).sum(axis=0) for part in parts]
        num_series = max(len(np.unique(origins.series)), 1)
        offsets, step_sizes = [], []
        for i, level in enumerate(levels):
            offsets.append([conformal_quantile(part[..., i], level) for part in parts])
            step_sizes.append(
                [
                    tracking_steps(part[..., i], level, count / num_series)
                    for part, count in zip(parts, counts, strict=True)
                ]
            )
        return cls(
            tuple(levels),
            relative,
            to_tuples(np.stack(counts, axis=1)),
            tuple(to_tuples(np.stack(part, axis=1)) for part in offsets),
            tuple(to_tuples(np.stack(part, axis=1)) for part in step_sizes) if adaptive else None,
        )

    def track(self, scores: Array, origins: ForecastOrigins) -> Array:
        """Return the offsets of forecasts, which are known when each is made, (N, H, V, L).

        Args:
            scores: of the forecasts; NaN where the target is unknown, (N, H, V, L).
            origins: of the forecasts.
        """
        offsets = [np.array(table, dtype=np.float64) for table in self.offsets]  # (H, A) each
        if self.step_sizes is None:
            parts = [np.moveaxis(table[:, origins.variables], 0, 1) for table in offsets]
            return np.stack(parts, axis=-1)
        steps = [np.array(table, dtype=np.float64) for table in self.step_sizes]
        parts = [
            track_offsets(scores[..., i], origins, offsets[i], steps[i], level)
            for i, level in enumerate(self.levels)
        ]
        return np.stack(parts, axis=-1)

    def ends(
        self, forecasts: Tensor, quantiles: Sequence[float], scale: Tensor, offsets: Tensor
    ) -> Tensor:
        """Return the ends of the intervals of some forecasts, (B, H, V, L, 2).

        An interval contains its forecast, or the median. NaN where there is no offset.

        Args:
            forecasts: (B, H, V), or quantiles (B, H, V, Q).
            quantiles: their levels; empty without them.
            scale: see interval_scale.
            offsets: see track, (B, H, V, L).
        """
        center = forecasts[..., list(quantiles).index(0.5)] if quantiles else forecasts
        parts = []
        for level, offset in zip(self.levels, offsets.unbind(dim=-1), strict=True):
            low, high = base_interval(forecasts, quantiles, level)
            margin = offset * scale
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
