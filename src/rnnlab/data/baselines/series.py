"""Baselines of a series data set: their forecasts of a split, and the errors of these.

S series, M windows of a split, N targets, H steps of the horizon, V variables.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from rnnlab.data.baselines.forecasting import (
    BaselineError,
    Forecast,
    drift,
    forecast_targets,
    persistence,
    seasonal_naive,
)
from rnnlab.data.baselines.ridge import Ridge
from rnnlab.data.loaders.windows import Windows, first_targets
from rnnlab.data.scaling import Standardization, fit_standardization
from rnnlab.metrics.forecasting import ErrorUnits, ForecastErrors, divide, measure_forecast
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
        error_scale: see ErrorUnits, (V,).
        independent: each variable of a window is a target of its own.
    """

    windows: Mapping[str, Windows]
    series: Mapping[str, Ints]
    starts: Ints
    borders: Sequence[Ints]
    origin: Array
    error_scale: Array
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
        return self.windows[split].targets(*self.locate(split, rows))

    def train_windows(self, seq_len: int) -> Windows:
        """Return the training targets with an observed value, and `seq_len` steps before them."""
        first = first_targets(self.starts, self.borders, seq_len, self.horizon)["train"]
        windows = Windows(self.values, first, self.horizon, self.observed)
        return windows.take(np.flatnonzero(windows.count_observed().any(axis=1)))

    @property
    def mask(self) -> Array:
        """False where the file has no value, (steps, V)."""
        return np.ones_like(self.values, bool) if self.observed is None else self.observed

    def train_parts(self) -> list[tuple[Array, Array]]:
        """Return the training steps of each series, and whether they are observed, (steps, V)."""
        ranges, mask = zip(self.starts, self.borders[0], strict=True), self.mask
        return [(self.values[begin:end], mask[begin:end]) for begin, end in ranges]

    @cached_property
    def scale(self) -> Standardization:
        """Mean and standard deviation of each series in training, (S, V)."""
        ranges = list(zip(self.starts.tolist(), self.borders[0].tolist(), strict=True))
        return fit_standardization(self.values, self.mask, ranges)

    def scale_of(self, windows: Windows) -> Standardization:
        """Return the statistics of the series of each window, (M, V)."""
        series = np.searchsorted(self.starts, windows.first, "right") - 1
        return Standardization(*(part[series] for part in self.scale))

    def digest(self) -> str:
        """Return a hash of everything that a fit in training depends on."""
        parts = [
            self.values,
            *self.borders,
            self.starts,
            *([] if self.observed is None else [self.observed]),
        ]
        return hashlib.sha256(
            b"".join(np.ascontiguousarray(p).tobytes() for p in parts)
        ).hexdigest()


class SeriesBaselines:
    """Persistence, drift, the seasonal naive forecast, and ridge regressions on the window.

    Args:
        splits: windows of the data set.
        season: steps of a season; None for no season.
        ridge_window: steps that the ridge regressions read.
        subtract_last: the ridge regressions read and forecast values minus the last one.

    Attributes:
        headline: names of the baselines that the report compares with in words.
        missing: name of a baseline that cannot be computed -> the reason.
    """

    headline: tuple[str, ...] = ("persistence", "seasonal naive")

    def __init__(
        self, splits: SeriesSplits, season: int | None, ridge_window: int, subtract_last: bool
    ) -> None:
        self.splits, self.season = splits, season
        self.ridge_window, self.subtract_last = ridge_window, subtract_last
        self.missing = dict(self.check())
        self._errors: dict[str, tuple[Ints, dict[str, ForecastErrors]]] = {}

    def check(self) -> Iterator[tuple[str, str]]:
        """Yield name and reason of each baseline that the sizes of the data rule out."""
        if self.season and self.season > self.splits.history:
            yield (
                "seasonal naive",
                f"data.season={self.season} is longer than the {self.splits.history:,} training "
                "steps of the shortest series",
            )

    def methods(self) -> dict[str, Callable[[str], Forecast]]:
        """Return the baselines: name -> a function from a split to its forecasts.

        A function raises BaselineError if the baseline cannot be computed.
        """
        windows, several = self.splits.windows, self.splits.values.shape[1] > 1
        methods: dict[str, Callable[[str], Forecast]] = {
            "persistence": lambda split: persistence(windows[split]),
            "drift": lambda split: drift(windows[split], self.slopes()[self.splits.series[split]]),
        }
        if season := self.season:
            methods["seasonal naive"] = lambda split: seasonal_naive(windows[split], season)
        methods["ridge"] = lambda split: self.forecast_linearly(split, self.ridge)
        if several:
            methods["ridge of each variable"] = lambda split: self.forecast_linearly(
                split, self.ridge_of_each_variable
            )
        return methods

    def forecasts(self, split: str) -> dict[str, Forecast]:
        """Return the forecasts of the baselines by name: windows (B,) -> (B, H, V).

        The reason why a baseline cannot be computed is in `missing`.
        """
        forecasts = {}
        for name, method in self.methods().items():
            if name in self.missing:
                continue
            try:
                forecasts[name] = method(split)
            except BaselineError as error:
                self.missing[name] = str(error)
        return forecasts

    def slopes(self) -> Array:
        """Return the mean step of each series in training, (S, V)."""
        ends, starts = self.splits.borders[0] - 1, self.splits.starts
        values = self.splits.values
        steps = (values[ends] - values[starts]) / (ends - starts)[:, None]
        return np.asarray(steps)

    @cached_property
    def ridge(self) -> Ridge:
        """Ridge regression on the window with the same weights for all variables, fitted once."""
        return self._fit_ridge(shared=True)

    @cached_property
    def ridge_of_each_variable(self) -> Ridge:
        """Ridge regressions on the window, one for each variable, fitted once."""
        return self._fit_ridge(shared=False)

    def _fit_ridge(self, shared: bool) -> Ridge:
        splits = self.splits
        seq_len = min(self.ridge_window, splits.history // 2)
        train = splits.train_windows(seq_len)
        if not len(train):
            raise BaselineError("the training part is too short")
        key = {"fitted on": splits.digest(), "horizon": splits.horizon}
        ridge = Ridge(seq_len, shared, self.subtract_last)
        return ridge.fit_once(train, splits.scale_of(train), key)

    def forecast_linearly(self, split: str, ridge: Ridge) -> Forecast:
        """Return the forecasts of a ridge regression."""
        windows = self.splits.windows[split]
        return ridge.forecast(windows, self.splits.scale_of(windows))

    def naive_errors(self) -> Array:
        """Return the mean absolute error of the naive one-step forecast in training, (S, V).

        It is 0 for a series that is constant, and NaN for one with less than two values.
        """
        errors = []
        for values, observed in self.splits.train_parts():
            follows = np.logical_or.accumulate(observed)[:-1] & observed[1:]
            changes = np.abs(np.diff(values, axis=0))  # a gap has the value before it
            errors.append(divide(np.where(follows, changes, 0.0).sum(axis=0), follows.sum(axis=0)))
        return np.stack(errors)

    def error_units(self, split: str, rows: Ints) -> ErrorUnits:
        """Return the units of the errors of some targets."""
        window, variable = self.splits.locate(split, rows)
        series = self.splits.series[split][window][:, None, None]
        scale = np.broadcast_to(self.splits.error_scale, self.splits.origin.shape)
        units = self.naive_errors(), self.splits.origin, scale
        return ErrorUnits(*(unit[series, variable[:, None]] for unit in units))

    def target_forecasts(self, split: str, rows: Ints) -> dict[str, Forecast]:
        """Return the forecasts of some targets by name: positions in `rows` -> (B, H, V)."""
        window, variable = self.splits.locate(split, rows)
        variables = np.broadcast_to(variable, (len(rows), variable.shape[1]))[:, None]  # (N, 1, V)
        return {
            name: forecast_targets(forecast, window, variables)
            for name, forecast in self.forecasts(split).items()
        }

    def scores(self, split: str, rows: Ints) -> dict[str, dict[str, float]]:
        """Return the mean squared and absolute error of each baseline for some targets."""
        return {
            name: {metric: errors.means[metric] for metric in ("mse", "mae")}
            for name, errors in self.errors(split, rows).items()
        }

    def errors(self, split: str, rows: Ints) -> Mapping[str, ForecastErrors]:
        """Return the errors of each baseline for some targets; the same ones are measured once."""
        entry = self._errors.get(split)
        if entry is None or not np.array_equal(entry[0], rows):
            entry = self._errors[split] = rows, self._measure(split, rows)
        return entry[1]

    def _measure(self, split: str, rows: Ints) -> dict[str, ForecastErrors]:
        targets, units = self.splits.targets(split, rows), self.error_units(split, rows)
        errors = {
            name: measure_forecast(forecast, targets, units)
            for name, forecast in self.target_forecasts(split, rows).items()
        }
        infinite = [name for name in errors if not errors[name].is_finite]
        self.missing |= dict.fromkeys(infinite, "a forecast is not finite")
        return {name: errors[name] for name in errors if name not in infinite}

    def evaluation_context(self, split: str, rows: Ints) -> dict[str, Any]:
        """Return the forecasts that the analysis of these targets compares with.

        Returns:
            baselines: name -> a function from positions in `rows` to forecasts (B, H, V).
            baseline_errors: a function without arguments to the errors of each baseline by name.
            headline_baselines: names of those that the report compares with in words.
        """
        forecasts = self.target_forecasts(split, rows)
        return {
            "baselines": forecasts,
            "baseline_errors": partial(self.errors, split, rows),
            "headline_baselines": [name for name in self.headline if name in forecasts],
        }
