"""How good a forecast is, alone and against another one. Plain numpy.

N targets, H steps of the horizon, V variables.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
PIECE = 1_000_000  # numbers that are measured at once: 8 MB
MEASURES = ("mse", "mae", "smape", "mase")


def in_pieces(rows: Array, cells: int) -> Iterator[Array]:
    """The rows in pieces of about a million numbers, where each row stands for `cells` of them.

    >>> [len(piece) for piece in in_pieces(np.arange(5), 500_000)]
    [2, 2, 1]
    """
    size = max(1, PIECE // cells)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def errors_by_step(
    predicted: Array, truth: Array, naive_errors: Array, origin: Array
) -> Mapping[str, Array]:
    """Four mean errors of each step of the horizon, (H,) each.

    mse = mean (f - y)^2, mae = mean |f - y|, smape = mean 2 |f - y| / (|f| + |y|) (Makridakis,
    1993), mase = mean |f - y| / q, with q the mean absolute error of the naive forecast in the
    training part (Hyndman & Koehler, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001).

    Args:
        predicted: f, (N, H, V).
        truth: y, (N, H, V).
        naive_errors: q, (N, 1, V) or (1, 1, V), in the same units.
        origin: the zero of the original units, in the same units; smape is measured from
            it; (N, 1, V) or (1, 1, V).
    """
    error = np.abs(predicted - truth, dtype=np.float64)
    size = np.abs(predicted - origin) + np.abs(truth - origin)
    relative = np.divide(2 * error, size, out=np.zeros_like(error), where=size > 0)
    scaled = error / naive_errors
    parts = {"mse": error**2, "mae": error, "smape": relative, "mase": scaled}
    return {name: part.mean(axis=(0, 2)) for name, part in parts.items()}


class Calibration(NamedTuple):
    """How well quantiles of a forecast say what may come.

    Attributes:
        pinball: max(q e, (q - 1) e) with e = truth - forecast, the mean over all quantiles.
        below: share of the truths that lie at or below each quantile, (Q,): q where all is well.
        coverage: share of the truths in the outer interval, its ends included.
        width: mean width of the outer interval.
    """

    pinball: float
    below: Array
    coverage: float
    width: float


def calibrate(predicted: Array, truth: Array, quantiles: Sequence[float]) -> Calibration:
    """Measure quantiles against what came.

    Args:
        predicted: the quantiles, rising, (N, H, V, Q).
        truth: (N, H, V).
        quantiles: q of each, (Q,).
    """
    levels = np.array(quantiles)
    losses, below = np.zeros(len(levels)), np.zeros(len(levels))
    inside = width = 0.0
    for rows in in_pieces(np.arange(len(truth)), predicted[0].size):
        fan, came = predicted[rows].astype(np.float64), truth[rows, ..., None]
        error = came - fan
        losses += np.maximum(levels * error, (levels - 1) * error).sum(axis=(0, 1, 2))
        below += (error <= 0).sum(axis=(0, 1, 2))
        inside += ((error[..., 0] >= 0) & (error[..., -1] <= 0)).sum()
        width += (fan[..., -1] - fan[..., 0]).sum()
    count = truth.size
    return Calibration(float(losses.mean() / count), below / count, inside / count, width / count)


class Verdict(NamedTuple):
    """One forecast against another.

    Attributes:
        skill: 1 - MSE / MSE of the other: 0 is no better, 1 is perfect.
        p: chance to see such a difference if both were equally good; NaN where there is none.
    """

    skill: float
    p: float


def compare(errors: Array, others: Array, horizon: int) -> Verdict:
    """Skill, and the test of Diebold & Mariano (1995) with the correction of Harvey et al. (1997).

    The difference of the squared errors is a series with autocovariance up to lag H - 1; its mean,
    over its standard error, times sqrt((n + 1 - 2H + H (H - 1) / n) / n), is held against Student's
    t with n - 1 degrees of freedom, on both sides (https://doi.org/10.1016/S0169-2070(96)00719-4).

    Args:
        errors: mean squared error at each point in time, (n,), in order.
        others: of the other forecast, (n,).
        horizon: H.
    """
    from scipy.stats import t

    gains = np.asarray(others, dtype=np.float64) - errors
    n = len(gains)
    mean_other = float(np.mean(others))
    skill = float(np.mean(gains)) / mean_other if mean_other else 0.0
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    variance = long_run_variance(gains, min(horizon, n)) / n
    if variance <= 0 or correction <= 0:
        return Verdict(skill, math.nan)
    statistic = float(np.mean(gains)) / math.sqrt(variance) * math.sqrt(correction)
    return Verdict(skill, float(2 * t.sf(abs(statistic), n - 1)))


def long_run_variance(series: Array, lags: int) -> float:
    """Sum of the autocovariances of lags -(lags - 1)..lags - 1.

    Where that is not positive, as it can be, it is summed with falling weights (Newey & West,
    1987), which always is.
    """
    centred = series - series.mean()
    n = len(centred)
    covariances = np.array([centred[: n - lag] @ centred[lag:] / n for lag in range(lags)])
    plain = covariances[0] + 2 * covariances[1:].sum()
    if plain > 0:
        return float(plain)
    weights = 1 - np.arange(lags) / lags
    return float(covariances[0] + 2 * (weights * covariances)[1:].sum())


def in_words(name: str, verdict: Verdict) -> str:
    """What may be claimed of the network against `name`.

    >>> in_words("persistence", Verdict(-0.004, 0.3))
    'Against persistence: skill -0.4%, p = 0.300 (Diebold-Mariano): nothing is claimed.'
    """
    p = "p < 0.001" if verdict.p < 0.001 else f"p = {verdict.p:.3f}"
    known = f"Against {name}: skill {verdict.skill:+.1%}, {p} (Diebold-Mariano)"
    if not verdict.p < 0.05:
        return f"{known}: nothing is claimed."
    better = "better" if verdict.skill > 0 else "worse"
    return f"{known}: the network is {better}."
