"""Ridge regression: exact leave-one-out errors, any units and levels, never singular."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnlab.data.baselines.forecasting import BaselineError
from rnnlab.data.baselines.ridge import PENALTIES, Ridge, RidgeSolver, sum_moments
from rnnlab.data.loaders.windows import Windows
from rnnlab.data.scaling import Standardization, fit_standardization

STEPS, TRAIN, L, H = 140, 100, 5, 2


def windows_of(values: Any, begin: int = L, end: int = TRAIN) -> Windows:
    return Windows(np.asarray(values, dtype=float), np.arange(begin, end - H + 1), H)


def scale_of(windows: Windows) -> Standardization:
    """The statistics of the first steps, for every window."""
    values = windows.values
    scale = fit_standardization(values, np.isfinite(values), [(0, TRAIN)])
    return Standardization(*(np.tile(part, (len(windows), 1)) for part in scale))


def forecast(values: Any, shared: bool = True, subtract_last: bool = True) -> Any:
    train, test = windows_of(values), windows_of(values, TRAIN, STEPS)
    ridge = Ridge(L, shared, subtract_last).fit(train, scale_of(train))
    return ridge.forecast(test, scale_of(test))(np.arange(len(test)))


@pytest.fixture
def walks() -> Any:
    return np.random.default_rng(0).standard_normal((STEPS, 2)).cumsum(axis=0)


def test_the_left_out_error_is_that_of_a_fit_without_the_target() -> None:
    """Each target is left out by hand, with the same penalty, and its error compared."""
    random = np.random.default_rng(0)
    inputs, outputs = random.standard_normal((12, 4)), random.standard_normal((12, H))
    solver = RidgeSolver(sum_moments(iter([(inputs[:7], outputs[:7]), (inputs[7:], outputs[7:])])))
    shares = np.array([1e-8, 0.1, 10.0])
    found = solver.left_out_errors(inputs, outputs, shares)
    for share, error in zip(shares, found, strict=True):
        centred = inputs - inputs.mean(axis=0)
        penalty = share * np.trace(centred.T @ centred) / 4
        wanted = 0.0
        for i in range(12):
            x, y = np.delete(inputs, i, axis=0), np.delete(outputs, i, axis=0)
            ones = np.column_stack([x, np.ones(11)])
            system = ones.T @ ones + penalty * np.diag([1, 1, 1, 1, 0])  # the intercept is free
            weights = np.linalg.solve(system, ones.T @ y)
            wanted += np.square(outputs[i] - np.append(inputs[i], 1) @ weights).sum()
        assert error == pytest.approx(wanted, rel=1e-9)


def test_many_targets_are_left_out_with_their_mean_leverage() -> None:
    """The residuals are recomputed from the fitted weights, the leverages from the inputs."""
    random = np.random.default_rng(1)
    inputs = random.standard_normal((50, 4)) + 3
    outputs = inputs @ random.standard_normal((4, H)) + random.standard_normal((50, H)) - 7
    solver = RidgeSolver(
        sum_moments(iter([(inputs[:20], outputs[:20]), (inputs[20:], outputs[20:])]))
    )
    shares = np.array([1e-8, 0.1, 10.0])
    centred = inputs - inputs.mean(axis=0)
    for share, error in zip(shares, solver.mean_left_out_errors(shares), strict=True):
        weights, intercept, _ = solver.solve(share)
        residuals = outputs - inputs @ weights - intercept
        penalty = share * np.trace(centred.T @ centred) / 4
        hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(4), centred.T)
        leverage = 1 / 50 + np.trace(hat) / 50
        assert error == pytest.approx(np.square(residuals).sum() / (1 - leverage) ** 2, rel=1e-9)


@pytest.mark.parametrize("subtract_last", [True, False])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("level", "unit"), [(0, 1e-9), (0, 1e9), (1e6, 1.0), (-3e4, 1e-2)])
def test_units_and_levels_have_no_effect(
    walks: Any, shared: bool, subtract_last: bool, level: float, unit: float
) -> None:
    plain = forecast(walks, shared, subtract_last)
    other = (forecast(level + unit * walks, shared, subtract_last) - level) / unit
    np.testing.assert_allclose(other, plain, rtol=1e-6, atol=1e-6)


def test_shared_weights_do_not_mix_the_units_of_two_columns(walks: Any) -> None:
    plain = forecast(walks)
    other = forecast(walks * [1.0, 1e7])
    np.testing.assert_allclose(other / [1.0, 1e7], plain, rtol=1e-9)


@pytest.mark.parametrize("subtract_last", [True, False])
@pytest.mark.parametrize(
    "values",
    [
        np.full((STEPS, 1), 7.0),
        np.full((STEPS, 1), 123_456_789.1),
        123_456_789 + np.arange(STEPS)[:, None] / 1000,
        1e12 + np.random.default_rng(0).standard_normal((STEPS, 1)),
        np.tile([[0.0], [1.0]], (STEPS // 2, 1)),
    ],
    ids=["constant", "large constant", "line", "large level", "two values"],
)
def test_no_series_is_singular(values: Any, subtract_last: bool) -> None:
    forecasts = forecast(values, subtract_last=subtract_last)
    assert np.isfinite(forecasts).all()
    deviation = values[:TRAIN].std() or 1e-6
    targets = windows_of(values, TRAIN, STEPS).targets(np.arange(STEPS - TRAIN - H + 1))
    assert np.abs(forecasts - targets).mean() < 3 * deviation


def test_noise_is_shrunk_and_a_line_is_not(walks: Any) -> None:
    def chosen(values: Any) -> float:
        train = windows_of(values)
        return Ridge(L, True, False).fit(train, scale_of(train)).maps[0].penalty

    assert chosen(np.random.default_rng(0).standard_normal((STEPS, 1))) == PENALTIES[-1]
    assert chosen(np.sin(np.arange(STEPS)[:, None] / 3)) <= 1e-6


def test_a_target_with_a_gap_is_left_out_for_its_variable_alone(walks: Any) -> None:
    gap = np.ones((STEPS, 2), dtype=bool)
    gap[50, 0] = False
    train = replace(windows_of(walks), observed=gap)
    ridge = Ridge(L, shared=False, subtract_last=True).fit(train, scale_of(train))
    spoilt = walks.copy()
    spoilt[50, 0] = 1e6  # never read as a target
    complete = Ridge(L, shared=False, subtract_last=True)
    rows = np.delete(np.arange(len(train)), range(50 - L - H + 1, 50 - L + 1))
    some = windows_of(walks).take(rows)
    complete.fit(some, scale_of(some))
    np.testing.assert_allclose(ridge.maps[0].weights, complete.maps[0].weights)
    plain = windows_of(walks)
    whole = Ridge(L, shared=False, subtract_last=True).fit(plain, scale_of(plain))
    np.testing.assert_allclose(ridge.maps[1].weights, whole.maps[1].weights)


def test_no_complete_target_is_a_reason() -> None:
    values = np.random.default_rng(0).standard_normal((STEPS, 1))
    observed = np.zeros((STEPS, 1), dtype=bool)
    observed[::H] = True
    train = replace(windows_of(values), observed=observed)
    with pytest.raises(BaselineError, match="no training target has all its values"):
        Ridge(L, True, True).fit(train, scale_of(train))
