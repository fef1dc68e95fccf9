"""Tests of configurations over seeds: known results, false differences and power."""

import numpy as np
import pytest

from rnnlab.metrics.seed_tests import compare_seeds


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
