"""Tests of configurations over seeds: known results, false differences and power."""

from typing import Any

import numpy as np
import pytest

from rnnlab.metrics.resampling import TargetCovariance, bootstrap_covariance, cosine_covariance
from rnnlab.metrics.seed_tests import SeedTest, TargetRows, compare_networks, compare_seeds


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
    assert count_differences(10, 1.0, is_paired=True) >= 0.74 * 200  # 80.3%, less two deviations


def simulate_scores(random: np.random.Generator, target_effect: float) -> tuple[Any, Any]:
    """Losses (seeds, targets) of two configurations, which differ on targets as targets differ.

    The seeds vary by 0.1 and single predictions by 1; the mean over all targets is equal.
    """
    seeds, count = 8, 100
    effects = random.normal(0, target_effect, count)
    return tuple(
        random.normal(0, 0.1, (seeds, 1)) + random.normal(0, 1, (seeds, count)) + sign * effects / 2
        for sign in (1, -1)
    )


def compare_losses(first: Any, second: Any, *, is_paired: bool) -> SeedTest:
    """Compare losses (seeds, targets) over seeds and targets."""
    losses = np.concatenate([first, second])
    covariance = TargetCovariance(
        np.cov(losses) / losses.shape[1], losses.shape[1] - 1, "paired bootstrap", "targets"
    )
    names = [str(seed) for seed in range(len(first))]
    others = names if is_paired else [f"other {name}" for name in names]
    rows = TargetRows(
        covariance,
        {name: i for i, name in enumerate(names)},
        {name: len(names) + i for i, name in enumerate(others)},
    )
    scores = [group.mean(axis=1).tolist() for group in (first, second)]
    return compare_seeds(
        dict(zip(names, scores[0], strict=True)), dict(zip(others, scores[1], strict=True)), rows
    )


@pytest.mark.parametrize("is_paired", [True, False])
@pytest.mark.parametrize("target_effect", [0.0, 1.0, 3.0])
def test_other_targets_rarely_reverse_a_verdict(target_effect: float, is_paired: bool) -> None:
    """Each pair of groups has its own seeds and targets, and no difference in the mean."""
    random = np.random.default_rng(0)
    tests = [
        compare_losses(*simulate_scores(random, target_effect), is_paired=is_paired)
        for _ in range(200)
    ]
    assert sum(test.p < 0.05 for test in tests) <= 19  # 99.9% of Binomial(200, 0.05)
    if target_effect == 3:  # seeds alone take the targets that were drawn for a difference
        assert sum(test.p_seeds < 0.05 for test in tests) > 40


def test_a_difference_that_seeds_show_is_found_in_spite_of_targets() -> None:
    random = np.random.default_rng(1)
    found = 0
    for _ in range(100):
        first, second = simulate_scores(random, 0.0)
        deviation = np.sqrt(2) * np.sqrt(0.1**2 + 1 / first.shape[1])
        found += compare_losses(first, second + 1.5 * deviation, is_paired=True).p < 0.05
    assert found >= 84  # 94% by the t test of seeds alone, less the binomial bound


@pytest.mark.parametrize(("memory", "cosines"), [(0.0, True), (0.7, True), (0.0, False)])
def test_networks_of_equal_error_rarely_differ(memory: float, cosines: bool) -> None:
    """Losses that depend on those before by `memory`; blocks of neighbours for the bootstrap."""
    random, found = np.random.default_rng(2), 0
    for _ in range(200):
        losses = random.normal(0, 1, (2, 300))
        for i in range(1, losses.shape[1]):
            losses[:, i] += memory * losses[:, i - 1]
        if cosines:
            matrix, degrees = cosine_covariance(losses)
        else:
            sums = np.stack([losses, np.ones_like(losses)], axis=2)
            matrix = bootstrap_covariance(sums, lambda s: s[..., 0] / s[..., 1], 200)
            degrees = losses.shape[1] - 1
        covariance = TargetCovariance(matrix, degrees, "Diebold-Mariano", "points in time")
        gain = float(losses[0].mean() - losses[1].mean())
        found += compare_networks(gain, 0, 1, covariance).p < 0.05
    assert 1 <= found <= 19  # 99.9% of Binomial(200, 0.05); a test that finds nothing is none


def test_no_number_of_seeds_replaces_targets() -> None:
    random = np.random.default_rng(3)
    first, second = simulate_scores(random, 10.0)
    test = compare_losses(first, second + 1.0, is_paired=True)
    assert test.needs_targets
    assert test.more_seeds is None


def test_equal_differences_are_no_certainty() -> None:
    """Six runs of rounded scores can agree by chance: 2 / 2^6."""
    scores = {str(seed): 0.5 for seed in range(6)}
    test = compare_seeds(scores, dict.fromkeys(scores, 0.25))
    assert test.p == 2 / 2**6
    assert compare_seeds(scores, scores).p == 1
