"""Prediction intervals at the end of series: they follow the errors of forecasts in their rows.

S series, R earlier forecasts of each, V target variables of a forecast, A variables of a series, H
horizon, L levels.
"""

from typing import NamedTuple

import numpy as np
import torch

from rnnlab.data.processors.base import Network
from rnnlab.data.readers.dates import format_time
from rnnlab.data.readers.series import Series
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.data.series.history import (
    BATCH_WINDOWS,
    History,
    make_batch,
    rows_needed,
    scale_history,
)
from rnnlab.data.series.inputs import SeriesInputs
from rnnlab.data.series.splits import observed_ends
from rnnlab.metrics.conformal import ConformalIntervals, interval_scale, level_scores
from rnnlab.metrics.tracking import ForecastOrigins
from rnnlab.spec import Array, Ints

# Earlier forecasts that are made at most, as a multiple of those of the validation. The intervals
# remember a quarter of a validation, so that older ones move them by less than a step size.
MAX_VALIDATIONS = 10


class CurrentIntervals(NamedTuple):
    """Prediction intervals of the forecasts after the last row of each series.

    Attributes:
        intervals: those of the validation.
        offsets: of each series, variable, step and level, (S, A, H, L).
        note: which forecasts they were calibrated on.
    """

    intervals: ConformalIntervals
    offsets: Array
    note: str


def current_intervals(
    features: SeriesFeatures, series: Series, network: Network, intervals: ConformalIntervals
) -> CurrentIntervals:
    """Return the intervals that follow the errors of the forecasts in the rows of some series.

    The network forecasts every step after the validation that has enough rows before it, as far as
    values are known. These are the intervals that the test split would have at this step.

    Args:
        features: of the training.
        series: their history; later rows may have the columns that are known in advance.
        network: forecasts a batch, in the units of the reports.
        intervals: of the validation.

    Raises:
        DataError: a series is unknown or too short.
    """
    counts = np.zeros(len(series.names), dtype=np.int64)
    if intervals.step_sizes is not None:
        counts = _count_forecasts(features, series, intervals)
    past = PastForecasts.read(features, series, counts)
    offsets = intervals.track(past.scores(network, intervals), past.origins)
    offsets = np.moveaxis(offsets[-past.num_current :], 2, 1)  # (S, A, H, L) or (S A, 1, H, L)
    sizes = len(counts), len(features.variables), features.horizon, len(intervals.levels)
    note = _describe(series, past, intervals, counts)
    return CurrentIntervals(intervals, offsets.reshape(sizes), note)


def _count_forecasts(
    features: SeriesFeatures, series: Series, intervals: ConformalIntervals
) -> Ints:
    """Return how many steps of each series can be forecast whose values are known, (S,)."""
    number = -(-max(map(max, intervals.counts)) // len(features.series))  # of one series
    ends = observed_ends(series, features.select(series).observed)
    first = np.maximum(features.unseen_starts(series), series.offsets[:-1] + rows_needed(features))
    counts: Ints = np.clip(ends - first, 0, MAX_VALIDATIONS * number)
    return counts


def _describe(
    series: Series, past: "PastForecasts", intervals: ConformalIntervals, counts: Ints
) -> str:
    """Return which forecasts the intervals were calibrated on."""
    number = max(map(max, intervals.counts))
    note = f"intervals: calibrated on {number:,} forecasts of the validation"
    if not counts.any():
        return note
    last = int(past.history.local_times[counts > 0, past.history.length - 1].max())
    until = format_time(last, series.time_kind)
    return f"{note}, then on {counts.sum():,} forecasts up to {until}"


class PastForecasts(NamedTuple):
    """Earlier forecasts of series, and at the end those after their last rows.

    Attributes:
        history: with R earlier forecasts.
        inputs: what the network reads of it.
        first: step of the history that each forecast begins with, (N,).
        origins: of the forecasts.
        num_current: number of the forecasts after the last rows.
    """

    history: History
    inputs: SeriesInputs
    first: Ints
    origins: ForecastOrigins
    num_current: int

    @classmethod
    def read(cls, features: SeriesFeatures, series: Series, counts: Ints) -> "PastForecasts":
        """Return the last forecasts of each series, as many as `counts`, (S,)."""
        longest = int(counts.max())
        history = History.read(features, series, features.horizon, 0, longest)
        count, steps, num_variables = history.targets.shape
        owners = np.append(np.repeat(np.arange(count), counts), np.arange(count))
        ages = [np.arange(-number, 0) for number in counts]
        place = np.concatenate([*ages, np.zeros(count, dtype=np.int64)])
        width = 1 if features.independent else num_variables
        groups = num_variables // width
        columns = np.arange(num_variables).reshape(-1, width)
        owners, place = np.repeat(owners, groups), np.repeat(place, groups)
        variables = np.tile(columns, (len(owners) // groups, 1))
        return cls(
            history,
            scale_history(features, history),
            owners * steps + history.length + place,
            ForecastOrigins(owners, place + longest, variables),
            count * groups,
        )

    def scores(self, network: Network, intervals: ConformalIntervals) -> Array:
        """Return the conformity scores, NaN where a value is not known, (N, H, V, L)."""
        count = len(self.first) - self.num_current
        rows = np.arange(count)
        shape = len(self.first), self.inputs.horizon, self.origins.variables.shape[1]
        scores = np.full((*shape, len(intervals.levels)), np.nan)
        for part in np.split(rows, range(BATCH_WINDOWS, count, BATCH_WINDOWS)):
            if len(part):
                scores[part] = self._part_scores(part, network, intervals)
        return scores

    def _part_scores(self, rows: Ints, network: Network, intervals: ConformalIntervals) -> Array:
        variables = self.origins.variables[rows]
        batch = make_batch(self.inputs, self.first[rows], self.origins.series[rows], variables)
        steps = self.first[rows, None] + np.arange(self.inputs.horizon)
        place = steps[:, :, None], variables[:, None]
        mask = self.history.target_mask.reshape(-1, self.history.target_mask.shape[2])[place]
        targets = np.where(mask, self.inputs.scaled.targets[place], np.nan)
        return level_scores(
            network.answer(batch),
            torch.from_numpy(targets),
            network.quantiles,
            intervals.levels,
            interval_scale(batch),
            intervals.relative,
        ).numpy()
