"""Metrics of forecasts, alone and compared with another forecast. Mostly plain numpy.

N targets, H steps of the horizon, V variables, Q quantiles.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from rnnlab.metrics.significance import ComparisonTest
from rnnlab.spec import Array

BLOCK_SIZE = 1_000_000  # numbers that are measured at once: 8 MB
FORECAST_METRICS = ("mse", "mae", "smape", "mase")


def iterate_blocks(rows: Array, numbers_per_row: int) -> Iterator[Array]:
    """Yield the rows in blocks of about a million numbers.

    >>> [len(block) for block in iterate_blocks(np.arange(5), 500_000)]
    [2, 2, 1]
    """
    size = max(1, BLOCK_SIZE // numbers_per_row)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def errors_by_step(
    forecasts: Array, truth: Array, naive_errors: Array, origin: Array
) -> Mapping[str, Array]:
    """Return four mean errors at each step of the horizon, (H,) each.

    mse = mean (f - y)^2, mae = mean |f - y|, smape = mean 2 |f - y| / (|f| + |y|) (Makridakis,
    1993), mase = mean |f - y| / q, with q the mean absolute error of the naive forecast in the
    training part (Hyndman & Koehler, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001).

    Args:
        forecasts: f, (N, H, V).
        truth: y, (N, H, V); NaN where it was not observed, which does not count.
        naive_errors: q, (N, 1, V) or (1, 1, V), in the same units.
        origin: zero of the original units, in the same units, from which smape is measured;
            (N, 1, V) or (1, 1, V).
    """
    error = np.abs(forecasts - truth, dtype=np.float64)
    size = np.abs(forecasts - origin) + np.abs(truth - origin)
    relative = np.divide(2 * error, size, out=np.zeros_like(error), where=size > 0)
    ratio = error / naive_errors
    parts = {"mse": error**2, "mae": error, "smape": relative, "mase": ratio}
    count = (~np.isnan(truth)).sum(axis=(0, 2))
    return {name: np.nansum(part, axis=(0, 2)) / count for name, part in parts.items()}


class ForecastErrors(NamedTuple):
    """Errors of a forecast of N targets.

    Attributes:
        by_step: metric -> its value at each step of the horizon, (H,).
        squared_errors: mean squared error of each target, (N,).
    """

    by_step: dict[str, Array]
    squared_errors: Array


def measure_forecast(
    forecast: Callable[[Array], Array], targets: Array, naive_errors: Array, origin: Array
) -> ForecastErrors:
    """Return the errors of a forecast: a function from positions of targets (B,) to (B, H, V).

    `targets` is (N, H, V); for the rest, (N, 1, V), see errors_by_step.
    """
    sums: dict[str, Array] = {}
    squared_errors = np.empty(len(targets))
    for rows in iterate_blocks(np.arange(len(targets)), targets[0].size):
        forecasts = forecast(rows)
        errors = errors_by_step(forecasts, targets[rows], naive_errors[rows], origin[rows])
        observed = (~np.isnan(targets[rows])).sum(axis=(0, 2))
        for name, steps in errors.items():
            sums[name] = sums.get(name, 0.0) + np.nan_to_num(steps) * observed
        squares = np.square(forecasts - targets[rows], dtype=np.float64)
        squared_errors[rows] = np.nanmean(squares, axis=(1, 2))
    counts = (~np.isnan(targets)).sum(axis=(0, 2))
    by_step = {name: total / counts for name, total in sums.items()}
    return ForecastErrors(by_step, squared_errors)


class Calibration(NamedTuple):
    """Calibration of the quantiles of a forecast.

    Attributes:
        pinball: max(q e, (q - 1) e) with e = truth - forecast, the mean over all quantiles.
        share_below: share of the targets at or below each quantile, (Q,); q if well calibrated.
        coverage: share of the targets in the outer prediction interval, its ends included.
        width: mean width of the outer prediction interval.
    """

    pinball: float
    share_below: Array
    coverage: float
    width: float


def calibrate(forecasts: Array, truth: Array, quantiles: Sequence[float]) -> Calibration:
    """Compare predicted quantiles (N, H, V, Q), rising, with the targets (N, H, V)."""
    levels = np.array(quantiles)
    losses, below = np.zeros(len(levels)), np.zeros(len(levels))
    inside = width = 0.0
    for rows in iterate_blocks(np.arange(len(truth)), forecasts[0].size):
        values, targets = forecasts[rows].astype(np.float64), truth[rows, ..., None]
        error = targets - values
        losses += np.maximum(levels * error, (levels - 1) * error).sum(axis=(0, 1, 2))
        below += (error <= 0).sum(axis=(0, 1, 2))
        inside += ((error[..., 0] >= 0) & (error[..., -1] <= 0)).sum()
        width += (values[..., -1] - values[..., 0]).sum()
    count = truth.size
    return Calibration(float(losses.mean() / count), below / count, inside / count, width / count)


def compare_forecasts(errors: Array, others: Array, horizon: int) -> ComparisonTest:
    """Return the skill of a forecast against another one, and whether it is significant.

    The test of Diebold & Mariano (1995) with the correction of Harvey et al. (1997): The difference
    of the squared errors is a series with autocovariance up to lag H - 1. Its mean, divided by its
    standard error, times sqrt((n + 1 - 2H + H (H - 1) / n) / n), is compared with Student's t with
    n - 1 degrees of freedom, two-sided (https://doi.org/10.1016/S0169-2070(96)00719-4).

    `errors` and `others` are the mean squared errors of the two at each point in time, (n,).
    """
    from scipy.stats import t

    gains = np.asarray(others, dtype=np.float64) - errors
    n = len(gains)
    mean_other = float(np.mean(others))
    skill = float(np.mean(gains)) / mean_other if mean_other else 0.0
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    variance = long_run_variance(gains, min(horizon, n)) / n
    if variance <= 0 or correction <= 0:
        return ComparisonTest(skill, math.nan)
    statistic = float(np.mean(gains)) / math.sqrt(variance) * math.sqrt(correction)
    return ComparisonTest(skill, float(2 * t.sf(abs(statistic), n - 1)))


def long_run_variance(series: Array, lags: int) -> float:
    """Return the sum of the autocovariances of lags -(lags - 1)..lags - 1.

    This sum can be negative. Falling weights (Newey & West, 1987), with which it cannot, are used
    in that case.
    """
    deviations = series - series.mean()
    n = len(deviations)
    covariances = np.array([deviations[: n - lag] @ deviations[lag:] / n for lag in range(lags)])
    plain = covariances[0] + 2 * covariances[1:].sum()
    if plain > 0:
        return float(plain)
    weights = 1 - np.arange(lags) / lags
    return float(covariances[0] + 2 * (weights * covariances)[1:].sum())


class SquaredError(Metric):  # type: ignore[misc]
    """Mean squared error over all observed values, in double precision.

    A target that is NaN was not observed and does not count.
    """

    higher_is_better = False
    is_differentiable = False
    full_state_update = False
    plot_lower_bound = 0.0
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        zero = torch.tensor(0.0, dtype=torch.float64)
        self.add_state("total", zero, dist_reduce_fx="sum")
        self.add_state("count", zero.clone(), dist_reduce_fx="sum")

    def measure(self, errors: Tensor) -> Tensor:
        """Return what is averaged, from forecast - target."""
        return errors.square()

    def update(self, forecasts: Tensor, targets: Tensor) -> None:
        """Add forecasts and targets of the same shape."""
        errors = self.measure(forecasts.double() - targets)
        observed = ~targets.isnan()
        self.total += torch.where(observed, errors, 0.0).sum()
        self.count += observed.sum()

    def compute(self) -> Tensor:
        """Return the mean; NaN without an observed value."""
        return self.total / self.count


class AbsoluteError(SquaredError):
    """Mean absolute error over all observed values; see SquaredError."""

    def measure(self, errors: Tensor) -> Tensor:
        """See SquaredError."""
        return errors.abs()


class NoiseRatio(SquaredError):  # noqa: N818
    """Mean squared error / variance of the noise; no forecast can be better than 1."""

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.variance = variance

    def compute(self) -> Tensor:
        """See SquaredError."""
        return super().compute() / self.variance
