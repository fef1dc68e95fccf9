"""Features of series: columns, scales and calendar of the training, also for new rows.

S series of the training, N steps of the series that are read, V target variables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnlab.data.calendar_features import calendar_features, calendar_names
from rnnlab.data.processors.base import PlainArray
from rnnlab.data.readers.series import Series
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.scaling import SeriesScales
from rnnlab.data.series.inputs import SeriesInputs
from rnnlab.data.series.variables import (
    SeriesVariables,
    StaticColumn,
    select_variables,
)
from rnnlab.errors import DataError, unknown_name
from rnnlab.spec import Array, Ints


@dataclass(frozen=True, kw_only=True)
class SeriesFeatures:
    """What a network reads of series.

    Attributes:
        columns: of the table, and how its cells are read; `values` names the target variables.
        variables: names of the target variables, V.
        covariates: names of the other columns that are read, those known in advance at the end.
        series: names of the series of the training, S.
        static: how the static columns become features.
        scales: of the training.
        error_scale: see rnnlab.spec.Units, (V,).
        calendar, seq_len, horizon: see SeriesDataModule.
        independent: each variable is a series of its own.
        unseen_from: first time of each series after the validation, S; see Series.times. Empty if
            it is not known.
    """

    columns: SeriesColumns
    variables: tuple[str, ...]
    covariates: tuple[str, ...]
    series: tuple[str, ...]
    static: tuple[StaticColumn, ...]
    scales: SeriesScales
    error_scale: PlainArray
    calendar: tuple[str, ...]
    seq_len: int
    horizon: int
    independent: bool
    unseen_from: tuple[int, ...] = ()

    @property
    def num_known(self) -> int:
        """Covariates that are known in advance, the last ones."""
        return len(self.columns.known)

    @property
    def input_names(self) -> list[str]:
        """Name of each feature of a step, D."""
        names = ["value"] if self.independent else self.variables
        static = [name for column in self.static for name in column.feature_names]
        return [*names, *self.covariates, *calendar_names(self.calendar), *static]

    def select(self, series: Series) -> SeriesVariables:
        """Return the variables of series by the roles of the columns."""
        return select_variables(series, self.columns)

    def find_series(self, names: Sequence[str]) -> Ints:
        """Return the position of each series in the training, (S,).

        Without a column of series there is one, whatever its file is called.

        Raises:
            DataError: one was not in the training.
        """
        if self.columns.series is None and len(names) == len(self.series) == 1:
            return np.zeros(1, dtype=np.int64)
        positions = {name: i for i, name in enumerate(self.series)}
        for name in names:
            if name not in positions:
                begin = f"the series {name!r} was not in training, so that its scale is unknown; "
                raise DataError(unknown_name(begin, name, self.series))
        return np.array([positions[name] for name in names], dtype=np.int64)

    def unseen_starts(self, series: Series) -> Ints:
        """Return the first step of each of some series after the validation, or their ends, (S,).

        Raises:
            DataError: one was not in the training.
        """
        if not self.unseen_from:
            return series.offsets[1:]
        times = np.asarray(self.unseen_from)[self.find_series(series.names)].tolist()
        bounds = zip(series.offsets[:-1].tolist(), series.offsets[1:].tolist(), times, strict=True)
        return np.array([i + np.searchsorted(series.times[i:j], time) for i, j, time in bounds])

    def inputs(
        self,
        names: Sequence[str],
        offsets: Ints,
        local_times: Array,
        variables: SeriesVariables,
        static: Array,
    ) -> SeriesInputs:
        """Return what a network reads of some series; those of the training or others.

        Args:
            names: of the series, S.
            offsets: first step of each series, and the end of the last one, (S + 1,).
            local_times: of each step; see Series, (N,).
            variables: in the units of the file.
            static: features of each series, (S, F).
        """
        index = self.find_series(names)
        scaled = self.scales.apply(variables.targets, variables.covariates, offsets, index)
        calendar = calendar_features(np.asarray(local_times), self.calendar)
        return SeriesInputs(
            scaled,
            self.scales.forecasts,
            index,
            np.concatenate([scaled.covariates, calendar], axis=1),
            variables.num_known,
            static,
            self.error_scale,
            self.seq_len,
            self.horizon,
            self.scales.transform == "last",
        )
