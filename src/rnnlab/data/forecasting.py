"""Data sets for forecasting: time series, split by time, as windows of what a network reads.

S series, N steps of all of them, V target variables, D features of a step, H horizon.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rnnlab.config.types import PositiveInt, Seed, Share
from rnnlab.data.base import SPLITS, Split
from rnnlab.data.baselines.series import SeriesBaselines, SeriesSplits
from rnnlab.data.calendar_features import check_calendar
from rnnlab.data.loaders.windows import Windows, first_targets
from rnnlab.data.prepared import Prepared, PreparedDataModule, Source
from rnnlab.data.readers.cells import Decimal, Thousands
from rnnlab.data.readers.continuation import read_continued_series
from rnnlab.data.readers.delimited import Delimiter, Quoting
from rnnlab.data.readers.files import check_file
from rnnlab.data.readers.series import Series, read_series
from rnnlab.data.readers.series_columns import DuplicatePolicy, MissingPolicy, SeriesColumns
from rnnlab.data.scaling import (
    ReportUnits,
    SeriesScales,
    TransformName,
    fit_scales,
    variable_deviations,
)
from rnnlab.data.series.processor import SeriesProcessor
from rnnlab.data.series.splits import (
    ShortSeries,
    SplitSettings,
    find_borders,
    observed_ends,
    observed_windows,
    select_series,
    take_series,
    unseen_times,
)
from rnnlab.data.series.variables import (
    SeriesVariables,
    check_magnitudes,
    fit_static,
    select_variables,
    static_features,
)
from rnnlab.data.series.windowed import WindowedSeries
from rnnlab.data.sources.provenance import SourceName
from rnnlab.errors import ConfigError, DataError
from rnnlab.runtime.files import expand_path
from rnnlab.spec import Array, DataSpec, Ints


class SeriesDataModule(WindowedSeries, PreparedDataModule):
    """Base of all data sets of real time series.

    Training, validation and test follow each other in time, at the same dates in all series. No
    target crosses the border of a split, and the statistics are those of the training split. The
    targets that are evaluated depend on the horizon, not on the length of the input window.

    Args:
        source, path, batch_size, seed, shuffle: see PreparedDataModule.
        date_column, series_column, delimiter, encoding, date_format, missing, missing_values,
            duplicates, date_columns, day_first, time_zone, quoting, header, decimal, thousands,
            strip_signs: see rnnlab.data.readers.series_columns.SeriesColumns.
        target_columns: columns to forecast; None for all columns of numbers without another role.
        covariate_columns: columns that are read but not forecast.
        known_columns: columns that are known in advance, such as holidays or prices: the network
            reads them also at the steps that it forecasts.
        static_columns: columns with one number or text for each series; also `series_column`.
        short_series: refuse | drop series that are too short for `seq_len`.
        seq_len: steps of the input window.
        horizon: steps to forecast.
        transform: what the network reads and forecasts instead of the values: none | last (minus
            the last value of the window) | difference | log_return. Scores are of the values.
        report_in: units of the targets and of all scores: standard (minus the mean and divided by
            the standard deviation of each variable in training) | original.
        column_units: different | same, of several target columns with report_in=original. If they
            are different, the mean squared and absolute errors over all columns are of errors that
            are divided by the standard deviation of their column in training.
        channels: joint (one network reads and forecasts all variables together) | independent (each
            variable is a series of its own, all forecast by one network).
        calendar: calendar features of each input step: of hour, weekday, year.
        season: steps of a season, for the seasonal naive forecast; None for no season.
        ridge_window: steps that the linear baseline reads.
        val_fraction: share of the time for validation.
        test_fraction: share of the time for the test, at the end.
        val_from: first date of the validation, such as 2024-01-31, instead of `val_fraction`; the
            number of a step in a series without dates.
        test_from: first date of the test, instead of `test_fraction`.
        test_path: a file with the rows that follow those of `path`, which are the test split.

    Attributes:
        targets: values in the units of the report, (N, V), float64, a gap filled; set by `setup`
            like the following one and those of WindowedSeries.
        observed: False where the file has no value, (N, V); such a value is never a target.
    """

    version = 4
    path_settings = ("path", "test_path")
    processor: SeriesProcessor

    def __init__(
        self,
        source: SourceName = "auto",
        path: str | None = None,
        date_column: str | None = "date",
        target_columns: list[str] | None = None,
        covariate_columns: list[str] | None = None,
        known_columns: list[str] | None = None,
        static_columns: list[str] | None = None,
        series_column: str | None = None,
        short_series: ShortSeries = "refuse",
        delimiter: Delimiter | None = None,
        encoding: str = "utf-8",
        date_format: str | None = None,
        missing: MissingPolicy = "previous",
        missing_values: list[float | str] | None = None,
        duplicates: DuplicatePolicy = "error",
        date_columns: list[str] | None = None,
        day_first: bool | None = None,
        time_zone: str | None = None,
        quoting: Quoting = "auto",
        header: bool | None = None,
        decimal: Decimal | None = None,
        thousands: Thousands | None = None,
        strip_signs: bool = False,
        seq_len: PositiveInt = 96,
        horizon: PositiveInt = 24,
        batch_size: PositiveInt = 64,
        transform: TransformName = "last",
        report_in: ReportUnits = "standard",
        column_units: Literal["different", "same"] = "different",
        channels: Literal["joint", "independent"] = "joint",
        calendar: list[str] | None = None,
        season: PositiveInt | None = None,
        ridge_window: PositiveInt = 96,
        val_fraction: Share = 0.1,
        test_fraction: Share = 0.2,
        val_from: str | int | None = None,
        test_from: str | int | None = None,
        test_path: str | None = None,
        seed: Seed = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(source, path, batch_size, seed, shuffle)
        self.columns = SeriesColumns(
            date_column,
            tuple(target_columns) if target_columns is not None else None,
            series_column,
            delimiter,
            encoding,
            date_format,
            tuple(missing_values or ()),
            missing,
            duplicates,
            tuple(date_columns or ()),
            day_first,
            time_zone,
            quoting,
            header,
            decimal,
            thousands,
            strip_signs,
            tuple(covariate_columns or ()),
            tuple(known_columns or ()),
            tuple(static_columns or ()),
        )
        self.seq_len, self.horizon = seq_len, horizon
        self.transform, self.report_in, self.channels = transform, report_in, channels
        self.unit = "standard deviations" if report_in == "standard" else "units of the file"
        self.column_units = column_units
        self.calendar = check_calendar(calendar or [])
        self.season, self.ridge_window = season, ridge_window
        self.split = SplitSettings(val_fraction, test_fraction, val_from, test_from)
        self.short_series, self.test_path = short_series, test_path
        self._check_settings()

    def _check_settings(self) -> None:
        self.split.check()
        self.columns.check_roles()
        self.columns.check_dates()
        if self.columns.values == ():
            raise ConfigError("data.target_columns=[]: name at least one, or null for all columns")
        if self.transform == "last" and self.seq_len == 1:
            raise ConfigError(
                "data.seq_len=1 with data.transform=last: a window of one step minus its last "
                "value is always 0, the network reads nothing. Set data.seq_len=2 or more, or "
                "data.transform=none"
            )
        if self.test_path and (self.path is None or self.split.test_from is not None):
            raise ConfigError(
                "data.test_path: its rows are the test split and follow those of data.path; set "
                "data.path, and not data.test_from"
            )
        if self.transform == "log_return" and self.report_in == "standard":
            raise ConfigError(
                "data.transform=log_return needs the values themselves, which are positive; "
                "data.report_in=standard makes some negative: choose data.report_in=original"
            )
        if self.calendar and not self.columns.dates:
            raise ConfigError(
                f"data.calendar=[{','.join(self.calendar)}]: needs dates, but data.date_column is "
                "null: name the column of the dates, or set data.calendar=[]"
            )

    def local(self) -> Source:
        """See PreparedDataModule; one file, plain or compressed, or two with a test file.

        Their names are those of series without a name, so they belong to the prepared data.
        """
        files = [check_file(self.local_path())]
        if self.test_path:
            files.append(check_file(expand_path(self.test_path)))
        return self.file_source(
            files, lambda: self.read(*files), "+".join(file.name for file in files)
        )

    def read(self, file: Path, test_file: Path | None = None) -> tuple[Series, list[str]]:
        """Return the series of the file, and notes on repairs."""
        notes: list[str] = []
        if test_file:
            return read_continued_series(file, test_file, self.columns, notes), notes
        return read_series(file, self.columns, notes), notes

    # Preparation: the series as arrays.

    def settings(self) -> dict[str, Any]:
        """See PreparedDataModule; borders and scales are computed by `open`."""
        return {"columns": asdict(self.columns)}

    def prepare(self, raw: tuple[Series, list[str]], folder: Path) -> Prepared:
        """See PreparedDataModule; the raw data is a Series and notes on repairs."""
        series, notes = raw
        digest = hashlib.sha256(np.ascontiguousarray(series.values).tobytes()).hexdigest()
        return Prepared({}, notes, series.save(folder), digest)

    def select_variables(self, series: Series) -> SeriesVariables:
        """Return the variables by the roles of the columns."""
        return select_variables(series, self.columns)

    def find_borders(self, series: Series, ends: Ints) -> list[Ints]:
        """Return the ends of training, validation and test in each series, (S,) each.

        `ends` are those of the observed targets, (S,).
        """
        alone = series.time_kind == "steps" and not self.columns.dates
        return find_borders(series, ends, self.split, each_series=alone)

    def open(self, facts: Mapping[str, Any]) -> None:
        """See PreparedDataModule: borders, scales and windows."""
        loaded = Series.load(self.folder, facts)
        series, variables, borders = self.select_long_series(loaded)
        starts = series.offsets[:-1]
        self.variables, self.observed = variables.names, variables.observed
        scales = self.fit_scales(variables, series.offsets, borders[0])
        ranges = list(zip(starts.tolist(), borders[0].tolist(), strict=True))
        self.processor = self.make_processor(series, variables, scales, ranges)
        self.inputs = self.processor.inputs(
            series.names,
            series.offsets,
            series.local_times,
            variables,
            static_features(series, self.processor.static),
        )
        self.targets = self.inputs.scaled.targets
        if self.calendar and series.time_kind == "steps":
            raise DataError(
                f"{self.path}: data.calendar=[{','.join(self.calendar)}] needs dates, but the file "
                "has numbers of steps: set data.calendar=[]"
            )
        offset = int(self.transform in ("difference", "log_return"))  # they need a previous step
        first = first_targets(starts + offset, borders, self.seq_len, self.horizon)
        self.windows = {s: self.select_windows(s, first[s]) for s in SPLITS}
        owners = {
            s: np.searchsorted(series.offsets, windows.first, "right") - 1
            for s, windows in self.windows.items()
        }
        origin = -scales.report.means / scales.report.deviations
        self.splits = SeriesSplits(
            self.windows,
            owners,
            starts,
            borders,
            origin,
            self.processor.error_scale,
            self.processor.independent,
        )
        self.series_baselines = self.make_baselines(self.splits)
        self.unseen_starts, unseen_from = borders[1], unseen_times(series, borders[1])
        naive_errors = self.series_baselines.naive_errors()
        self.processor = replace(
            self.processor, naive_errors=naive_errors, season=self.season, unseen_from=unseen_from
        )
        self.times, self.local_times = series.times, series.local_times
        self.time_kind, self.series_names = series.time_kind, series.names
        self._set_spec()

    def select_long_series(self, series: Series) -> tuple[Series, SeriesVariables, list[Ints]]:
        """Return the series that are long enough, with their variables and borders.

        Rows after the last value of a target are the future; they are in no split.
        """
        variables = self.select_variables(series)
        ends = observed_ends(series, variables.observed)
        future = int((series.offsets[1:] - ends).sum())
        if future:
            self.add_notes(
                f"{future:,} rows at the end of the series have no value of "
                f"{', '.join(variables.names)}: they are the future, and in no split"
            )
        borders = self.find_borders(series, ends)
        keep, notes = select_series(
            series,
            variables.observed,
            borders,
            self.seq_len,
            self.horizon,
            self.short_series,
            self.source_name,
        )
        self.add_notes(*notes)
        if len(keep) == len(ends):
            return series, variables, borders
        series, borders = take_series(series, borders, keep)
        return series, self.select_variables(series), borders

    @property
    def source_name(self) -> str:
        """Path of the file, or name of the data set, in errors."""
        return self.path or type(self).__name__

    def select_windows(self, split: Split, first: Ints) -> Windows:
        """Return the windows from these first steps on that have an observed target value."""
        gaps = None if self.observed.all() else self.observed
        windows = Windows(self.targets, first, self.horizon, gaps)
        windows, notes = observed_windows(windows, split, self.variables, self.source_name)
        self.add_notes(*notes)
        return windows

    def make_processor(
        self,
        series: Series,
        variables: SeriesVariables,
        scales: SeriesScales,
        ranges: list[tuple[int, int]],
    ) -> SeriesProcessor:
        """Return the processor of the training; `ranges` are the training steps of each series."""
        return SeriesProcessor(
            columns=replace(self.columns, values=tuple(variables.names)),
            variables=tuple(variables.names),
            covariates=tuple(variables.covariate_names),
            series=tuple(series.names),
            static=tuple(fit_static(series, self.columns)),
            scales=scales,
            error_scale=self.error_scale(variables, ranges),
            calendar=tuple(self.calendar),
            seq_len=self.seq_len,
            horizon=self.horizon,
            independent=self.channels == "independent",
        )

    def fit_scales(
        self, variables: SeriesVariables, offsets: Array, train_ends: Array
    ) -> SeriesScales:
        """Return the scales of the training; see rnnlab.data.scaling.fit_scales.

        Raises:
            DataError: a value is not positive, but its logarithm is needed; or values are so large
                or so close to each other that squared errors are no numbers.
        """
        targets = variables.targets
        check_magnitudes(self.source_name, variables)
        if self.transform == "log_return" and (targets <= 0).any():
            raise DataError(
                f"{self.source_name}: data.transform=log_return needs positive "
                f"values, but the least is {targets.min():g}; choose data.transform=difference"
            )
        return fit_scales(
            targets,
            variables.observed,
            variables.covariates,
            offsets,
            train_ends,
            self.transform,
            self.report_in,
        )

    def error_scale(self, variables: SeriesVariables, ranges: list[tuple[int, int]]) -> Array:
        """Return what divides the errors of each variable before a mean over all of them, (V,).

        `ranges` are the training steps of each series.
        """
        count = len(variables.names)
        if count == 1 or self.report_in == "standard" or self.column_units == "same":
            return np.ones(count)
        scale = variable_deviations(variables.targets, variables.observed, ranges)
        constant = [variables.names[i] for i in np.flatnonzero(np.isnan(scale))]
        without = f"; without {', '.join(constant)}, constant in training" if constant else ""
        self.add_notes(
            f"mse and mae are means over {count} columns, of errors divided by the standard "
            f"deviation of their column in training{without}. If all columns have the same unit: "
            "data.column_units=same"
        )
        return scale

    def _set_spec(self) -> None:
        sizes = {split: self.size(split) for split in SPLITS}
        self.provenance = replace(self.provenance, sizes=sizes)
        names = ("all",) if self.channels == "independent" else tuple(self.variables)
        self.spec = DataSpec(
            output_size=len(names),
            input_size=len(names) + self.inputs.num_features,
            known_size=self.inputs.num_known,
            horizon=self.horizon,
            transform=self.transform,
            variables=names,
        )

    # Batches.

    def save_processor(self, folder: Path) -> None:
        """See DataModule."""
        replace(self.processor, intervals=self.intervals).save(folder)

    def preview(self) -> DataSpec:
        """See DataModule; the number of variables is unknown before the file is read."""
        targets = self.columns.values if self.channels == "joint" else None
        size, known = len(targets or (1,)), len(self.columns.known)
        return DataSpec(
            output_size=size,
            input_size=size + known,
            known_size=known,
            horizon=self.horizon,
            transform=self.transform,
        )

    def make_baselines(self, splits: SeriesSplits) -> SeriesBaselines:
        """Return the baselines of this data set."""
        return SeriesBaselines(
            splits, self.season, self.ridge_window, subtract_last=self.transform == "last"
        )
