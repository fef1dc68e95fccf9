"""The last steps of series, and room for the steps to forecast.

S series, T steps that are read of each, V target variables, C covariates, F static features, H
horizon.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnlab.data.base import to_batch
from rnnlab.data.readers.dates import format_time
from rnnlab.data.readers.series import Series
from rnnlab.data.readers.time_steps import continue_times
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.data.series.inputs import SeriesInputs
from rnnlab.data.series.splits import observed_ends
from rnnlab.data.series.variables import SeriesVariables, static_features
from rnnlab.errors import DataError
from rnnlab.spec import Array, Batch, Ints

BATCH_WINDOWS = 1024  # that a network reads at the same time


def rows_needed(features: SeriesFeatures) -> int:
    """Return the number of rows that a forecast reads; a difference needs one more."""
    return features.seq_len + int(features.scales.transform in ("difference", "log_return"))


@dataclass(frozen=True)
class History:
    """The last steps of each series, and room for the steps to forecast.

    Attributes:
        names: of the series, S.
        length: steps before the first one to forecast.
        targets: in the units of the file, (S, T, V); NaN at the steps to forecast.
        target_mask: False where the file has no value, (S, T, V).
        covariates: (S, T, C); NaN at the steps to forecast, if they are not known.
        local_times: (S, T).
        static: (S, F).
    """

    names: Sequence[str]
    length: int
    targets: Array
    target_mask: Array
    covariates: Array
    local_times: Ints
    static: Array

    @classmethod
    def read(
        cls, features: SeriesFeatures, series: Series, room: int, steps: int, past: int = 0
    ) -> "History":
        """Return the history up to the last row with a value of a target.

        A series that is shorter begins with repetitions of its first row.

        Args:
            features: of the training.
            series: all rows.
            room: steps to forecast, whole horizons.
            steps: the first ones of them that are wanted.
            past: earlier steps to forecast, of which the window is wanted too.

        Raises:
            DataError: a series is too short, or a known column ends within the steps.
        """
        length = past + features.seq_len + 1  # a difference needs the step before the window
        rows = _Rows.of(features, series)
        offsets = series.offsets.tolist()
        ends = observed_ends(series, rows.variables.observed)
        parts = [
            rows.take(features, place, length, room)
            for place in zip(offsets[:-1], ends.tolist(), offsets[1:], strict=True)
        ]
        targets, mask, covariates, times = map(np.stack, zip(*parts, strict=True))
        static = static_features(series, features.static)
        history = cls(series.names, length, targets, mask, covariates, times, static)
        history.check_known(features, series, steps)
        return history

    def check_known(self, features: SeriesFeatures, series: Series, steps: int) -> None:
        """Check that the file has the columns that are known in advance for all steps.

        Raises:
            DataError: one ends earlier.
        """
        known = self.covariates[:, self.length :, self.covariates.shape[2] - features.num_known :]
        for s, step, column in np.argwhere(np.isnan(known[:, :steps]))[:1]:
            name = features.covariates[len(features.covariates) - features.num_known + column]
            when = format_time(self.local_times[s, self.length + step], series.time_kind)
            raise DataError(
                f"series {self.names[s]!r}: the column {name!r} is known in advance, but has no "
                f"value for {when}, step {step + 1} of the forecast. Append rows with it, and "
                "leave their targets empty"
            )
        known[np.isnan(known)] = 0.0  # steps of the last block that are not wanted


class _Rows(NamedTuple):
    """All rows of the series, in the units of the file.

    Attributes:
        series: the series.
        variables: see SeriesVariables; a gap has the previous value.
        known: columns that are known in advance, (N, K); NaN where the file has no value.
    """

    series: Series
    variables: SeriesVariables
    known: Array

    @classmethod
    def of(cls, features: SeriesFeatures, series: Series) -> "_Rows":
        """Return the rows with the columns of the training."""
        names = features.columns.known
        known = np.where(series.is_observed(*names), series.column(*names), np.nan)
        return cls(series, features.select(series), known)

    def take(
        self, features: SeriesFeatures, place: tuple[int, int, int], length: int, room: int
    ) -> tuple[Array, Array, Array, Ints]:
        """Return targets and their mask (T, V), covariates and times of one series.

        `place` is its first step, the first one to forecast, and its end. The step before the
        window repeats the first one if the series begins there and no difference needs it.

        Raises:
            DataError: the series is too short.
        """
        begin, end, stop = place
        self.check_length(features, begin, end)
        past = np.maximum(np.arange(end - length, end), begin)
        future = np.arange(end, min(stop, end + room))
        filled = length + len(future)
        targets = np.full((length + room, len(features.variables)), np.nan)
        covariates = np.full((length + room, len(features.covariates)), np.nan)
        targets[:length] = self.variables.targets[past]
        mask = np.zeros(targets.shape, dtype=bool)
        mask[:length] = self.variables.observed[past]
        covariates[:length] = self.variables.covariates[past]
        covariates[length:filled, len(features.covariates) - features.num_known :] = self.known[
            future
        ]
        steps = slice(begin, end + len(future))
        times = continue_times(
            self.series.times[steps],
            self.series.local_times[steps],
            self.series.time_kind,
            length + room - filled,
        )
        past_times, future_times = (self.series.local_times[rows] for rows in (past, future))
        return targets, mask, covariates, np.concatenate([past_times, future_times, times])

    def check_length(self, features: SeriesFeatures, begin: int, end: int) -> None:
        """Check that a series has enough rows before the first step to forecast.

        Raises:
            DataError: it has not.
        """
        need = max(rows_needed(features), 2)  # one row does not show the time between two rows
        if end - begin < need:
            name = self.series.names[int(np.searchsorted(self.series.offsets, begin, "right")) - 1]
            raise DataError(
                f"series {name!r} has {end - begin:,} rows up to its last value of a target, but "
                f"the network reads {need:,} (data.seq_len={features.seq_len})"
            )


def scale_history(features: SeriesFeatures, history: History) -> SeriesInputs:
    """Return what the network reads of the history and of the forecasts so far."""
    count, steps, num_variables = history.targets.shape
    variables = SeriesVariables(
        history.targets.reshape(-1, num_variables),
        np.ones((count * steps, num_variables), dtype=bool),
        list(features.variables),
        history.covariates.reshape(count * steps, -1),
        list(features.covariates),
        features.num_known,
    )
    offsets, times = np.arange(count + 1) * steps, history.local_times.reshape(-1)
    return features.inputs(history.names, offsets, times, variables, history.static)


def make_batch(inputs: SeriesInputs, first: Ints, series: Ints, columns: Ints) -> Batch:
    """Return the windows before some steps as a batch without targets."""
    read = inputs.windows(first, series, columns)
    targets = np.full((len(first), inputs.horizon, columns.shape[1]), np.nan)
    batch = to_batch(read.values, np.full(len(first), inputs.seq_len), targets, first)
    return batch._replace(units=read.units, future=read.future)
