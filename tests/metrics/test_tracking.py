"""Offsets that follow the errors of earlier forecasts: plain loops, causality, coverage."""

import numpy as np
import pytest

from rnnlab.metrics.conformal import ConformalIntervals
from rnnlab.metrics.order_statistics import order_statistic
from rnnlab.metrics.tracking import ForecastOrigins, find_origins, track_offsets, tracking_steps
from rnnlab.spec import Array

T, H, S, V, LEVEL = 40, 3, 2, 2, 0.8


def place_all(steps: int = T) -> ForecastOrigins:
    """Forecasts of all steps of S series, with V variables each."""
    series, step = (part.ravel() for part in np.mgrid[:S, :steps])
    return ForecastOrigins(series, step, np.tile(np.arange(V), (S * steps, 1)))


def draw_scores() -> Array:
    """Scores of all forecasts, which are larger in the second half; some are missing."""
    random = np.random.default_rng(0)
    scores = random.exponential(size=(S, T, H, V))
    scores[:, T // 2 :] *= 3
    scores[random.uniform(size=scores.shape) < 0.1] = np.nan
    return scores.reshape(S * T, H, V)


OFFSETS = np.array([[1.0, 2.0], [1.5, 2.5], [2.0, np.nan]])  # (H, V)
STEPS = np.array([[0.1, 0.2], [0.3, 0.1], [0.2, 0.1]])


def plain_offsets(scores: Array) -> Array:
    """One offset at a time, by the definition."""
    parts = scores.reshape(S, T, H, V)
    result = np.empty(parts.shape)
    for s, h, v in np.ndindex(S, H, V):
        offset = OFFSETS[h, v]
        for t in range(T):
            made = t - 1 - h  # the forecast whose value of step h is the last known value
            if made >= 0 and not np.isnan(parts[s, made, h, v]):
                missed = parts[s, made, h, v] > result[s, made, h, v]
                offset += STEPS[h, v] * (LEVEL if missed else LEVEL - 1)
            result[s, t, h, v] = offset
    return result.reshape(scores.shape)


def test_the_offsets_are_those_of_plain_loops() -> None:
    scores = draw_scores()
    tracked = track_offsets(scores, place_all(), OFFSETS, STEPS, LEVEL)
    np.testing.assert_allclose(tracked, plain_offsets(scores))
    assert np.isnan(tracked[:, 2, 1]).all()


def test_the_order_of_the_forecasts_and_their_grouping_change_nothing() -> None:
    """The targets of a run are sorted by other things, or have one variable each."""
    scores, origins = draw_scores(), place_all()
    expected = track_offsets(scores, origins, OFFSETS, STEPS, LEVEL)
    order = np.random.default_rng(1).permutation(len(scores))
    mixed = ForecastOrigins(*(part[order] for part in origins))
    tracked = track_offsets(scores[order], mixed, OFFSETS, STEPS, LEVEL)
    np.testing.assert_array_equal(tracked, expected[order])
    single = ForecastOrigins(
        *(part.repeat(V) for part in origins[:2]), origins.variables.reshape(-1, 1)
    )
    parts = np.moveaxis(scores, 2, 1).reshape(-1, H, 1)
    tracked = track_offsets(parts, single, OFFSETS, STEPS, LEVEL)
    np.testing.assert_array_equal(tracked, np.moveaxis(expected, 2, 1).reshape(-1, H, 1))


def test_values_after_a_forecast_have_no_influence_on_it() -> None:
    scores, origins = draw_scores(), place_all()
    expected = track_offsets(scores, origins, OFFSETS, STEPS, LEVEL)
    for now in (0, 1, 5, 20):  # the values of the steps before `now` are known
        later = origins.steps[:, None] + np.arange(H) >= now  # (N, H)
        for other in (np.nan, 0.0, 1e9):
            changed = np.where(later[..., None], other, scores)
            tracked = track_offsets(changed, origins, OFFSETS, STEPS, LEVEL)
            made = origins.steps <= now
            np.testing.assert_array_equal(tracked[made], expected[made])


def test_forecasts_before_the_end_of_the_validation_keep_its_offsets() -> None:
    scores, origins = draw_scores(), place_all()
    shifted = origins._replace(steps=origins.steps - 10)
    tracked = track_offsets(scores, shifted, OFFSETS, STEPS, LEVEL).reshape(S, T, H, V)
    np.testing.assert_array_equal(tracked[:, :11], np.broadcast_to(OFFSETS, (S, 11, H, V)))
    scores = scores.reshape(S, T, H, V)[:, 10:].reshape(-1, H, V)
    later = track_offsets(scores, place_all(T - 10), OFFSETS, STEPS, LEVEL)
    np.testing.assert_array_equal(tracked[:, 10:], later.reshape(S, T - 10, H, V))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("change", [0.6, 1.0, 1.7])
def test_the_coverage_returns_to_the_level_after_a_change(level: float, change: float) -> None:
    """The errors of the test are larger or smaller than those of the validation."""
    random = np.random.default_rng(2)
    before = np.abs(random.standard_normal((1000, 6, 1, 1)))
    after = change * np.abs(random.standard_normal((4000, 6, 1, 1)))
    origins, earlier = (
        ForecastOrigins(np.zeros(count, int), np.arange(count), np.zeros((count, 1), int))
        for count in (4000, 1000)
    )
    coverage = {}
    for adaptive in (False, True):
        fit = ConformalIntervals.fit((level,), False, before, earlier, 1, adaptive)
        coverage[adaptive] = float((after <= fit.track(after, origins)).mean())
    assert coverage[True] == pytest.approx(level, abs=0.02)
    if change != 1:
        assert abs(coverage[False] - level) > 0.035


def test_a_step_is_the_inverse_of_the_density_and_the_memory() -> None:
    """Uniform scores have the density 1, and 400 forecasts are remembered as 100."""
    scores = np.random.default_rng(3).uniform(size=(100_000, 2)) * [1, 5]
    steps = tracking_steps(scores, 0.9, np.array([400, 400]))
    np.testing.assert_allclose(steps, [0.01, 0.05], rtol=0.05)


def test_few_scores_have_a_step_too() -> None:
    scores = np.array([[1.0, np.nan], [2.0, np.nan], [4.0, 3.0]])
    steps = tracking_steps(scores, 0.5, np.array([3.0, 1.0]))
    np.testing.assert_allclose(steps, [(4 - 1) / 0.5, 0])
    assert np.isnan(tracking_steps(np.full((0, 1), np.nan), 0.5, np.zeros(1))).all()


def test_ranks_outside_the_values_have_none() -> None:
    values = np.array([[3.0, np.nan], [1.0, 5.0]])
    np.testing.assert_array_equal(order_statistic(values, np.array([2, 1])), [3, 5])
    np.testing.assert_array_equal(order_statistic(values, np.array([3, 2])), [np.nan] * 2)
    np.testing.assert_array_equal(order_statistic(values, np.array([0, 0])), [np.nan] * 2)


def test_a_data_set_without_origins_has_static_offsets() -> None:
    origins = find_origins({}, 3, V)
    assert origins.variables.tolist() == [[0, 1]] * 3
    tracked = track_offsets(np.full((3, H, V), 9.0), origins, OFFSETS, STEPS, LEVEL)
    np.testing.assert_array_equal(tracked, np.broadcast_to(OFFSETS, (3, H, V)))
