"""Metrics of forecasts, alone and compared with another forecast. Mostly plain numpy.

N targets, H steps of the horizon, V variables, Q quantiles.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
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


class ErrorUnits(NamedTuple):
    """Units of the errors of some targets, (N, 1, V) each.

    Attributes:
        naive_errors: mean absolute error of the naive forecast in the training part, in the units
            of the targets; 0 or NaN where MASE is undefined.
        origin: zero of the original units, in the units of the targets.
        scale: divides errors before a mean over several variables; NaN for a variable that has no
            scale and does not count in such a mean.
    """

    naive_errors: Array
    origin: Array
    scale: Array

    def take(self, rows: Array) -> "ErrorUnits":
        """Return the units of some targets."""
        return ErrorUnits(*(part[rows] for part in self))

    def powers_of_scale(self) -> dict[str, Array]:
        """Return what divides each metric before a mean over several variables, (N, 1, V)."""
        ones = np.ones_like(self.scale)
        return {"mse": self.scale**2, "mae": self.scale, "smape": ones, "mase": ones}


def forecast_errors(forecasts: Array, truth: Array, units: ErrorUnits) -> dict[str, Array]:
    """Return the errors of each value in double precision, metric -> (N, H, V).

    mse = (f - y)^2, mae = |f - y|, smape = 2 |f - y| / (|f| + |y|) (Makridakis, 1993), and mase =
    |f - y| / q, with q the mean absolute error of the naive forecast in the training part (Hyndman
    & Koehler, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001). smape is at most 2: it is 2
    where one of f and y is 0, and 0 where both are.

    `forecasts` is f and `truth` is y, (N, H, V); `units` has q, and the zero of smape.
    """
    error = np.abs(np.subtract(forecasts, truth, dtype=np.float64))
    size = np.abs(forecasts - units.origin) + np.abs(truth - units.origin)
    with np.errstate(divide="ignore", invalid="ignore"):  # infinite, or without a naive error
        relative = np.divide(2 * error, size, out=np.zeros_like(error), where=size != 0)
        ratio = error / units.naive_errors
    return {"mse": error**2, "mae": error, "smape": relative, "mase": ratio}


@dataclass(frozen=True)
class ForecastErrors:
    """Errors of a forecast of N targets. Values that are missing in the file do not count.

    Attributes:
        sums: metric -> sum over the steps of each target and variable, in the units of the
            targets, (N, V).
        counts: metric -> number of values in each of these sums, (N, V).
        scaled_sums, scaled_counts: the same in the units of a mean over several variables.
        by_step: metric -> its mean at each step of the horizon, (H,), in these units; NaN where it
            is undefined.
    """

    sums: dict[str, Array]
    counts: dict[str, Array]
    scaled_sums: dict[str, Array]
    scaled_counts: dict[str, Array]
    by_step: dict[str, Array]

    @cached_property
    def squared_errors(self) -> Array:
        """Mean squared error of each target, (N,); NaN where it is undefined."""
        sums, counts = self.scaled_sums["mse"], self.scaled_counts["mse"]
        return divide(sums.sum(axis=1), counts.sum(axis=1))

    @cached_property
    def means(self) -> dict[str, float]:
        """Metric -> its mean over all values; NaN where it is undefined."""
        pairs = zip(self.scaled_sums.items(), self.scaled_counts.values(), strict=True)
        return {name: float(divide(sums.sum(), counts.sum())) for (name, sums), counts in pairs}

    @property
    def is_finite(self) -> bool:
        """Whether all forecasts were finite."""
        return all(np.isfinite(sums).all() for sums in self.sums.values())

    def group_means(self, groups: Array, count: int) -> dict[str, Array]:
        """Return the mean of each metric in each group, in the units of the targets, (count,).

        `groups` is the group of each target and variable, (N, V), 0 .. count - 1.
        """
        total = partial(np.bincount, groups.ravel(), minlength=count)
        return {
            name: divide(total(weights=sums.ravel()), total(weights=self.counts[name].ravel()))
            for name, sums in self.sums.items()
        }


def divide(totals: Array, counts: Array) -> Array:
    """Return totals / counts; NaN where nothing was valid."""
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def measure_forecast(
    forecast: Callable[[Array], Array], targets: Array, units: ErrorUnits
) -> ForecastErrors:
    """Return the errors of a forecast: a function from positions of targets (B,) to (B, H, V).

    `targets` is (N, H, V), NaN where a value is missing. A forecast that is not finite there makes
    the errors of its target NaN.
    """
    blocks = [
        sum_errors(forecast(rows), targets[rows], units.take(rows))
        for rows in iterate_blocks(np.arange(len(targets)), targets[0].size)
    ]
    sums, counts, scaled_sums, scaled_counts, step_sums, step_counts = (
        {name: [part[name] for part in parts] for name in FORECAST_METRICS}
        for parts in zip(*blocks, strict=True)
    )
    targetwise = [
        {name: np.concatenate(parts) for name, parts in members.items()}
        for members in (sums, counts, scaled_sums, scaled_counts)
    ]
    by_step = {
        name: divide(np.sum(step_sums[name], axis=0), np.sum(step_counts[name], axis=0))
        for name in FORECAST_METRICS
    }
    return ForecastErrors(targetwise[0], targetwise[1], targetwise[2], targetwise[3], by_step)


def sum_errors(forecasts: Array, truth: Array, units: ErrorUnits) -> list[dict[str, Array]]:
    """Return the sums and counts of ForecastErrors for some targets, then those of the steps."""
    errors, powers = forecast_errors(forecasts, truth, units), units.powers_of_scale()
    mask = ~np.isnan(truth)
    results: list[dict[str, Array]] = [{} for _ in range(6)]
    for name, values in errors.items():
        valid = mask & (units.naive_errors > 0) if name == "mase" else mask
        scalable = valid & np.isfinite(powers[name])
        plain = np.where(valid, values, 0.0)
        arrays = [plain, valid, np.where(scalable, values / powers[name], 0.0), scalable]
        totals = [array.sum(axis=1) for array in arrays]  # (N, V)
        totals += [array.sum(axis=(0, 2)) for array in arrays[2:]]  # (H,)
        for result, total in zip(results, totals, strict=True):
            result[name] = total
    return results


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
    """Compare predicted quantiles (N, H, V, Q), rising, with the targets (N, H, V).

    Targets that are NaN are missing and do not count.
    """
    levels = np.array(quantiles)
    losses, below = np.zeros(len(levels)), np.zeros(len(levels))
    inside = width = 0.0
    for rows in iterate_blocks(np.arange(len(truth)), forecasts[0].size):
        mask = ~np.isnan(truth[rows])
        values = forecasts[rows][mask].astype(np.float64)  # (values, Q)
        error = truth[rows][mask][:, None] - values
        losses += np.maximum(levels * error, (levels - 1) * error).sum(axis=0)
        below += (error <= 0).sum(axis=0)
        inside += ((error[:, 0] >= 0) & (error[:, -1] <= 0)).sum()
        width += (values[:, -1] - values[:, 0]).sum()
    count = int((~np.isnan(truth)).sum())
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
    mean_gain = float(np.mean(gains))
    skill = mean_gain / mean_other if mean_other else (math.nan if mean_gain else 0.0)
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    variance = long_run_variance(gains, min(horizon, n)) / n
    if variance <= 0 or correction <= 0:
        return ComparisonTest(skill, math.nan)
    statistic = mean_gain / math.sqrt(variance) * math.sqrt(correction)
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
        mask = ~targets.isnan()
        self.total += torch.where(mask, errors, 0.0).sum()
        self.count += mask.sum()

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
