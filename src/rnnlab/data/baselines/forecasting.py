"""Baseline forecasts without a network.

N steps, M targets, B of them in a batch, H steps of the horizon, V variables.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.data.loaders.windows import Windows
from rnnlab.data.sources.cache import load_or_build
from rnnlab.metrics.forecasting import iterate_blocks
from rnnlab.spec import Array, Ints

Forecast = Callable[[Ints], Array]  # rows of targets (B,) -> (B, H, V)
MAX_RIDGE_WINDOWS = 200_000  # windows that a ridge regression is fitted on


def forecast_targets(forecast: Forecast, windows: Ints, variables: Ints) -> Forecast:
    """Return the forecasts of targets that are some variables of a window each: (B,) -> (B, H, V).

    `forecast` returns all variables of windows, (B, H, V'). The targets are given by the window of
    each, (N,), and its variables, (N, 1, V).
    """

    def forecast_rows(rows: Ints) -> Array:
        # Each window is forecast once, also if its variables are separate targets.
        unique, positions = np.unique(windows[rows], return_inverse=True)
        forecasts = forecast(unique)
        steps = np.arange(forecasts.shape[1])[:, None]
        selection: Array = forecasts[positions[:, None, None], steps, variables[rows]]
        return selection

    return forecast_rows


def persistence(windows: Windows) -> Forecast:
    """Repeat the last value."""
    return lambda rows: np.repeat(windows.inputs(rows, 1), windows.horizon, axis=1)


def drift(windows: Windows, slopes: Array) -> Forecast:
    """Continue from the last value with the mean step of training of each target, (M, V)."""
    steps = np.arange(1, windows.horizon + 1)[:, None]  # (H, 1)
    return lambda rows: windows.inputs(rows, 1) + steps * slopes[rows, None]


def seasonal_naive(windows: Windows, season: int) -> Forecast:
    """Repeat the last season, a number of steps; each target has at least one before it."""
    steps = np.arange(windows.horizon) % season - season
    return lambda rows: windows.values[windows.first[rows, None] + steps]


def constant_forecast(windows: Windows, values: Array) -> Forecast:
    """Forecast the same value at all times, (M, V), such as the mean of training."""
    return lambda rows: np.repeat(values[rows, None], windows.horizon, axis=1)


class Ridge:
    """Linear regression from a window to the horizon, in closed form, of each variable alone.

    W = (X'X + c I)^-1 X'Y, with the penalty c. X has a column of ones. With `subtract_last`, the
    last value of the window is subtracted from X and Y. `shared` fits one W for all variables, else
    one for each.
    """

    def __init__(
        self, seq_len: int, shared: bool, subtract_last: bool, penalty: float = 1.0
    ) -> None:
        self.seq_len, self.shared = seq_len, shared
        self.subtract_last, self.penalty = subtract_last, penalty
        self.weights: Array = np.empty(0)  # (V, seq_len + 1, H)

    def fit(self, train: Windows) -> "Ridge":
        """Fit on the training targets, or on evenly spaced ones if there are too many."""
        sample = np.arange(len(train))[:: -(-len(train) // MAX_RIDGE_WINDOWS)]
        variables, width = train.values.shape[1], self.seq_len + 1
        squares = np.zeros((variables, width, width))
        products = np.zeros((variables, width, train.horizon))
        for rows in iterate_blocks(sample, variables * max(width, train.horizon)):
            inputs, last = self._inputs(train, rows)  # (V, B, seq_len + 1), (V, B, 1)
            targets = train.targets(rows).transpose(2, 0, 1) - last  # (V, B, H)
            squares += inputs.transpose(0, 2, 1) @ inputs
            products += inputs.transpose(0, 2, 1) @ targets
        if self.shared:
            squares, products = squares.sum(0, keepdims=True), products.sum(0, keepdims=True)
        self.weights = np.linalg.solve(squares + self.penalty * np.eye(width), products)
        return self

    def fit_once(self, train: Windows, key: Mapping[str, Any]) -> "Ridge":
        """Fit, or load the weights from the cache if they were fitted before for the same key."""
        settings = [self.seq_len, self.shared, self.subtract_last, self.penalty]
        folder = load_or_build({"ridge": settings, **key}, lambda folder: self._save(train, folder))
        self.weights = np.load(folder / "weights.npy")
        return self

    def _save(self, train: Windows, folder: Path) -> None:
        np.save(folder / "weights.npy", self.fit(train).weights)

    def forecast(self, windows: Windows) -> Forecast:
        """Return the forecasts of these targets."""

        def forecast_rows(rows: Ints) -> Array:
            inputs, last = self._inputs(windows, rows)
            forecasts: Array = (inputs @ self.weights + last).transpose(1, 2, 0)  # (B, H, V)
            return forecasts

        return forecast_rows

    def _inputs(self, windows: Windows, rows: Ints) -> tuple[Array, Array]:
        values = windows.inputs(rows, self.seq_len).transpose(2, 0, 1).astype(np.float64)
        last = values[:, :, -1:] * self.subtract_last  # (V, B, 1)
        return np.concatenate([values - last, np.ones_like(last)], axis=2), last


def fit_har(train: Windows) -> Callable[[Windows], Forecast]:
    """Fit a heterogeneous autoregression of volatility, and return its forecasts of any targets.

    Corsi, 2009 (https://doi.org/10.1093/jjfinec/nbp001): least squares of each step ahead on the
    last value and its means over 5 and 22 days; the same weights for all series.
    """
    features = _har_features(train, np.arange(len(train)))  # (M, V, 4)
    targets = train.targets(np.arange(len(train))).transpose(0, 2, 1)  # (M, V, H)
    flat = features.reshape(-1, features.shape[2]), targets.reshape(-1, targets.shape[2])
    weights = np.linalg.lstsq(*flat, rcond=None)[0]  # (4, H)

    def forecast(windows: Windows) -> Forecast:
        return lambda rows: (_har_features(windows, rows) @ weights).transpose(0, 2, 1)

    return forecast


def _har_features(windows: Windows, rows: Ints) -> Array:
    month = windows.inputs(rows, 22).transpose(0, 2, 1).astype(np.float64)  # (B, V, 22)
    means = [month[..., -days:].mean(axis=2) for days in (1, 5, 22)]
    return np.stack([*means, np.ones_like(means[0])], axis=2)


def ewma(windows: Windows, decay: float, history: int) -> Forecast:
    """Forecast the exponentially weighted mean of the last values (RiskMetrics, 1996).

    `decay` is the weight of a value relative to the next one, 0.94 for daily values; each target
    has at least `history` values before it.
    """
    weights = decay ** np.arange(history - 1, -1, -1.0)
    weights /= weights.sum()

    def forecast_rows(rows: Ints) -> Array:
        mean = np.einsum("bnv,n->bv", windows.inputs(rows, history), weights)
        return np.repeat(mean[:, None], windows.horizon, axis=1)

    return forecast_rows
