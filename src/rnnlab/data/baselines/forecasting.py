"""Forecasts without a network, that every network has to be held against.

N steps, M targets, B of them in a batch, H steps of the horizon, V variables.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.loaders.windows import Ints, Windows
from rnnlab.data.sources.cache import cached
from rnnlab.metrics.forecasting import in_pieces

Array = NDArray[Any]
Forecast = Callable[[Ints], Array]  # rows of targets (B,) -> (B, H, V)
MAX_FITTED = 200_000  # windows that a ridge regression is fitted on


def persistence(windows: Windows) -> Forecast:
    """The last value, repeated."""
    return lambda rows: np.repeat(windows.inputs(rows, 1), windows.horizon, axis=1)


def drift(windows: Windows, slopes: Array) -> Forecast:
    """The last value, and on from there as the series went in training.

    Args:
        windows: the targets.
        slopes: mean step in training, of the series of each target, (M, V).
    """
    steps = np.arange(1, windows.horizon + 1)[:, None]  # (H, 1)
    return lambda rows: windows.inputs(rows, 1) + steps * slopes[rows, None]


def seasonal_naive(windows: Windows, season: int) -> Forecast:
    """The last whole season, repeated.

    Args:
        windows: the targets; each has at least a season before it.
        season: steps.
    """
    steps = np.arange(windows.horizon) % season - season
    return lambda rows: windows.values[windows.first[rows, None] + steps]


def constant(windows: Windows, values: Array) -> Forecast:
    """The same value at all times, (M, V): such as the mean of training."""
    return lambda rows: np.repeat(values[rows, None], windows.horizon, axis=1)


class Ridge:
    """Linear regression from a window to the horizon, in closed form; of each variable alone.

    W = (X'X + c I)^-1 X'Y, with the last value of the window subtracted from X and Y where
    `subtract_last`, and a column of ones.

    Args:
        window: values that are read.
        shared: one W for all variables, else one for each.
        subtract_last: forecast the change from the last value.
        penalty: c.
    """

    def __init__(
        self, window: int, shared: bool, subtract_last: bool, penalty: float = 1.0
    ) -> None:
        self.window, self.shared = window, shared
        self.subtract_last, self.penalty = subtract_last, penalty
        self.weights: Array = np.empty(0)  # (V, window + 1, H)

    def fit(self, train: Windows) -> "Ridge":
        """Fit on training targets; on evenly spread ones where there are very many."""
        chosen = np.arange(len(train))[:: -(-len(train) // MAX_FITTED)]
        variables, width = train.values.shape[1], self.window + 1
        squares = np.zeros((variables, width, width))
        products = np.zeros((variables, width, train.horizon))
        for rows in in_pieces(chosen, variables * max(width, train.horizon)):
            read, last = self._read(train, rows)  # (V, B, window + 1), (V, B, 1)
            ahead = train.targets(rows).transpose(2, 0, 1) - last  # (V, B, H)
            squares += read.transpose(0, 2, 1) @ read
            products += read.transpose(0, 2, 1) @ ahead
        if self.shared:
            squares, products = squares.sum(0, keepdims=True), products.sum(0, keepdims=True)
        self.weights = np.linalg.solve(squares + self.penalty * np.eye(width), products)
        return self

    def fit_once(self, train: Windows, key: Mapping[str, Any]) -> "Ridge":
        """Fit, or take the weights that were fitted before for the same key."""
        settings = [self.window, self.shared, self.subtract_last, self.penalty]
        whole = {"ridge": settings, **key}
        folder = cached(whole, lambda folder: self._save(train, folder))
        self.weights = np.load(folder / "weights.npy")
        return self

    def _save(self, train: Windows, folder: Path) -> None:
        np.save(folder / "weights.npy", self.fit(train).weights)

    def forecast(self, windows: Windows) -> Forecast:
        """The forecasts of these targets."""

        def ahead(rows: Ints) -> Array:
            read, last = self._read(windows, rows)
            forecasts: Array = (read @ self.weights + last).transpose(1, 2, 0)  # (B, H, V)
            return forecasts

        return ahead

    def _read(self, windows: Windows, rows: Ints) -> tuple[Array, Array]:
        read = windows.inputs(rows, self.window).transpose(2, 0, 1).astype(np.float64)
        last = read[:, :, -1:] * self.subtract_last  # (V, B, 1)
        return np.concatenate([read - last, np.ones_like(last)], axis=2), last


def har(train: Windows) -> Callable[[Windows], Forecast]:
    """Heterogeneous autoregression of volatility (Corsi, 2009, https://doi.org/10.1093/jjfinec/nbp001).

    Least squares of each step ahead on the last value and its means over 5 and 22 days, fitted on
    training targets; the same for all series.
    """
    weights = np.linalg.lstsq(*_har_problem(train), rcond=None)[0]  # (4, H)

    def made(windows: Windows) -> Forecast:
        return lambda rows: (_har_features(windows, rows) @ weights).transpose(0, 2, 1)

    return made


def _har_problem(train: Windows) -> tuple[Array, Array]:
    rows = np.arange(len(train))
    features = _har_features(train, rows)  # (M, V, 4)
    targets = train.targets(rows).transpose(0, 2, 1)  # (M, V, H)
    return features.reshape(-1, features.shape[2]), targets.reshape(-1, targets.shape[2])


def _har_features(windows: Windows, rows: Ints) -> Array:
    month = windows.inputs(rows, 22).transpose(0, 2, 1).astype(np.float64)  # (B, V, 22)
    means = [month[..., -days:].mean(axis=2) for days in (1, 5, 22)]
    return np.stack([*means, np.ones_like(means[0])], axis=2)


def ewma(windows: Windows, decay: float, history: int) -> Forecast:
    """Exponentially weighted mean of the values before (RiskMetrics, 1996: decay .94 a day).

    Args:
        windows: the targets.
        decay: weight of a value over that of the next one.
        history: values that are weighted; each target has as many before it.
    """
    weights = decay ** np.arange(history - 1, -1, -1.0)
    weights /= weights.sum()

    def ahead(rows: Ints) -> Array:
        mean = np.einsum("bnv,n->bv", windows.inputs(rows, history), weights)
        return np.repeat(mean[:, None], windows.horizon, axis=1)

    return ahead
