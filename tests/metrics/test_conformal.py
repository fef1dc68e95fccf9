"""Conformal prediction intervals: known answers, and the coverage that they promise."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from rnnlab.metrics.conformal import (
    ConformalIntervals,
    base_interval,
    conformal_quantile,
    conformity_scores,
    interval_scale,
    values_needed,
)
from rnnlab.metrics.tracking import ForecastOrigins, find_origins
from rnnlab.spec import Batch, Ints, Units

B, T, H, V = 5, 4, 2, 3


def place(variables: Ints) -> ForecastOrigins:
    """Forecasts without an order."""
    return find_origins({}, *variables.shape)._replace(variables=variables)


def test_the_conformal_quantile_is_an_order_statistic() -> None:
    scores = np.array([[9.0, 1], [1, np.nan], [5, 2], [3, 3], [7, 4]])
    np.testing.assert_array_equal(conformal_quantile(scores, 0.5), [5, 3])  # 3rd of 5, 3rd of 4
    np.testing.assert_array_equal(conformal_quantile(scores, 0.8), [9, 4])  # 5th of 5, 4th of 4
    np.testing.assert_array_equal(conformal_quantile(scores, 0.82), [9, np.nan])  # 5th of 4
    assert np.isnan(conformal_quantile(np.zeros((0, 2)), 0.5)).all()


@pytest.mark.parametrize("percent", [1, 7, 29, 57, 70, 80, 90, 95, 99])
def test_the_rank_is_exact(percent: int) -> None:
    """(9 + 1) * 0.7 is 7, although the product of floating-point numbers may be larger."""
    level = Fraction(percent, 100)
    for n in (9, 19, 99, 199, 999):
        rank = -(-(n + 1) * level // 1)
        found = conformal_quantile(np.arange(1.0, n + 1)[:, None], percent / 100)
        assert found == rank if rank <= n else np.isnan(found)
    need = values_needed(percent / 100)
    scores = np.zeros((max(need, 1), 1))
    assert np.isfinite(conformal_quantile(scores, percent / 100))
    assert need <= 1 or np.isnan(conformal_quantile(scores[1:], percent / 100))


@pytest.mark.parametrize(("n", "level"), [(20, 0.8), (50, 0.9), (37, 0.95)])
def test_exchangeable_values_are_covered(n: int, level: float) -> None:
    """A new value is covered with a probability between the level and the level + 1 / (n + 1)."""
    draws = np.random.default_rng(0).standard_t(2, size=(n + 1, 100_000)) ** 2
    hits = (draws[-1] <= conformal_quantile(draws[:-1], level)).mean()
    assert level - 0.004 <= hits <= level + 1 / (n + 1) + 0.004


def test_quantiles_that_are_wrong_get_the_right_coverage() -> None:
    """Quantiles that are too narrow are widened, others are narrowed (Romano et al., 2019)."""
    random = np.random.default_rng(1)
    y = torch.from_numpy(random.standard_normal((6000, 1, 1)))
    scale, origins = torch.ones(6000, 1, 1, dtype=torch.float64), find_origins({}, 6000, 1)
    for width, sign in ((0.3, 1), (3.0, -1)):
        quantiles = (0.1, 0.5, 0.9)
        forecasts = torch.tensor([-width, 0.0, width]).double().expand(6000, 1, 1, 3)
        interval = base_interval(forecasts, quantiles, 0.9)
        scores = conformity_scores(interval, y, scale, relative=False)[:3000, ..., None].numpy()
        intervals = ConformalIntervals.fit(
            (0.9,), False, scores, find_origins({}, 3000, 1), 1, True
        )
        assert np.sign(intervals.offsets[0][0][0]) == sign
        offsets = torch.from_numpy(intervals.track(scores, origins))
        low, high = intervals.ends(forecasts, quantiles, scale, offsets)[:, 0, 0, 0].unbind(1)
        hits = (low <= y[:, 0, 0]) & (y[:, 0, 0] <= high)
        assert hits[3000:].double().mean() == pytest.approx(0.9, abs=0.02)


def test_the_score_is_that_of_the_paper() -> None:
    low, high = torch.tensor([[[1.0]], [[1.0]], [[1.0]]]), torch.tensor([[[2.0]], [[2.0]], [[2.0]]])
    y = torch.tensor([[[0.5]], [[1.75]], [[torch.nan]]])
    scale = torch.full((3, 1, 1), 0.5)
    scores = conformity_scores((low, high), y, scale, relative=False).flatten()
    np.testing.assert_allclose(scores, [1, -0.5, np.nan])
    ratio = conformity_scores((high, high), 2 * high.exp(), scale, relative=True).flatten()
    np.testing.assert_allclose(ratio, [2 * 2.0] * 3)  # log(2 e^2) - log(2) = 2


def test_the_levels_choose_their_quantiles() -> None:
    quantiles = (0.05, 0.25, 0.5, 0.75, 0.95)
    forecasts = torch.arange(5.0).expand(1, 1, 1, 5)
    for level, ends in ((0.9, [0, 4]), (0.99, [0, 4]), (0.6, [1, 3]), (0.1, [1, 3])):
        assert [float(end) for end in base_interval(forecasts, quantiles, level)] == ends
    only = base_interval(forecasts[..., 2:3], (0.5,), 0.9)
    assert [float(end) for end in only] == [2, 2]


def test_the_scale_is_the_spread_of_the_window() -> None:
    values = np.random.default_rng(0).standard_normal((B, T, V + 2)).astype(np.float32)
    values[0, :, 0] = 7  # constant
    deviations = np.random.default_rng(1).uniform(1, 2, (B, 1, V))
    batch = Batch(*(torch.from_numpy(part) for part in (values, np.full(B, T))), None, None)  # type: ignore[arg-type]
    batch = batch._replace(targets=torch.zeros(B, H, V))
    spread = np.sqrt(values[..., :V].astype(float).var(axis=1, keepdims=True) + 1)
    np.testing.assert_allclose(interval_scale(batch), spread)
    units = Units(*(torch.from_numpy(deviations) for _ in range(3)))
    np.testing.assert_allclose(interval_scale(batch._replace(units=units)), spread * deviations)
    assert interval_scale(batch)[0, 0, 0] == pytest.approx(1)


@pytest.mark.parametrize("joint", [True, False])
def test_each_step_and_variable_has_its_own_offset(joint: bool) -> None:
    """Targets with all variables, or one for each variable."""
    random = np.random.default_rng(0)
    scores = random.uniform(size=(30, H, V)) * np.arange(1, 1 + H * V).reshape(H, V)
    scores[:25, 0, 1] = np.nan
    expected = np.sort(scores[:, 1], axis=0).T  # of the second step, (V, 30)
    parts, variables = scores, np.tile(np.arange(V), (30, 1))
    if not joint:
        parts = np.moveaxis(scores, 2, 1).reshape(-1, H, 1)
        variables = np.tile(np.arange(V), 30)[:, None]
    both = parts[..., None].repeat(2, axis=3)
    intervals = ConformalIntervals.fit((0.5, 0.9), False, both, place(variables), V, False)
    assert intervals.counts == ((30, 5, 30), (30, 30, 30))
    offsets = np.array(intervals.offsets, dtype=float)  # (L, H, V)
    np.testing.assert_allclose(offsets[0, 1], expected[:, 15])  # 31 * 0.5 = 15.5: the 16th
    np.testing.assert_allclose(offsets[1, 1], expected[:, 27])  # 31 * 0.9 = 27.9: the 28th
    assert intervals.offsets[1][0][1] is None  # 5 values are too few for 90%
    assert intervals.offsets[0][0][1] is not None


def test_the_ends_of_intervals() -> None:
    table = ((0.5, None, -3.0),)
    intervals = ConformalIntervals((0.975,), False, ((99, 3, 99),), (table,), None)
    forecasts, scale = torch.full((1, 1, 3), 10.0), torch.full((1, 1, 3), 4.0)
    offsets = torch.from_numpy(intervals.track(np.zeros((1, 1, 3, 1)), find_origins({}, 1, 3)))
    ends = intervals.ends(forecasts, (), scale, offsets)[0, 0, :, 0]
    np.testing.assert_array_equal(ends, [[8, 12], [np.nan] * 2, [10, 10]])
    relative = ConformalIntervals((0.975,), True, ((99, 3, 99),), (table,), None)
    ends = relative.ends(forecasts, (), scale, offsets)[0, 0, 0, 0]
    np.testing.assert_allclose(ends, [10 * np.exp(-2), 10 * np.exp(2)])
    columns = intervals.columns(np.arange(2.0).reshape(1, 1, 2))
    assert {name: float(column[0]) for name, column in columns.items()} == {
        "lower_97.5": 0,
        "upper_97.5": 1,
    }
