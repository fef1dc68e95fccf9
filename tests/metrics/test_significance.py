"""Significance tests: sign test and sign-flip permutation test."""

from itertools import product

import numpy as np
import pytest

from rnnlab.metrics.significance import NUM_RESAMPLES, compare_seeds, sign_flip_p, sign_test


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


def count_differences(seeds: int, shift: float, *, is_paired: bool, trials: int = 200) -> int:
    """Return how often two configurations differ significantly that are `shift` apart."""
    random = np.random.default_rng(seeds)
    found = 0
    for _ in range(trials):
        first, second = random.normal(0, 1, (2, seeds))
        names = [str(seed) for seed in range(seeds)]
        others = names if is_paired else [f"other {seed}" for seed in names]
        moved = (first if is_paired else 0) + second + shift
        test = compare_seeds(
            dict(zip(names, first, strict=True)), dict(zip(others, moved, strict=True))
        )
        found += test.p < 0.05
    return found


@pytest.mark.parametrize(("seeds", "is_paired"), [(6, True), (10, True), (5, False)])
def test_equal_configurations_rarely_differ(seeds: int, is_paired: bool) -> None:
    assert count_differences(seeds, 0.0, is_paired=is_paired) <= 19  # 99.9% of Binomial(200, 0.05)


def test_a_difference_of_one_deviation_is_found_with_ten_pairs() -> None:
    assert count_differences(10, 1.0, is_paired=True) >= 0.74 * 200  # 80%, less three deviations
