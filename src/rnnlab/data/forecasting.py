"""Series to be forecast: from a table to windows of what a network reads.

S series, N steps of all of them, V target variables, D features that are read, H horizon.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.config.types import NonNegativeInt, PositiveInt, Share
from rnnlab.data.base import Split
from rnnlab.data.baselines.forecasting import (
    Array,
    Forecast,
    Ridge,
    drift,
    persistence,
    seasonal_naive,
)
from rnnlab.data.loaders.windows import (
    CHANGES,
    Windows,
    calendar_features,
    check_calendar,
    first_targets,
    standard,
)
from rnnlab.data.prepared import Prepared, PreparedDataModule, Source
from rnnlab.data.readers.series import (
    Duplicates,
    Gaps,
    Series,
    SeriesColumns,
    as_date,
    read_series,
)
from rnnlab.data.readers.tables import Delimiter
from rnnlab.data.sources.hub import SourceName
from rnnlab.errors import ConfigError, DataError
from rnnlab.metrics.forecasting import errors_by_step, in_pieces
from rnnlab.spec import Batch, DataSpec, Units

Transform = Literal["none", "last", "difference", "log_return"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class Levels(NamedTuple):
    """What is forecast, and what else is read, in the units of the file.

    Attributes:
        values: (N, V).
        names: of the variables, V.
        others: covariates, (N, C).
        other_names: C.
    """

    values: Array
    names: list[str]
    others: Array
    other_names: list[str]


class SeriesDataModule(PreparedDataModule):
    """Base of all real series. A data set says where they come from and what is forecast.

    Training, validation and test follow each other in time, at the same dates in all series; no
    target reaches over a border, and means and deviations are those of training. What is evaluated
    depends on the horizon alone, not on the window that is read.

    Args:
        source: see PreparedDataModule.
        path: see PreparedDataModule.
        date_column: column of the time stamps; None where rows are taken as equidistant.
        target_columns: columns to forecast; None for all columns of numbers.
        covariate_columns: columns that are read beside them, never forecast.
        series_column: column that says which series a row belongs to; None for one series.
        delimiter: between cells: comma | semicolon | tab | pipe.
        encoding: of the file.
        date_format: as in strptime, such as %d/%m/%Y; None for ISO 8601 and what can be inferred.
        missing: of cells without a number: previous (fill with the value before) | error.
        missing_values: numbers that stand for no value, such as -9999.
        duplicates: of rows with the same time: error | first | last | keep.
        seq_len: steps that are read before a forecast.
        horizon: steps that are forecast.
        batch_size: targets in a batch, on each device.
        transform: what the network reads and forecasts in place of the values: none | last (minus
            the last value that was read) | difference | log_return. All scores are of the values.
        report_in: units of the targets and of all scores: standard (each variable minus its mean,
            over its deviation, of training) | original.
        channels: joint (one network reads and forecasts all variables together) | independent (each
            variable is a series of its own, all forecast by one network).
        calendar: what the network is told of each step that it reads: of hour, weekday, year.
        season: steps of a season, for the seasonal naive forecast; None for no season.
        ridge_window: steps that the linear baseline reads.
        val_fraction: share of the time for validation.
        test_fraction: share of the time for the test, at the end.
        seed: of the order of the batches.
        shuffle: draw the batches anew in each epoch.

    Attributes:
        headline_baselines: names of the baselines that the report compares with in words.
    """

    tasks = ("forecasting",)
    version = 2
    headline_baselines: tuple[str, ...] = ("persistence", "seasonal naive")

    def __init__(
        self,
        source: SourceName = "auto",
        path: str | None = None,
        date_column: str | None = "date",
        target_columns: list[str] | None = None,
        covariate_columns: list[str] | None = None,
        series_column: str | None = None,
        delimiter: Delimiter = "comma",
        encoding: str = "utf-8",
        date_format: str | None = None,
        missing: Gaps = "previous",
        missing_values: list[float] | None = None,
        duplicates: Duplicates = "error",
        seq_len: PositiveInt = 96,
        horizon: PositiveInt = 24,
        batch_size: PositiveInt = 64,
        transform: Transform = "last",
        report_in: Literal["standard", "original"] = "standard",
        channels: Literal["joint", "independent"] = "joint",
        calendar: list[str] | None = None,
        season: PositiveInt | None = None,
        ridge_window: PositiveInt = 96,
        val_fraction: Share = 0.1,
        test_fraction: Share = 0.2,
        seed: NonNegativeInt = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(source, path, batch_size, seed, shuffle)
        check_settings(val_fraction, test_fraction, transform, report_in, target_columns)
        self.columns = SeriesColumns(
            date_column,
            (*target_columns, *(covariate_columns or ())) if target_columns else None,
            series_column,
            delimiter,
            encoding,
            date_format,
            tuple(missing_values or ()),
            missing,
            duplicates,
        )
        self.targets, self.covariates = target_columns, list(covariate_columns or ())
        self.seq_len, self.horizon = seq_len, horizon
        self.transform, self.report_in, self.channels = transform, report_in, channels
        self.calendar = check_calendar(calendar or [])
        self.season, self.ridge_window = season, ridge_window
        self.val_fraction, self.test_fraction = val_fraction, test_fraction

    def local(self) -> Source:
        """See PreparedDataModule; one CSV file, also a compressed one."""
        return self.one_file(self.read, "csv")

    def read(self, file: Path) -> tuple[Series, list[str]]:
        """The series of the file, and notes on what was repaired."""
        notes: list[str] = []
        return read_series(file, self.columns, notes), notes

    # Preparing: what was read, as arrays.

    def settings(self) -> dict[str, Any]:
        """See PreparedDataModule; borders and scales are found anew each time."""
        return {"columns": asdict(self.columns)}

    def prepare(self, raw: tuple[Series, list[str]], folder: Path) -> Prepared:
        """See PreparedDataModule; the raw data is a Series and notes on what was repaired."""
        series, notes = raw
        np.save(folder / "values.npy", series.values)
        np.save(folder / "times.npy", series.times)
        np.save(folder / "moments.npy", np.unique(series.times))  # of all series together
        np.save(folder / "offsets.npy", series.offsets)
        digest = hashlib.sha256(np.ascontiguousarray(series.values).tobytes()).hexdigest()
        return Prepared({}, notes, {"columns": series.columns, "names": series.names}, digest)

    def load(self, facts: Mapping[str, Any]) -> Series:
        """The series as they were prepared."""
        values, times, offsets = (
            np.load(self.folder / f"{name}.npy", mmap_mode="r")
            for name in ("values", "times", "offsets")
        )
        return Series(values, times, np.array(offsets), facts["columns"], facts["names"])

    def levels(self, series: Series) -> Levels:
        """What is forecast, and what else is read."""
        wanted = self.targets or series.columns
        others = [name for name in series.columns if name not in wanted]
        return Levels(series.column(*wanted), list(wanted), series.column(*others), others)

    def borders(self, series: Series) -> list[Array]:
        """Ends of training, validation and test in each series, (S,) each; at common dates."""
        moments = np.load(self.folder / "moments.npy", mmap_mode="r")
        shares = (1 - self.val_fraction - self.test_fraction, 1 - self.test_fraction)
        dates = [moments[round(share * len(moments))] for share in shares]
        starts, ends = series.offsets[:-1], series.offsets[1:]
        found = [
            [
                b + np.searchsorted(series.times[b:e], date)
                for b, e in zip(starts, ends, strict=True)
            ]
            for date in dates
        ]
        return [*map(np.array, found), ends]

    def open(self, facts: Mapping[str, Any]) -> None:
        """See PreparedDataModule: borders, scales and windows."""
        series = self.without_short(self.load(facts))
        levels = self.levels(series)
        starts = series.offsets[:-1]
        borders = self.borders(series)
        self.check_lengths(series, starts, borders)
        self._scale(levels.values, levels.others, series, starts, borders)
        lost = int(self.transform in ("difference", "log_return"))  # they begin one step later
        first = first_targets(starts + lost, borders, self.seq_len, self.horizon)
        self.windows = {split: Windows(self.level, first[split], self.horizon) for split in SPLITS}
        self._owner = {s: np.searchsorted(series.offsets, first[s], "right") - 1 for s in SPLITS}
        self.history = int((borders[0] - starts).min())
        self._starts, self._borders = starts, borders
        self.times, self.series_names = series.times, series.names
        self.variables, self.others = levels.names, levels.other_names
        self._announce()

    def without_short(self, series: Series) -> Series:
        """The series that reach into all three parts; which they are, `seq_len` has no say in."""
        borders = self.borders(series)
        parts = np.diff(np.stack([series.offsets[:-1], *borders]), axis=0)  # (3, S)
        wanted = np.array([2 * self.horizon, self.horizon, self.horizon])
        kept = np.all(parts >= wanted[:, None], axis=0)
        if kept.all() or not kept.any():  # if none is long enough, the check of lengths says so
            return series
        short = [name for name, keep in zip(series.names, kept.tolist(), strict=True) if not keep]
        note = f"{len(short)} series too short for all splits were left out: {', '.join(short[:5])}"
        self.provenance = replace(self.provenance, notes=[*self.provenance.notes, note])
        return series.take(np.flatnonzero(kept))

    def check_lengths(self, series: Series, starts: Array, borders: list[Array]) -> None:
        """Whether every part of every series is long enough.

        Raises:
            DataError: one is not.
        """
        needs = [self.seq_len + self.horizon + 1, self.horizon, self.horizon]
        begins = [starts, borders[0], borders[1]]
        for part, need, begin, end in zip(SPLITS, needs, begins, borders, strict=True):
            short = int(np.argmin(end - begin))
            steps = int((end - begin)[short])
            if steps < need:
                raise DataError(
                    f"{self.path or type(self).__name__}: series {series.names[short]!r} has "
                    f"{steps:,} steps for {part}, but data.seq_len={self.seq_len} and "
                    f"data.horizon={self.horizon} need {need:,}: lower one of them, give longer "
                    "series, or change data.val_fraction and data.test_fraction"
                )

    def _scale(
        self, levels: Array, others: Array, series: Series, starts: Array, borders: list[Array]
    ) -> None:
        """Everything in the units that are reported, and in those that the network reads."""
        ranges = list(zip(starts.tolist(), borders[0].tolist(), strict=True))
        owner = np.repeat(np.arange(len(starts)), np.diff(series.offsets))
        means, deviations = standard(levels, ranges)
        if self.transform == "log_return" and (levels <= 0).any():
            raise DataError(
                f"{self.path or type(self).__name__}: data.transform=log_return needs positive "
                f"values, but the least is {levels.min():g}; choose data.transform=difference"
            )
        self._raw = np.stack([np.zeros_like(means), np.ones_like(means)])
        if self.report_in == "standard":
            levels = (levels - means[owner]) / deviations[owner]
            self._raw = np.stack([means, deviations])
        self.level = levels.astype(np.float32)  # (N, V)
        changed = CHANGES[self.transform](levels, starts)
        mean, deviation = standard(changed, ranges)
        if self.transform == "last":
            mean = np.zeros_like(mean)
        self._location, self._deviation = mean.astype(np.float32), deviation.astype(np.float32)
        self.seen = ((changed - mean[owner]) / deviation[owner]).astype(np.float32)  # (N, V)
        other_mean, other_deviation = standard(others, ranges)
        others = (others - other_mean[owner]) / other_deviation[owner]
        moments = calendar_features(np.asarray(series.times), self.calendar)
        self.aside = np.concatenate([others.astype(np.float32), moments], axis=1)  # (N, C)

    def _announce(self) -> None:
        sizes = {split: self.size(split) for split in SPLITS}
        self.provenance = replace(self.provenance, sizes=sizes)
        variables = len(self.variables)
        seen = 1 if self.channels == "independent" else variables
        self.spec = DataSpec(
            output_size=seen,
            input_size=seen + self.aside.shape[1],
            horizon=self.horizon,
            transform=self.transform,
            variables=("all",) if self.channels == "independent" else tuple(self.variables),
        )

    # What Lightning and the report ask for.

    def preview(self) -> DataSpec:
        """See DataModule; the number of variables is known once the file was read."""
        size = len(self.targets) if self.targets and self.channels == "joint" else 1
        return DataSpec(
            output_size=size, input_size=size, horizon=self.horizon, transform=self.transform
        )

    def input_names(self) -> list[str]:
        """See DataModule: the variables, what is read beside them, and the calendar."""
        own = ["value"] if self.channels == "independent" else list(self.variables)
        waves = [f"{part} {wave}" for part in self.calendar for wave in ("sine", "cosine")]
        return [*own, *self.others, *waves]

    def size(self, split: Split) -> int:
        """Targets of a split: a window of all variables, or of one each."""
        parts = len(self.variables) if self.channels == "independent" else 1
        return len(self.windows[split]) * parts

    def lengths(self, split: Split) -> NDArray[Any]:
        """All windows have seq_len steps, (M,)."""
        return np.full(self.size(split), self.seq_len)

    def place(self, rows: Array) -> tuple[Array, Array]:
        """The window of each target, (B,), and its variables, (B, 1) or all of them, (1, V)."""
        count = len(self.variables)
        if self.channels == "independent":
            return rows // count, (rows % count)[:, None]
        return rows, np.arange(count)[None]

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Windows (B, seq_len, D), what follows them (B, H, V), and how the two are scaled."""
        window, variable = self.place(rows)
        windows, owner = self.windows[split], self._owner[split][window]
        first = windows.first[window]
        past = first[:, None] + np.arange(-self.seq_len, 0)  # (B, L)
        ahead = first[:, None] + np.arange(self.horizon)
        read = self.seen[past[:, :, None], variable[:, None]]  # (B, L, V)
        if self.transform == "last":
            read = read - read[:, -1:]
        units = Units(
            torch.from_numpy(self._location[owner[:, None], variable][:, None]),
            torch.from_numpy(self._deviation[owner[:, None], variable][:, None]),
            torch.from_numpy(self.level[first[:, None] - 1, variable][:, None]),
        )
        return Batch(
            torch.from_numpy(np.concatenate([read, self.aside[past]], axis=2)),
            torch.full((len(rows),), self.seq_len),
            torch.from_numpy(self.level[ahead[:, :, None], variable[:, None]]),
            torch.from_numpy(rows),
            units,
        )

    # Forecasts without a network.

    def baseline_forecasts(self, split: Split) -> dict[str, Forecast]:
        """Forecasts of windows without a network, by name: rows (B,) -> (B, H, V)."""
        windows = self.windows[split]
        known = {
            "persistence": persistence(windows),
            "drift": drift(windows, self.slopes()[self._owner[split]]),
        }
        if self.season and self.season <= self.history:
            known["seasonal naive"] = seasonal_naive(windows, self.season)
        return {**known, **self.linear(split)}

    def slopes(self) -> Array:
        """Mean step of each series in training, (S, V)."""
        ends, starts = self._borders[0] - 1, self._starts
        steps = (self.level[ends] - self.level[starts]) / (ends - starts)[:, None]
        return np.asarray(steps)

    def linear(self, split: Split) -> dict[str, Forecast]:
        """Ridge regressions on the window, one for all variables or one for each."""
        window = min(self.ridge_window, self.history // 2)
        first = first_targets(self._starts, self._borders, window, self.horizon)["train"]
        train = Windows(self.level, first, self.horizon)
        kinds = {"ridge": True}
        if len(self.variables) > 1:
            kinds["ridge of each variable"] = False
        key = {
            "fitted on": hashlib.sha256(np.ascontiguousarray(self.level).tobytes()).hexdigest(),
            "borders": [part.tolist() for part in self._borders],
            "horizon": self.horizon,
        }
        return {
            name: Ridge(window, shared, self.transform == "last")
            .fit_once(train, key)
            .forecast(self.windows[split])
            for name, shared in kinds.items()
        }

    def naive_errors(self) -> Array:
        """Mean absolute error of the naive one-step forecast in training, (S, V)."""
        steps = [
            np.abs(np.diff(self.level[begin:end], axis=0)).mean(axis=0)
            for begin, end in zip(self._starts, self._borders[0], strict=True)
        ]
        scale: Array = np.stack(steps)
        return np.where(scale > 0, scale, 1.0)

    def baselines(self, split: Split) -> dict[str, dict[str, float]]:
        """Squared and absolute error of every forecast without a network."""
        return {
            name: {
                measure: float(np.mean(steps))
                for measure, steps in self.measured(split, forecast).items()
                if measure in ("mse", "mae")
            }
            for name, forecast in self.baseline_forecasts(split).items()
        }

    def measured(self, split: Split, forecast: Forecast) -> dict[str, Array]:
        """The four errors of a forecast at each step of the horizon, (H,)."""
        windows = self.windows[split]
        sums: dict[str, Array] = {}
        rows = np.arange(len(windows))
        for part in in_pieces(rows, self.horizon * len(self.variables)):
            naive, origin = self.scales(split, part)
            found = errors_by_step(forecast(part), windows.targets(part), naive, origin)
            for name, steps in found.items():
                sums[name] = sums.get(name, 0.0) + steps * len(part)
        return {name: total / len(rows) for name, total in sums.items()}

    def scales(self, split: Split, windows: Array) -> tuple[Array, Array]:
        """The naive error, and where the original zero is, of these windows, (B, 1, V) each."""
        owner = self._owner[split][windows]
        location, deviation = self._raw
        return self.naive_errors()[owner][:, None], (-location / deviation)[owner][:, None]

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """What the task needs to judge forecasts of these targets.

        Returns:
            naive_errors, origin: see errors_by_step, (N, 1, V).
            times: seconds since 1970 of the first step of each target, (N,).
            baselines: name -> a function from positions in `rows` to forecasts (B, H, V).
            headline_baselines: names of those that the report compares with in words.
            series: name of the series of each target, (N,).
        """
        window, variable = self.place(rows)
        naive, origin = self.scales(split, window)
        picked = np.broadcast_to(variable, (len(rows), variable.shape[1]))[:, None]  # (N, 1, V)

        steps = np.arange(self.horizon)[:, None]

        def of_targets(forecast: Forecast) -> Forecast:
            def of_some(some: Array) -> Array:
                # A window whose variables are targets of their own is forecast once.
                each, place = np.unique(window[some], return_inverse=True)
                found: Array = forecast(each)[place[:, None, None], steps, picked[some]]
                return found

            return of_some

        known = self.baseline_forecasts(split)
        names = np.array(self.series_names, dtype=object)
        return {
            "naive_errors": np.take_along_axis(naive, picked, axis=2),
            "origin": np.take_along_axis(origin, picked, axis=2),
            "times": np.asarray(self.times)[self.windows[split].first[window]],
            "baselines": {name: of_targets(forecast) for name, forecast in known.items()},
            "headline_baselines": [name for name in self.headline_baselines if name in known],
            "series": names[self._owner[split][window]],
        }

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """The values that were read before a target, (seq_len, V), and what it is."""
        window, variable = self.place(np.array([index]))
        past = self.windows[split].inputs(window, self.seq_len)[0][:, variable[0]]
        name = self.series_names[self._owner[split][window[0]]]
        begins = as_date(self.times[self.windows[split].first[window[0]]])
        title = f"{self.variables[variable[0, 0]]} of {name}, from {begins}"
        return {"history": past, "title": title}


def check_settings(
    val_fraction: float,
    test_fraction: float,
    transform: str,
    report_in: str,
    target_columns: list[str] | None,
) -> None:
    """Whether settings fit each other.

    Raises:
        ConfigError: two do not.
    """
    if val_fraction + test_fraction >= 1:
        raise ConfigError(
            f"data.val_fraction={val_fraction} and data.test_fraction={test_fraction} leave "
            "nothing to train on: lower one"
        )
    if transform == "log_return" and report_in == "standard":
        raise ConfigError(
            "data.transform=log_return needs the values themselves, which are positive; "
            "data.report_in=standard makes some negative: choose data.report_in=original"
        )
    if target_columns is not None and not target_columns:
        raise ConfigError("data.target_columns=[]: name at least one, or null for all columns")
