import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.metrics.forecasting import (
    ErrorUnits,
    ForecastErrors,
    compare_forecasts,
    long_run_variance,
    measure_forecast,
)
from rnnlab.metrics.significance import ComparisonTest

ONE = np.ones((1, 1, 1))


def measure(
    forecast: Any, truth: Any, naive_error: Any = 1.0, origin: float = 0.0, scale: Any = 1.0
) -> ForecastErrors:
    """Errors of one forecast; each unit is a number, or one for each variable."""
    forecasts, truths = np.asarray(forecast, dtype=float), np.asarray(truth, dtype=float)
    shape = (len(truths), 1, truths.shape[2])
    units = ErrorUnits(*(np.broadcast_to(unit, shape) for unit in (naive_error, origin, scale)))
    return measure_forecast(lambda rows: forecasts[rows], truths, units)


def test_four_errors_by_hand() -> None:
    truth = np.array([[[1.0], [2.0]], [[3.0], [-4.0]]])  # (N=2, H=2, V=1)
    forecast = np.array([[[2.0], [2.0]], [[1.0], [4.0]]])
    found = measure(forecast, truth, 2).by_step
    assert found["mse"].tolist() == [(1 + 4) / 2, (0 + 64) / 2]
    assert found["mae"].tolist() == [(1 + 2) / 2, (0 + 8) / 2]
    assert found["smape"].tolist() == [(2 * 1 / 3 + 2 * 2 / 4) / 2, (0 + 2 * 8 / 8) / 2]
    assert found["mase"].tolist() == [(1 + 2) / 4, (0 + 8) / 4]


def test_smape_is_measured_from_the_zero_of_the_original_units() -> None:
    original = measure(12 * ONE, 10 * ONE).by_step["smape"]
    scaled = measure((12 - 7) / 2 * ONE, (10 - 7) / 2 * ONE, origin=-7 / 2).by_step["smape"]
    np.testing.assert_allclose(original, scaled)


@pytest.mark.parametrize(("forecast", "truth", "smape"), [(0, 0, 0), (0, 5, 2), (5, 0, 2)])
def test_smape_with_zeros(forecast: float, truth: float, smape: float) -> None:
    assert measure(forecast * ONE, truth * ONE).by_step["smape"].tolist() == [smape]


def test_missing_targets_do_not_count() -> None:
    truth = np.array([[[1.0], [np.nan]], [[np.nan], [np.nan]], [[2.0], [5.0]]])
    errors = measure(np.zeros_like(truth), truth)
    assert errors.by_step["mse"].tolist() == [(1 + 4) / 2, 25]
    assert errors.means["mse"] == (1 + 4 + 25) / 3
    assert errors.means["mae"] == (1 + 2 + 5) / 3
    np.testing.assert_array_equal(errors.squared_errors, [1, np.nan, (4 + 25) / 2])
    nothing = measure(ONE, np.nan * ONE)
    assert math.isnan(nothing.means["mse"])
    assert nothing.is_finite


def test_a_forecast_that_is_not_finite_is_never_taken_for_a_missing_target() -> None:
    for value in (np.nan, np.inf):
        errors = measure(value * ONE, ONE)
        assert not errors.is_finite
        assert not np.isfinite(errors.means["mse"])
    assert measure(np.nan * ONE, np.nan * ONE).is_finite  # nothing was to be forecast


@pytest.mark.parametrize("undefined", [0.0, np.nan])
def test_mase_leaves_out_what_has_no_naive_error(undefined: float) -> None:
    truth, forecast = np.array([[[0.0, 0.0]]]), np.array([[[3.0, 1000.0]]])
    errors = measure(forecast, truth, [2.0, undefined])
    assert errors.means["mase"] == 3 / 2
    assert errors.means["mae"] == (3 + 1000) / 2
    assert math.isnan(measure(forecast, truth, undefined).means["mase"])


def test_a_mean_over_columns_of_different_units_is_of_scaled_errors() -> None:
    truth, forecast = np.zeros((1, 1, 3)), np.array([[[3.0, 4000.0, 7.0]]])
    errors = measure(forecast, truth, scale=[1.0, 1000.0, np.nan])  # the third has no scale
    assert errors.means["mse"] == (3**2 + 4**2) / 2
    assert errors.means["mae"] == (3 + 4) / 2
    assert errors.squared_errors.tolist() == [(3**2 + 4**2) / 2]
    columns = errors.group_means(np.arange(3)[None], 3)
    assert columns["mse"].tolist() == [3**2, 4000**2, 7**2]


def test_errors_are_measured_in_double_precision() -> None:
    """Differences of a thousandth at 123,456,789 are exact to nine digits."""
    truth = 123_456_789 + np.arange(4.0)[:, None, None] / 1000
    assert measure(truth + 0.001, truth).means["mae"] == pytest.approx(0.001, rel=1e-4)


def test_one_step_ahead_the_test_is_a_t_test_of_the_difference() -> None:
    """At H = 1 Harvey's correction makes it the t statistic of the mean."""
    from scipy.stats import ttest_1samp

    random = np.random.default_rng(0)
    ours, theirs = random.random(50), random.random(50) + 0.1
    result = compare_forecasts(ours, theirs, horizon=1)
    assert result.p == pytest.approx(ttest_1samp(theirs - ours, 0.0).pvalue, rel=1e-9)
    assert result.skill == pytest.approx(1 - ours.mean() / theirs.mean())


def test_equally_good_forecasts_are_told_apart_as_rarely_as_the_level_says() -> None:
    random = np.random.default_rng(1)
    found = [
        compare_forecasts(*random.chisquare(1, (2, 200)), horizon=1).p < 0.05 for _ in range(1000)
    ]
    assert 0.03 < np.mean(found) < 0.07


def test_overlapping_horizons_make_the_test_careful() -> None:
    """Errors of windows that overlap are not independent; without the lags p would be too small."""
    random = np.random.default_rng(2)
    kernel = np.ones(10) / 10
    gains = [np.convolve(random.standard_normal(309), kernel, "valid") for _ in range(400)]
    naive = [compare_forecasts(1 - g, np.ones(300), horizon=1).p < 0.05 for g in gains]
    right = [compare_forecasts(1 - g, np.ones(300), horizon=10).p < 0.05 for g in gains]
    assert np.mean(naive) > 0.4
    assert np.mean(right) < 0.15


def test_a_forecast_against_itself_has_no_p() -> None:
    result = compare_forecasts(np.ones(30), np.ones(30), horizon=1)
    assert result.skill == 0
    assert math.isnan(result.p)
    assert result.describe("itself").endswith("no test is possible: nothing is claimed.")
    perfect = compare_forecasts(np.ones(30), np.zeros(30), horizon=1)
    assert math.isnan(perfect.skill)
    assert "its error is 0" in perfect.describe("persistence")


@pytest.mark.parametrize(
    ("result", "end"),
    [
        (
            ComparisonTest(0.1, 0.2),
            "skill +10.0%, p = 0.200 (Diebold-Mariano): nothing is claimed.",
        ),
        (ComparisonTest(0.1, 0.01), "p = 0.010 (Diebold-Mariano): the network is better."),
        (ComparisonTest(-0.1, 0.0001), "p < 0.001 (Diebold-Mariano): the network is worse."),
        (ComparisonTest(0.1, 0.05), "nothing is claimed."),
    ],
)
def test_what_may_be_claimed(result: ComparisonTest, end: str) -> None:
    assert result.describe("persistence").endswith(end)


@given(st.lists(st.floats(-10, 10), min_size=12, max_size=40), st.integers(1, 12))
def test_the_variance_of_a_mean_is_never_negative(values: list[float], lags: int) -> None:
    assert long_run_variance(np.array(values), lags) >= 0
