"""Units of time series: what a network reads and forecasts, and what is reported.

S series one after the other, N steps in all, V target variables, C covariates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.processors.base import PlainArray
from rnnlab.spec import Array

TransformName = Literal["none", "last", "difference", "log_return"]
ReportUnits = Literal["standard", "original"]


class Standardization(NamedTuple):
    """Mean and standard deviation, which is positive, of each variable in each series, (S, V)."""

    means: PlainArray
    deviations: PlainArray

    def apply(self, values: Array, series_index: Array) -> Array:
        """Return (values - mean) / deviation, (N, V), by the series of each step, (N,)."""
        z_scores: Array = (values - self.means[series_index]) / self.deviations[series_index]
        return z_scores


def fit_standardization(
    values: Array, observed: Array, ranges: Sequence[tuple[int, int]]
) -> Standardization:
    """Return the statistics of each series over the observed values of its own training steps.

    The values and whether they are observed are (N, V); the deviation of a constant variable is 1.
    A variable without an observed value has the statistics of its first value.
    """
    means, deviations = [], []
    for begin, end in ranges:
        mask = observed[begin:end].copy()
        mask[0] |= ~mask.any(axis=0)
        origin = np.asarray(values[begin], dtype=np.float64)  # keeps sums of large values exact
        part = values[begin:end] - origin
        means.append(origin + part.mean(axis=0, where=mask))
        deviations.append(part.std(axis=0, where=mask))
    spread = np.stack(deviations)
    return Standardization(np.stack(means), np.where(spread > 0, spread, 1.0))


def variable_deviations(
    values: Array, observed: Array, ranges: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """Return the standard deviation of each variable over the training steps of all series, (V,).

    NaN for a variable that is constant there, unless all are: they have 1 then.
    """
    rows = np.concatenate([np.arange(begin, end) for begin, end in ranges])
    (scale,) = fit_standardization(values[rows], observed[rows], [(0, len(rows))]).deviations
    parts = zip(values[rows].T, observed[rows].T, strict=True)
    constant = np.array([len(np.unique(part[mask])) < 2 for part, mask in parts])
    return np.where(constant & ~constant.all(), np.nan, np.where(constant, 1.0, scale))


class ScaledSeries(NamedTuple):
    """Series in the units of the reports and in those of the network, all in double precision.

    Attributes:
        targets: values in reported units, (N, V).
        inputs: the same values as the network reads them, (N, V).
        covariates: (N, C).
    """

    targets: Array
    inputs: Array
    covariates: Array


@dataclass(frozen=True)
class SeriesScales:
    """Scales of series between the units of the file, of the reports and of the network.

    Attributes:
        transform: see SeriesDataModule.
        report: from the units of the file to those of the reports.
        inputs: from reported values, transformed, to what the network reads.
        covariates: from the units of the file to what the network reads.
    """

    transform: TransformName
    report: Standardization
    inputs: Standardization
    covariates: Standardization

    @property
    def forecasts(self) -> Standardization:
        """From reported values, transformed, to what the network forecasts."""
        if self.transform == "last":  # differences of two values, whose means cancel
            return self.inputs._replace(means=np.zeros_like(self.inputs.means))
        return self.inputs

    def apply(
        self, targets: Array, covariates: Array, offsets: Array, series_index: Array
    ) -> ScaledSeries:
        """Scale targets (N, V) and covariates (N, C), both in the units of the file.

        Args:
            targets: values without gaps, (N, V).
            covariates: (N, C).
            offsets: first step of each series and the end of the last one, (S + 1,).
            series_index: position of each of these series in the scales, (S,).
        """
        index = np.repeat(series_index, np.diff(offsets))
        targets = self.report.apply(targets, index)
        inputs = TRANSFORM_INPUTS[self.transform](targets, offsets[:-1])
        inputs = self.inputs.apply(inputs, index)
        return ScaledSeries(targets, inputs, self.covariates.apply(covariates, index))


def fit_scales(
    targets: Array,
    observed: Array,
    covariates: Array,
    offsets: Array,
    train_ends: Array,
    transform: TransformName,
    report_in: ReportUnits,
) -> SeriesScales:
    """Return the scales of targets (N, V) and covariates (N, C) by their training steps.

    Both are in the units of the file. `observed` is False where a target is missing, (N, V).
    `offsets` has the first step of each series and the end of the last one, (S + 1,), and
    `train_ends` the end of training in each, (S,). See SeriesDataModule for the settings.
    """
    starts = offsets[:-1]
    ranges = list(zip(starts.tolist(), train_ends.tolist(), strict=True))
    index = np.repeat(np.arange(len(starts)), np.diff(offsets))
    report = fit_standardization(targets, observed, ranges)
    if report_in == "original":
        report = Standardization(np.zeros_like(report.means), np.ones_like(report.means))
    inputs = TRANSFORM_INPUTS[transform](report.apply(targets, index), starts)
    all_observed = np.ones(covariates.shape, dtype=bool)
    return SeriesScales(
        transform,
        report,
        fit_standardization(inputs, observed, ranges),
        fit_standardization(covariates, all_observed, ranges),
    )


def identity_scales(variables: int) -> SeriesScales:
    """Return scales of one series that change nothing."""
    same, none = (
        Standardization(np.zeros((1, count)), np.ones((1, count))) for count in (variables, 0)
    )
    return SeriesScales("none", same, same, none)


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
