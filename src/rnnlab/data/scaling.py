"""Units of time series: what a network reads and forecasts, and what is reported.

S series one after the other, N steps in all, V target variables, C covariates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlab.spec import Array

TransformName = Literal["none", "last", "difference", "log_return"]
ReportUnits = Literal["standard", "original"]


class Standardization(NamedTuple):
    """Mean and standard deviation, which is positive, of each variable in each series, (S, V)."""

    means: Array
    deviations: Array

    def apply(self, values: Array, series_index: Array) -> Array:
        """Return (values - mean) / deviation, (N, V), by the series of each step, (N,)."""
        z_scores: Array = (values - self.means[series_index]) / self.deviations[series_index]
        return z_scores

    def astype(self, dtype: Any) -> "Standardization":
        """Return the same statistics in another precision."""
        return Standardization(self.means.astype(dtype), self.deviations.astype(dtype))


def fit_standardization(values: Array, ranges: Sequence[tuple[int, int]]) -> Standardization:
    """Return the statistics of each series over its own training steps, in double precision.

    The values are (N, V); the deviation of a constant variable is 1.
    """
    parts = [np.asarray(values[begin:end], dtype=np.float64) for begin, end in ranges]
    means = np.stack([part.mean(axis=0) for part in parts])
    deviations = np.stack([part.std(axis=0) for part in parts])
    return Standardization(means, np.where(deviations > 1e-12, deviations, 1.0))


@dataclass(frozen=True)
class ScaledSeries:
    """Series in the units of the reports and in those of the network, in single precision.

    Attributes:
        targets: values in reported units, (N, V).
        inputs: the same values as the network reads them, (N, V).
        covariates: (N, C).
        report_scale: from original to reported units.
        input_scale: from reported units, transformed, to `inputs`.
    """

    targets: Array
    inputs: Array
    covariates: Array
    report_scale: Standardization
    input_scale: Standardization


def scale_series(
    targets: Array,
    covariates: Array,
    offsets: Array,
    train_ends: Array,
    transform: TransformName,
    report_in: ReportUnits,
) -> ScaledSeries:
    """Scale targets (N, V) and covariates (N, C) with the statistics of their training steps.

    Both are in original units. `offsets` has the first step of each series and the end of the last
    one, (S + 1,), and `train_ends` the end of training in each, (S,). See SeriesDataModule for the
    settings.
    """
    starts = offsets[:-1]
    ranges = list(zip(starts.tolist(), train_ends.tolist(), strict=True))
    index = np.repeat(np.arange(len(starts)), np.diff(offsets))
    report_scale = fit_standardization(targets, ranges)
    if report_in == "standard":
        targets = report_scale.apply(targets, index)
    else:
        zeros = np.zeros_like(report_scale.means)
        report_scale = Standardization(zeros, np.ones_like(zeros))
    inputs = TRANSFORM_INPUTS[transform](targets, starts)
    input_scale = fit_standardization(inputs, ranges)
    if transform == "last":
        input_scale = input_scale._replace(means=np.zeros_like(input_scale.means))
    covariates = fit_standardization(covariates, ranges).apply(covariates, index)
    return ScaledSeries(
        targets.astype(np.float32),
        input_scale.apply(inputs, index).astype(np.float32),
        covariates.astype(np.float32),
        report_scale,
        input_scale.astype(np.float32),
    )


# Transforms of the values that a network reads; rnnlab.tasks.forecasting has the inverses.


def first_differences(values: Array, starts: Array) -> NDArray[np.float64]:
    """Return each value minus the previous one; 0 at the start of each series. (N, V) -> (N, V)."""
    steps = np.diff(np.asarray(values, dtype=np.float64), axis=0, prepend=values[:1])
    steps[starts] = 0.0
    return steps


def log_returns(values: Array, starts: Array) -> NDArray[np.float64]:
    """Return log(value / previous value); 0 at the start of each series. (N, V) -> (N, V)."""
    return first_differences(np.log(values), starts)


TRANSFORM_INPUTS: Mapping[TransformName, Callable[[Array, Array], Array]] = {
    "none": lambda values, starts: values,
    "last": lambda values, starts: values,  # `gather` subtracts the last value of each window
    "difference": first_differences,
    "log_return": log_returns,
}
