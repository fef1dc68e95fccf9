"""Windows of series as batches, their baselines, and what the analysis of forecasts needs.

V target variables, D features of a step, H horizon, M windows of a split.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.base import ALL_ROWS, DataModule, Rows, Split, to_batch
from rnnlab.data.baselines.series import SeriesBaselines, SeriesSplits
from rnnlab.data.loaders.windows import Windows
from rnnlab.data.readers.dates import TimeKind, format_time
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.data.series.inputs import SeriesInputs
from rnnlab.metrics.tracking import ForecastOrigins
from rnnlab.spec import Array, Batch, Ints


class WindowedSeries(DataModule):
    """Base of the data sets whose targets are windows of series; a subclass sets the attributes.

    Attributes:
        processor: of the training.
        inputs: what a network reads of the series.
        variables: names of the target variables, V.
        windows: split -> its windows, in the units of the report.
        splits: windows of each split, for the baselines.
        series_baselines: see SeriesBaselines.
        series_names: names of the series.
        times, local_times, time_kind: see rnnlab.data.readers.series.Series.
        unseen_starts: first step of each series after the validation, (S,).
        seq_len, horizon: of the windows.
        unit: of the targets, for figures.
    """

    tasks = ("forecasting",)
    processor: SeriesFeatures
    inputs: SeriesInputs
    variables: Sequence[str]
    windows: Mapping[str, Windows]
    splits: SeriesSplits
    series_baselines: SeriesBaselines
    series_names: Sequence[str]
    times: Array
    local_times: Array
    unseen_starts: Ints
    time_kind: TimeKind
    seq_len: int
    horizon: int
    unit: str

    def input_names(self) -> list[str]:
        """See DataModule: target variables, covariates, calendar and static features."""
        return self.processor.input_names

    def size(self, split: Split) -> int:
        """Return the number of targets: windows, or their variables if these are independent."""
        return self.splits.size(split)

    def lengths(self, split: Split) -> NDArray[Any]:
        """See DataModule; every window has seq_len steps, (M,)."""
        return np.full(self.size(split), self.seq_len)

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Return windows (B, seq_len, D), the values that follow (B, H, V), and their units."""
        window, variable = self.splits.locate(split, rows)
        first = self.windows[split].first[window]
        read = self.inputs.windows(first, self.splits.series[split][window], variable)
        targets = self.splits.targets(split, rows)
        batch = to_batch(read.values, self.lengths(split)[rows], targets, rows)
        return batch._replace(units=read.units, future=read.future)

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return the values before a target, (seq_len, V), and a title."""
        (window,), variable = self.splits.locate(split, np.array([index]))
        windows, name = self.windows[split], self.series_names[self.splits.series[split][window]]
        history = windows.inputs(np.array([window]), self.seq_len)[0][:, variable[0]]
        start = format_time(self.local_times[windows.first[window]], self.time_kind)
        title = f"{self.variables[variable[0, 0]]} of {name}, from {start}"
        return {"history": history, "title": title}

    def example_axes(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return what the axes of a figure of an example show.

        Returns:
            labels: each variable and its unit, (V,).
            titles: each variable, its series and the time of the first target, (V,).
            times: of the inputs and the targets, (seq_len + H,), as dates where there are some.
        """
        (window,), variable = self.splits.locate(split, np.array([index]))
        steps = self.windows[split].first[window] + np.arange(-self.seq_len, self.horizon)
        times = np.asarray(self.local_times)[steps]
        names = [self.variables[i] for i in variable[0]]
        series = self.series_names[self.splits.series[split][window]]
        start = format_time(self.local_times[self.windows[split].first[window]], self.time_kind)
        return {
            "labels": [f"{name} ({self.unit})" for name in names],
            "titles": [f"{name} of {series}, from {start}" for name in names],
            "times": times.astype("datetime64[us]") if self.time_kind == "calendar" else times,
        }

    def step_times(self, split: Split, windows: Ints) -> NDArray[Any]:
        """Return the times of the targets of some windows, (n, H), as dates if there are some."""
        steps = self.windows[split].first[windows][:, None] + np.arange(self.horizon)
        times: NDArray[Any] = np.asarray(self.local_times)[steps]
        return times.astype("datetime64[us]") if self.time_kind == "calendar" else times

    # Baselines.

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the mean squared and absolute error of each baseline."""
        return self.series_baselines.scores(split, np.arange(self.size(split))[rows])

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return what the analysis of forecasts of these targets needs.

        Returns:
            times: microseconds since 1970 of the first step of each target, (N,).
            series: name of the series of each target, (N,).
            variables: name of each variable.
            variable: position in `variables` of each target and its forecasts, (N, V).
            origins: see rnnlab.metrics.tracking.ForecastOrigins.
            units: see ErrorUnits.
            axes: a function from a position in `rows` to labels, titles and times; see
                example_axes.
            unit: of the targets.
            step_times: a function from positions in `rows`, (n,), to the times of their steps, (n,
                H), as dates where there are some.
        """
        window, variable = self.splits.locate(split, rows)
        variable = np.broadcast_to(variable, (len(rows), variable.shape[1]))
        names = np.array(self.series_names, dtype=object)
        first, series = self.windows[split].first[window], self.splits.series[split][window]
        return {
            "times": np.asarray(self.times)[first],
            "series": names[series],
            "variables": list(self.variables),
            "variable": variable,
            "origins": ForecastOrigins(series, first - self.unseen_starts[series], variable),
            "units": self.series_baselines.error_units(split, rows),
            "unit": self.unit,
            "axes": lambda i: self.example_axes(split, int(rows[i])),
            "step_times": lambda positions: self.step_times(split, window[positions]),
        }

    def baseline_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """See SeriesBaselines.evaluation_context."""
        return self.series_baselines.evaluation_context(split, rows)

    def missing_baselines(self) -> Mapping[str, str]:
        """See DataModule."""
        return self.series_baselines.missing
