"""Significance tests: sign test and sign-flip permutation test."""

from itertools import product

import numpy as np
import pytest

from rnnlab.metrics.significance import NUM_RESAMPLES, sign_flip_p, sign_test


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(0, 0, 1), (5, 5, 1), (9, 1, 22 / 1024), (1, 9, 22 / 1024), (30, 10, 0.0022214)],
)
def test_the_sign_test_is_exact(wins, losses, p):
    assert sign_test(wins, losses) == pytest.approx(p, rel=1e-4)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_the_sign_flip_test_counts_all_signs(count):
    values = np.random.default_rng(count).normal(0.3, 1, count).round(2)
    means = [abs(np.dot(signs, values)) for signs in product([1, -1], repeat=count)]
    expected = np.mean(np.array(means) >= abs(values.sum()) - 1e-9)
    assert sign_flip_p(values) == pytest.approx(expected)


def test_equal_sums_are_equal_despite_rounding():
    assert sign_flip_p([0.1, 0.2, -0.3]) == 1  # 0.1 + 0.2 - 0.3 = 5.6e-17
    assert sign_flip_p([0.0, 0.0]) == 1


def test_many_pairs_are_sampled_reproducibly():
    values = np.random.default_rng(0).normal(0.6, 1, 24)
    halves = [np.array(list(product([1, -1], repeat=12))) @ values[i : i + 12] for i in (0, 12)]
    sums = np.abs(halves[0][:, None] + halves[1])  # of all 2 ** 24 signs
    exact = np.mean(sums >= abs(values.sum()) - 1e-9)
    assert sign_flip_p(values) == sign_flip_p(values)
    error = (exact * (1 - exact) / NUM_RESAMPLES) ** 0.5
    assert sign_flip_p(values) == pytest.approx(exact, abs=4 * error)
