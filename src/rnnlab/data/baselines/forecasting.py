"""Baseline forecasts without a network.

N steps, M targets, B of them in a batch, H steps of the horizon, V variables.
"""

from collections.abc import Callable

import numpy as np

from rnnlab.data.loaders.windows import Windows
from rnnlab.spec import Array, Ints

Forecast = Callable[[Ints], Array]  # rows of targets (B,) -> (B, H, V)
NO_COMPLETE_TARGET = "no training target has all its values in the file"


class BaselineError(ValueError):
    """A baseline cannot be computed; the message is the reason."""


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


def fit_har(train: Windows) -> Callable[[Windows], Forecast]:
    """Fit a heterogeneous autoregression of volatility, and return its forecasts of any targets.

    Corsi, 2009 (https://doi.org/10.1093/jjfinec/nbp001): least squares of each step ahead on the
    last value and its means over 5 and 22 days; the same weights for all series. Features and
    targets are centred and divided by one scale, so the unit of the values has no effect.

    Raises:
        BaselineError: no training target is completely observed.
    """
    features = _har_features(train, np.arange(len(train)))  # (M, V, 3)
    targets = train.targets(np.arange(len(train))).transpose(0, 2, 1)  # (M, V, H)
    complete = ~np.isnan(targets).any(axis=2)
    if not complete.any():
        raise BaselineError(NO_COMPLETE_TARGET)
    inputs, outputs = features[complete], targets[complete]
    input_mean, output_mean = inputs.mean(axis=0), outputs.mean(axis=0)
    scale = (inputs - input_mean).std() or 1.0
    weights = np.linalg.lstsq((inputs - input_mean) / scale, (outputs - output_mean) / scale)[0]

    def forecast(windows: Windows) -> Forecast:
        def forecast_rows(rows: Ints) -> Array:
            changes = (_har_features(windows, rows) - input_mean) @ weights  # (B, V, H)
            forecasts: Array = (changes + output_mean).transpose(0, 2, 1)
            return forecasts

        return forecast_rows

    return forecast


def _har_features(windows: Windows, rows: Ints) -> Array:
    month = windows.inputs(rows, 22).transpose(0, 2, 1).astype(np.float64)  # (B, V, 22)
    return np.stack([month[..., -days:].mean(axis=2) for days in (1, 5, 22)], axis=2)


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
