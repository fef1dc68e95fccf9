"""Tests that are repeated while seeds are added, with one probability of error over all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL, seeds_needed

NUM_PATHS = 400_000  # simulated sequences of differences
FIRST_SHARE, SPENDING_POWER = 0.02, 16  # of the error: at the first test, and over the others


@dataclass(frozen=True)
class SequentialPlan:
    """A group-sequential plan: tests after some numbers of pairs, up to the last one.

    Attributes:
        levels: number of pairs -> p-value of the paired t test below which the plan ends there.
    """

    levels: Mapping[int, float]

    @property
    def most(self) -> int:
        """Number of pairs of the last test."""
        return max(self.levels)


@cache
def plan_tests(most: int, level: float = SIGNIFICANCE_LEVEL) -> SequentialPlan:
    """Return a plan with a test after each pair from the sixth on.

    The probability that equal configurations differ in any of the tests is `level`. Little of it is
    spent early (Lan & DeMets, 1983, https://doi.org/10.1093/biomet/70.3.659). The p-values are of
    simulated normal differences, as there is no closed form for Student's t.

    >>> plan = plan_tests(10)
    >>> sorted(plan.levels), plan.levels[6] < plan.levels[10] < 0.05
    ([6, 7, 8, 9, 10], True)
    """
    from scipy.stats import t

    random = np.random.default_rng(0)
    sums, squares = np.zeros(NUM_PATHS), np.zeros(NUM_PATHS)
    levels, spent = dict[int, float](), 0
    for n in range(1, most + 1):
        differences = random.standard_normal(len(sums))
        sums, squares = sums + differences, squares + differences**2
        if n < seeds_needed():
            continue
        total = round(spend_error(n / most, level) * NUM_PATHS)
        statistics = np.abs(sums) / np.sqrt(n * (squares - sums**2 / n) / (n - 1))
        bound = -np.partition(-statistics, total - spent)[total - spent]
        levels[n] = min(level, float(2 * t.sf(bound, n - 1)))
        continues = statistics <= bound
        sums, squares, spent = sums[continues], squares[continues], total
    return SequentialPlan(levels)


def spend_error(share: float, level: float) -> float:
    """Return the error that may be spent until a share of the pairs, 0 < share <= 1.

    2% of it at the first test, which ends a plan where p < 0.001 (Haybittle, 1971), and the rest by
    the power family (Kim & DeMets, 1987), so late that the plan detects as much as one test at its
    end.

    >>> round(spend_error(0.6, 0.05), 4), round(spend_error(1.0, 0.05), 4)
    (0.001, 0.05)
    """
    return level * (FIRST_SHARE + (1 - FIRST_SHARE) * share**SPENDING_POWER)
