"""Ridge regression from a window to the horizon, with a penalty that the data chooses.

M targets, B of them in a batch, L steps of a window, H steps of the horizon, V variables, S series.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnlab.data.baselines.forecasting import NO_COMPLETE_TARGET, BaselineError, Forecast
from rnnlab.data.loaders.windows import Windows
from rnnlab.data.scaling import Standardization
from rnnlab.data.sources.cache import load_or_build
from rnnlab.metrics.forecasting import iterate_blocks
from rnnlab.spec import Array, Ints

RIDGE_VERSION = 3  # increase it when the weights change
MAX_RIDGE_WINDOWS = 200_000  # windows that a ridge regression is fitted on
MAX_LEFT_OUT = 5_000  # targets that are left out one by one; more are left out on average
PENALTIES = 10.0 ** np.arange(-8, 2)  # relative to the mean square of the centred inputs


class RidgeMoments(NamedTuple):
    """Sums over the training targets of one regression.

    Attributes:
        targets: their number.
        inputs: mean input, (L,).
        outputs: mean output, (H,).
        squares: X'X of the centred inputs, (L, L).
        products: X'Y of the centred inputs and outputs, (L, H).
        total: sum of the squares of the centred outputs.
    """

    targets: int
    inputs: Array
    outputs: Array
    squares: Array
    products: Array
    total: float


class LinearMap(NamedTuple):
    """Fitted regression: outputs = inputs @ weights + intercept.

    Attributes:
        weights: (L, H).
        intercept: (H,).
        penalty: relative penalty that leave-one-out chose.
    """

    weights: Array
    intercept: Array
    penalty: float


class Ridge:
    """Linear regression from a window to the horizon, in closed form, of standardised values.

    Each variable of each series is standardised, so neither units nor levels have an effect. With
    X and Y centred, W = (X'X + c I)^-1 X'Y. The penalty is c = p tr(X'X) / L, with the p of
    PENALTIES whose leave-one-out error is the lowest. This error is exact and needs no second fit
    (Allen, 1974): the residual of a target divided by 1 - h, where h is its leverage. Of many
    targets, all have the mean leverage instead of their own: generalized cross-validation (Golub,
    Heath & Wahba, 1979, https://doi.org/10.1080/00401706.1979.10489751).

    Args:
        seq_len: L.
        shared: fit one W for all variables; otherwise one for each.
        subtract_last: subtract the last value of the window from X and Y.
        penalties: choices of p, rising.
    """

    def __init__(
        self, seq_len: int, shared: bool, subtract_last: bool, penalties: Array = PENALTIES
    ) -> None:
        self.seq_len, self.shared = seq_len, shared
        self.subtract_last, self.penalties = subtract_last, penalties
        self.maps: list[LinearMap] = []  # one, or V

    def fit(self, train: Windows, scale: Standardization) -> "Ridge":
        """Fit on the complete training targets, or on evenly spaced ones if there are too many.

        `scale` is that of each of these targets, (M, V).

        Raises:
            BaselineError: a variable has no complete target.
        """
        variables = range(train.values.shape[1])
        groups = [slice(None)] if self.shared else [slice(v, v + 1) for v in variables]
        self.maps = [
            self._fit_group(
                train.take_variables(group), Standardization(*(part[:, group] for part in scale))
            )
            for group in groups
        ]
        return self

    def _fit_group(self, train: Windows, scale: Standardization) -> LinearMap:
        sample = np.arange(len(train))[:: -(-len(train) // MAX_RIDGE_WINDOWS)]
        solver = RidgeSolver(sum_moments(self._pairs(train, scale, sample)))
        if solver.moments.targets > MAX_LEFT_OUT:
            errors = solver.mean_left_out_errors(self.penalties)
        else:
            errors = np.zeros(len(self.penalties))
            for inputs, outputs in self._pairs(train, scale, sample):
                errors += solver.left_out_errors(inputs, outputs, self.penalties)
        best = np.flatnonzero(errors <= errors.min() * (1 + 1e-9))[-1]  # of equal ones the largest
        return solver.solve(float(self.penalties[best]))

    def _pairs(
        self, train: Windows, scale: Standardization, rows: Ints
    ) -> Iterator[tuple[Array, Array]]:
        """Yield inputs (B, L) and outputs (B, H) of complete targets, block by block."""
        width = max(self.seq_len, train.horizon) * train.values.shape[1]
        for block in iterate_blocks(rows, width):
            inputs, last = self._inputs(train, scale, block)
            mean, deviation = (part[block][:, None] for part in scale)
            outputs = (train.targets(block) - mean) / deviation - last  # (B, H, V)
            flat = flatten_variables(inputs), flatten_variables(outputs)
            complete = ~np.isnan(flat[1]).any(axis=1)
            yield flat[0][complete], flat[1][complete]

    def fit_once(self, train: Windows, scale: Standardization, key: Mapping[str, Any]) -> "Ridge":
        """Fit, or load the weights from the cache if they were fitted before for the same key."""
        settings = [self.seq_len, self.shared, self.subtract_last, self.penalties.tolist()]
        key = {"ridge": settings, "version": RIDGE_VERSION, **key}
        folder = load_or_build(key, lambda folder: self._save(train, scale, folder))
        parts = (np.load(folder / f"{name}.npy") for name in LinearMap._fields)
        self.maps = [LinearMap(*members) for members in zip(*parts, strict=True)]
        return self

    def _save(self, train: Windows, scale: Standardization, folder: Path) -> None:
        for name, members in zip(
            LinearMap._fields, zip(*self.fit(train, scale).maps, strict=True), strict=True
        ):
            np.save(folder / f"{name}.npy", np.stack(members))

    def forecast(self, windows: Windows, scale: Standardization) -> Forecast:
        """Return the forecasts of these targets; `scale` is that of each of them."""
        weights, intercepts = (np.stack(part) for part in list(zip(*self.maps, strict=True))[:2])

        def forecast_rows(rows: Ints) -> Array:
            inputs, last = self._inputs(windows, scale, rows)  # (B, L, V), (B, 1, V)
            mean, deviation = (part[rows][:, None] for part in scale)
            outputs = inputs.transpose(2, 0, 1) @ weights + intercepts[:, None]  # (V, B, H)
            forecasts: Array = (outputs.transpose(1, 2, 0) + last) * deviation + mean
            return forecasts

        return forecast_rows

    def _inputs(self, windows: Windows, scale: Standardization, rows: Ints) -> tuple[Array, Array]:
        mean, deviation = (part[rows][:, None] for part in scale)
        values = (windows.inputs(rows, self.seq_len) - mean) / deviation  # (B, L, V)
        last = values[:, -1:] * self.subtract_last
        return values - last, last


def flatten_variables(values: Array) -> Array:
    """Return the steps of each target and variable as a row: (B, T, V) -> (B * V, T)."""
    return values.transpose(0, 2, 1).reshape(-1, values.shape[1])


def sum_moments(pairs: Iterator[tuple[Array, Array]]) -> RidgeMoments:
    """Return the moments of inputs (B, L) and outputs (B, H), block by block.

    Raises:
        BaselineError: there is no row, or a sum is not finite.
    """
    count, sums, products = 0, np.zeros(1), np.zeros(1)
    width, squares = 0, np.zeros(1)
    for inputs, outputs in pairs:
        both = np.concatenate([inputs, outputs], axis=1)
        width, count = inputs.shape[1], count + len(both)
        sums, products = sums + both.sum(axis=0), products + inputs.T @ both
        squares = squares + np.square(outputs).sum(axis=0)
    if not count:
        raise BaselineError(NO_COMPLETE_TARGET)
    if not np.isfinite(products).all():
        raise BaselineError("the squares of the values are too large for a computer")
    means = sums / count
    products = products - count * np.outer(means[:width], means)
    total = float((squares - count * means[width:] ** 2).sum())
    return RidgeMoments(
        count, means[:width], means[width:], products[:, :width], products[:, width:], total
    )


class RidgeSolver:
    """Ridge regressions of the same data for any relative penalty.

    X'X = Q diag(s) Q', so each penalty costs one product. The penalty is a share of the mean
    square, so that the system is never singular; inputs that never change have weights of zero.
    """

    def __init__(self, moments: RidgeMoments) -> None:
        self.moments = moments
        squares, self.basis = np.linalg.eigh(moments.squares)
        self.squares = squares.clip(min=0)  # (L,)
        self.products = self.basis.T @ moments.products  # (L, H)

    def shrinkage(self, penalty: float) -> Array:
        """Return 1 / (s + c), (L,)."""
        return 1 / (self.squares + penalty * (self.squares.mean() or 1.0))

    def left_out_errors(self, inputs: Array, outputs: Array, penalties: Array) -> Array:
        """Return the sum of the squared errors of targets that the fit leaves out, one by one.

        `inputs` is (B, L) and `outputs` (B, H); the result has a sum for each penalty.
        """
        coordinates = (inputs - self.moments.inputs) @ self.basis  # (B, L)
        outputs, squares = outputs - self.moments.outputs, coordinates**2
        errors = []
        for shrinkage in map(self.shrinkage, penalties):
            residuals = outputs - coordinates @ (shrinkage[:, None] * self.products)  # (B, H)
            leverage = 1 / self.moments.targets + squares @ shrinkage  # (B,)
            left_out = residuals / (1 - leverage).clip(min=1e-12)[:, None]
            errors.append(np.square(left_out).sum())
        return np.array(errors)

    def mean_left_out_errors(self, penalties: Array) -> Array:
        """Return the same sums for all targets of the fit, with their mean leverage.

        The residuals of all targets follow from the moments: with P = Q'X'Y and r = 1 / (s + c),
        their sum of squares is Y'Y - sum_i (2 r_i - s_i r_i^2) |P_i|^2.
        """
        squares, count = np.square(self.products).sum(axis=1), self.moments.targets  # (L,)
        errors = []
        for shrinkage in map(self.shrinkage, penalties):
            explained = (2 * shrinkage - self.squares * shrinkage**2) @ squares
            leverage = (1 + self.squares @ shrinkage) / count
            errors.append(max(self.moments.total - explained, 0.0) / (1 - leverage) ** 2)
        return np.array(errors)

    def solve(self, penalty: float) -> LinearMap:
        """Return the regression for one penalty."""
        weights = self.basis @ (self.shrinkage(penalty)[:, None] * self.products)
        intercept = self.moments.outputs - self.moments.inputs @ weights
        return LinearMap(weights, intercept, penalty)
