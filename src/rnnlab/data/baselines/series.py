"""Baselines of a series data set: their forecasts of a split, and the errors of these.

S series, M windows of a split, N targets, H steps of the horizon, V variables.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from rnnlab.data.baselines.forecasting import (
    Forecast,
    Ridge,
    drift,
    forecast_targets,
    persistence,
    seasonal_naive,
)
from rnnlab.data.loaders.windows import Windows, first_targets
from rnnlab.metrics.forecasting import ForecastErrors, measure_forecast
from rnnlab.spec import Array, Ints


@dataclass(frozen=True)
class SeriesSplits:
    """Windows of a series data set, as far as baselines read them.

    Attributes:
        windows: split -> windows of the values in reported units.
        series: split -> series of each window, (M,).
        starts: first step of each series, (S,).
        borders: end of training, of validation and of the test in each series, (S,) each.
        origin: zero of the original units, in reported units, (S, V).
        independent: each variable of a window is a target of its own.
    """

    windows: Mapping[str, Windows]
    series: Mapping[str, Ints]
    starts: Ints
    borders: Sequence[Ints]
    origin: Array
    independent: bool

    @property
    def values(self) -> Array:
        """Values of all series in reported units, one series after the other, (steps, V)."""
        return self.windows["train"].values

    @property
    def observed(self) -> Array | None:
        """False where the file has no value, (steps, V); None if there are no gaps."""
        return self.windows["train"].observed

    @property
    def horizon(self) -> int:
        """Steps of a target."""
        return self.windows["train"].horizon

    @property
    def history(self) -> int:
        """Training steps of the shortest series."""
        return int((self.borders[0] - self.starts).min())

    @cached_property
    def variable_targets(self) -> Mapping[str, Ints]:
        """Split -> window * V + variable of each pair with an observed value, (N,)."""
        counts = {split: windows.count_observed() for split, windows in self.windows.items()}
        return {split: np.flatnonzero(count) for split, count in counts.items()}

    def size(self, split: str) -> int:
        """Return the number of targets: windows, or their variables if these are independent."""
        return len((self.variable_targets if self.independent else self.windows)[split])

    def locate(self, split: str, rows: Ints) -> tuple[Ints, Ints]:
        """Return the window of each target, (B,), and its variables, (B, 1) or all, (1, V)."""
        count = self.values.shape[1]
        if self.independent:
            rows = self.variable_targets[split][rows]
            return rows // count, (rows % count)[:, None]
        return rows, np.arange(count)[None]

    def targets(self, split: str, rows: Ints) -> Array:
        """Return the values of some targets, (B, H, V); NaN where the file has no value."""
        window, variable = self.locate(split, rows)
        future = self.windows[split].first[window][:, None] + np.arange(self.horizon)
        steps = future[:, :, None], variable[:, None]
        values: Array = self.values[steps]
        return values if self.observed is None else np.where(self.observed[steps], values, np.nan)

    def train_windows(self, seq_len: int) -> Windows:
        """Return the training targets without gaps with `seq_len` steps before them."""
        first = first_targets(self.starts, self.borders, seq_len, self.horizon)["train"]
        windows = Windows(self.values, first, self.horizon, self.observed)
        return windows.take((windows.count_observed() == self.horizon).all(axis=1))

    def train_parts(self) -> list[Array]:
        """Return the training steps of each series, (steps, V) each."""
        ranges = zip(self.starts, self.borders[0], strict=True)
        return [self.values[begin:end] for begin, end in ranges]


class SeriesBaselines:
    """Persistence, drift, the seasonal naive forecast, and ridge regressions on the window.

    Args:
        splits: windows of the data set.
        season: steps of a season; None for no season.
        ridge_window: steps that the ridge regressions read.
        subtract_last: the ridge regressions read and forecast values minus the last one.

    Attributes:
        headline: names of the baselines that the report compares with in words.
    """

    headline: tuple[str, ...] = ("persistence", "seasonal naive")

    def __init__(
        self, splits: SeriesSplits, season: int | None, ridge_window: int, subtract_last: bool
    ) -> None:
        self.splits, self.season = splits, season
        self.ridge_window, self.subtract_last = ridge_window, subtract_last
        self._errors: dict[str, dict[str, ForecastErrors]] = {}

    def forecasts(self, split: str) -> dict[str, Forecast]:
        """Return the forecasts of the baselines by name: windows (B,) -> (B, H, V)."""
        windows, series = self.splits.windows[split], self.splits.series[split]
        forecasts = {
            "persistence": persistence(windows),
            "drift": drift(windows, self.slopes()[series]),
        }
        if self.season and self.season <= self.splits.history:
            forecasts["seasonal naive"] = seasonal_naive(windows, self.season)
        ridges = {name: ridge.forecast(windows) for name, ridge in self.ridges.items()}
        return {**forecasts, **ridges}

    def slopes(self) -> Array:
        """Return the mean step of each series in training, (S, V)."""
        ends, starts = self.splits.borders[0] - 1, self.splits.starts
        values = self.splits.values
        steps = (values[ends] - values[starts]) / (ends - starts)[:, None]
        return np.asarray(steps)

    @cached_property
    def ridges(self) -> dict[str, Ridge]:
        """Ridge regressions on the window, fitted once: one for all variables, one for each."""
        splits = self.splits
        seq_len = min(self.ridge_window, splits.history // 2)
        train = splits.train_windows(seq_len)
        shared = {"ridge": True}
        if splits.values.shape[1] > 1:
            shared["ridge of each variable"] = False
        key = {
            "fitted on": hashlib.sha256(np.ascontiguousarray(splits.values).tobytes()).hexdigest(),
            "borders": [part.tolist() for part in splits.borders],
            "horizon": splits.horizon,
        }
        return {
            name: Ridge(seq_len, flag, self.subtract_last).fit_once(train, key)
            for name, flag in shared.items()
        }

    def naive_errors(self) -> Array:
        """Return the mean absolute error of the naive one-step forecast in training, (S, V)."""
        parts = self.splits.train_parts()
        errors: Array = np.stack([np.abs(np.diff(part, axis=0)).mean(axis=0) for part in parts])
        return np.where(errors > 0, errors, 1.0)

    def error_units(self, split: str, rows: Ints) -> tuple[Array, Array]:
        """Return the naive errors and the original zero of some targets, (B, 1, V) each."""
        window, variable = self.splits.locate(split, rows)
        series = self.splits.series[split][window][:, None, None]
        units = self.naive_errors(), self.splits.origin
        naive_errors, origin = (unit[series, variable[:, None]] for unit in units)
        return naive_errors, origin

    def target_forecasts(self, split: str, rows: Ints) -> dict[str, Forecast]:
        """Return the forecasts of some targets by name: positions in `rows` -> (B, H, V)."""
        window, variable = self.splits.locate(split, rows)
        variables = np.broadcast_to(variable, (len(rows), variable.shape[1]))[:, None]  # (N, 1, V)
        return {
            name: forecast_targets(forecast, window, variables)
            for name, forecast in self.forecasts(split).items()
        }

    def scores(self, split: str) -> dict[str, dict[str, float]]:
        """Return the mean squared and absolute error of each baseline."""
        return {
            name: {metric: float(np.mean(errors.by_step[metric])) for metric in ("mse", "mae")}
            for name, errors in self.errors(split).items()
        }

    def errors(self, split: str, rows: Ints | None = None) -> Mapping[str, ForecastErrors]:
        """Return the errors of each baseline for some or all targets; a split is measured once."""
        all_rows = np.arange(self.splits.size(split))
        if rows is not None and not np.array_equal(rows, all_rows):
            return self._measure(split, rows)
        if split not in self._errors:
            self._errors[split] = self._measure(split, all_rows)
        return self._errors[split]

    def _measure(self, split: str, rows: Ints) -> dict[str, ForecastErrors]:
        targets, units = self.splits.targets(split, rows), self.error_units(split, rows)
        return {
            name: measure_forecast(forecast, targets, *units)
            for name, forecast in self.target_forecasts(split, rows).items()
        }

    def evaluation_context(self, split: str, rows: Ints) -> dict[str, Any]:
        """Return what the analysis of forecasts of these targets compares them with.

        Returns:
            naive_errors, origin: see errors_by_step, (N, 1, V).
            baselines: name -> a function from positions in `rows` to forecasts (B, H, V).
            baseline_errors: a function without arguments to the errors of each baseline by name.
            headline_baselines: names of those that the report compares with in words.
        """
        naive_errors, origin = self.error_units(split, rows)
        forecasts = self.target_forecasts(split, rows)
        return {
            "naive_errors": naive_errors,
            "origin": origin,
            "baselines": forecasts,
            "baseline_errors": partial(self.errors, split, rows),
            "headline_baselines": [name for name in self.headline if name in forecasts],
        }
