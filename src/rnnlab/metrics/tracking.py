"""Offsets of prediction intervals that follow the errors of earlier forecasts.

N forecasts, T steps at which they are made, K channels (a variable of a series), H steps of the
horizon, V variables of a forecast, A variables of all forecasts.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnlab.metrics.order_statistics import conformal_ranks, order_statistic
from rnnlab.spec import Array, Ints

# Memory of an offset, as a share of the validation: its noise is then that of a quantile of half of
# the validation. See docs/decisions/0016-prediction-intervals.md.
MEMORY_SHARE = 0.25


class ForecastOrigins(NamedTuple):
    """Place of forecasts in their series.

    Attributes:
        series: position of the series of each forecast, (N,).
        steps: first step that it forecasts, (N,); 0 is the first step after the validation, and the
            earlier ones are negative.
        variables: position of each of its variables among all of them, (N, V).
    """

    series: Ints
    steps: Ints
    variables: Ints


def find_origins(context: Mapping[str, Any], count: int, variables: int) -> ForecastOrigins:
    """Return the origins of forecasts from the context that their data set provides.

    Without them the order of the forecasts is unknown, and each is of all variables.
    """
    if "origins" in context:
        origins: ForecastOrigins = context["origins"]
        return origins
    every = np.broadcast_to(np.arange(variables), (count, variables))
    return ForecastOrigins(np.zeros(count, np.int64), np.full(count, -1), every)


def tracking_steps(scores: Array, level: float, forecasts: Array) -> Array:
    """Return the change of an offset after a miss, divided by `level`, (n, H) -> (H,).

    It is 1 / (m f), where f is the density of the scores at their quantile, and m the number of
    forecasts that the offset remembers, a share of those of the validation.

    Args:
        scores: of the validation; NaN does not count.
        level: nominal coverage.
        forecasts: number of those of one series in the validation, (H,).
    """
    half = min(level, 1 - level) / 2
    counts = (~np.isnan(scores)).sum(axis=0)
    low, high = (
        order_statistic(scores, np.minimum(conformal_ranks(counts, share), counts))
        for share in (level - half, level + half)
    )
    steps: Array = (high - low) / (2 * half) / np.maximum(MEMORY_SHARE * forecasts, 1)
    return steps


def track_offsets(
    scores: Array, origins: ForecastOrigins, offsets: Array, step_sizes: Array, level: float
) -> Array:
    """Return the offset of each forecast, which is known when it is made, (N, H, V).

    Args:
        scores: conformity scores of the forecasts, (N, H, V); NaN where the target is unknown.
        origins: place of the forecasts. Those before the end of the validation keep its offsets.
        offsets: of the validation, (H, A).
        step_sizes: see tracking_steps, (H, A).
        level: nominal coverage.
    """
    count = offsets.shape[1]
    channels, index = np.unique(origins.series[:, None] * count + origins.variables, False, True)
    index = index.reshape(origins.variables.shape)  # (N, V)
    initial, steps = (table[:, channels % count].T for table in (offsets, step_sizes))  # (K, H)
    result = initial[index]  # (N, V, H)
    (later,) = np.nonzero(origins.steps >= 0)
    if len(later):
        place = origins.steps[later, None], index[later]
        grid = np.full((int(origins.steps.max()) + 1, *initial.shape), np.nan)
        grid[place] = np.moveaxis(scores[later], 1, 2)
        follow_errors(grid, initial, steps, level)
        result[later] = grid[place]
    return np.moveaxis(result, 1, 2)


def follow_errors(grid: Array, offsets: Array, step_sizes: Array, level: float) -> None:
    """Replace the scores of forecasts, (T, K, H), by the offsets that are known when they are made.

    A step of the series is a forecast origin. Its value is known at the next one, and all forecasts
    of it have an error then: the one made one step ago, of its first step, the one made two steps
    ago, of its second step ... If the value was outside the interval, the offset of this step of
    the horizon grows by `level` times its step size, otherwise it shrinks by `1 - level` times it.
    Over a long time the share of misses becomes 1 - level, however the errors change (Gibbs and
    Candes, 2021, https://arxiv.org/abs/2106.00263; quantile tracking by Angelopoulos et al., 2023,
    https://arxiv.org/abs/2307.16895).

    Args:
        grid: scores of the forecasts of each origin; NaN where there is none.
        offsets: at the first origin, (K, H).
        step_sizes: see tracking_steps, (K, H).
        level: nominal coverage.
    """
    moves = np.array([0.0, level - 1, level])  # without a score, inside, outside
    results = np.zeros(grid.shape, dtype=np.int8)
    state, ages = offsets.copy(), np.arange(grid.shape[2])
    for t, scores in enumerate(grid):
        past = ages[:t]  # steps of the horizon that forecast the last value
        errors = moves[results[t - 1 - past, :, past]].T  # (K, past steps)
        state[:, : len(past)] += step_sizes[:, : len(past)] * errors
        results[t] = np.where(np.isnan(scores), 0, 1 + (scores > state))
        grid[t] = state
