import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.metrics.forecasting import compare_forecasts, errors_by_step, long_run_variance
from rnnlab.metrics.significance import ComparisonTest

ONE = np.ones((1, 1, 1))


def test_four_errors_by_hand() -> None:
    truth = np.array([[[1.0], [2.0]], [[3.0], [-4.0]]])  # (N=2, H=2, V=1)
    forecast = np.array([[[2.0], [2.0]], [[1.0], [4.0]]])
    found = errors_by_step(forecast, truth, 2 * ONE, 0 * ONE)
    assert found["mse"].tolist() == [(1 + 4) / 2, (0 + 64) / 2]
    assert found["mae"].tolist() == [(1 + 2) / 2, (0 + 8) / 2]
    assert found["smape"].tolist() == [(2 * 1 / 3 + 2 * 2 / 4) / 2, (0 + 2 * 8 / 8) / 2]
    assert found["mase"].tolist() == [(1 + 2) / 4, (0 + 8) / 4]


def test_smape_is_measured_from_the_zero_of_the_original_units() -> None:
    original = errors_by_step(12 * ONE, 10 * ONE, ONE, 0 * ONE)["smape"]
    scaled = errors_by_step((12 - 7) / 2 * ONE, (10 - 7) / 2 * ONE, ONE, -7 / 2 * ONE)["smape"]
    np.testing.assert_allclose(original, scaled)


def test_two_equal_zeros_are_no_error() -> None:
    assert errors_by_step(0 * ONE, 0 * ONE, ONE, 0 * ONE)["smape"].tolist() == [0.0]


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
    assert result.describe("itself").endswith("nothing is claimed.")


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
