"""Tests of one configuration against another, each trained with several seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from rnnlab.metrics.resampling import TargetCovariance
from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL, seeds_needed

FEWEST_UNPAIRED = 4  # seeds of each configuration, for a p-value below 0.05 without pairs
QUANTILE_TEST, QUANTILE_POWER = 1.960, 0.842  # of the normal distribution: 97.5% and 80%
NEGLIGIBLE = 1e-9  # standard error, relative to the difference: only rounding


@dataclass(frozen=True)
class SeedTest:
    """Test of one configuration against another, each trained with several seeds.

    Attributes:
        gain: mean score of the first minus that of the second; of pairs, the mean difference.
        interval: of 95% confidence for the gain; None with fewer than two differences.
        p: two-sided p-value, for other seeds and, if `target_deviation` is not None, for other test
            targets; 1 where it cannot be computed.
        p_seeds: p-value for other seeds and the same test targets.
        smallest_p: smallest p-value of a permutation test of as many seeds. If it is above 0.05,
            `p` is not smaller, and nothing is claimed.
        pairs: number of shared seeds if the test is paired; None for unpaired seeds.
        more_seeds: estimate of the seeds that each configuration still needs to show this gain
            with a probability of 80%; None if it is not finite.
        target_deviation: standard error of the gain that other test targets add; None if the
            variance over targets is not known.
    """

    gain: float
    interval: tuple[float, float] | None
    p: float
    smallest_p: float
    pairs: int | None
    more_seeds: int | None
    p_seeds: float = 1.0
    target_deviation: float | None = None

    @property
    def needs_targets(self) -> bool:
        """Whether no number of seeds shows this gain, because the test split is too small."""
        return self.more_seeds is None and bool(self.target_deviation) and self.gain != 0


@dataclass(frozen=True)
class NetworkTest:
    """Test of one trained network against another, over test targets.

    It says nothing about their configurations: other seeds give other networks.

    Attributes:
        gain: score of the first minus that of the second.
        interval: of 95% confidence for the gain, for other test targets.
        p: two-sided p-value.
        method: paired bootstrap | Diebold-Mariano.
        units: what was drawn, such as "872 targets".
    """

    gain: float
    interval: tuple[float, float]
    p: float
    method: str
    units: str


@dataclass(frozen=True)
class Estimate:
    """Estimate of a difference, and of its variance.

    Attributes:
        gain: the difference.
        variance: of its estimate.
        degrees: degrees of freedom of the variance.
    """

    gain: float
    variance: float
    degrees: float

    @property
    def is_exact(self) -> bool:
        """Whether the difference does not vary at all, apart from rounding."""
        return self.variance <= (NEGLIGIBLE * self.gain) ** 2

    @property
    def p(self) -> float:
        """Two-sided p-value of a difference of zero, by Student's t."""
        if self.is_exact:
            return 0.0 if self.gain else 1.0
        from scipy.stats import t

        return float(2 * t.sf(abs(self.gain) / math.sqrt(self.variance), self.degrees))

    @property
    def half_width(self) -> float:
        """Half of the width of the interval of 95% confidence."""
        from scipy.stats import t

        return float(t.ppf(0.975, self.degrees)) * math.sqrt(self.variance)

    def add_variance(self, other: float, degrees: float) -> "Estimate":
        """Return the estimate with another, independent source of variance (Satterthwaite)."""
        total = self.variance + other
        parts = self.variance**2 / self.degrees + other**2 / degrees
        return Estimate(self.gain, total, total**2 / parts if parts else self.degrees)


@dataclass(frozen=True)
class TargetRows:
    """Rows of two configurations in a matrix of covariances over targets.

    Attributes:
        covariance: of all networks.
        first, second: seed -> row, of each of the two configurations.
    """

    covariance: TargetCovariance
    first: Mapping[str, int]
    second: Mapping[str, int]


@dataclass(frozen=True)
class SeedDesign:
    """How two configurations are compared over seeds.

    Attributes:
        estimate: of the difference, and of its variance over seeds.
        pairs: seeds that are paired; none for unpaired seeds.
        count: number of seeds, of the configuration with fewer of them.
        fewest: number of seeds from which on a p-value below 0.05 is possible.
        smallest_p: smallest p-value of a permutation test.
    """

    estimate: Estimate
    pairs: tuple[str, ...]
    count: int
    fewest: int
    smallest_p: float

    @property
    def is_untrustworthy(self) -> bool:
        """Whether Student's t gives p-values that the number of seeds cannot support."""
        has_few_seeds = self.smallest_p >= SIGNIFICANCE_LEVEL
        return self.estimate.gain != 0 and (has_few_seeds or self.estimate.is_exact)

    def target_variance(self, targets: TargetRows) -> float:
        """Return the variance that other test targets add."""
        if self.pairs:
            rows = (
                [names[seed] for seed in self.pairs] for names in (targets.first, targets.second)
            )
            return targets.covariance.variance_of_pairs(*rows)
        first, second = (list(rows.values()) for rows in (targets.first, targets.second))
        return targets.covariance.variance_of_groups(first, second)

    def count_more_seeds(self, target_variance: float) -> int | None:
        """Return how many more seeds show the difference with a power of 80%.

        A normal approximation; `target_variance` is the variance that no seed reduces.
        """
        room = (self.estimate.gain / (QUANTILE_TEST + QUANTILE_POWER)) ** 2 - target_variance
        if room <= 0:
            return None
        total = math.ceil(self.estimate.variance * self.count / room)
        return max(0, max(total, self.fewest) - self.count)


def choose_design(first: Mapping[str, float], second: Mapping[str, float]) -> SeedDesign:
    """Return the paired design if enough seeds are shared, otherwise that of two groups."""
    pairs = tuple(seed for seed in first if seed in second)
    if (n := len(pairs)) >= seeds_needed():
        estimate = estimate_paired([first[seed] - second[seed] for seed in pairs])
        return SeedDesign(estimate, pairs, n, seeds_needed(), 2 / 2**n)
    estimate = estimate_unpaired(list(first.values()), list(second.values()))
    count, smallest = min(len(first), len(second)), _smallest_unpaired_p(len(first), len(second))
    return SeedDesign(estimate, (), count, FEWEST_UNPAIRED, smallest)


def compare_seeds(
    first: Mapping[str, float], second: Mapping[str, float], targets: TargetRows | None = None
) -> SeedTest:
    """Test whether two configurations differ; scores by their seeds.

    Shared seeds are paired if there are enough of them, because a seed gives both configurations
    the same splits and order of batches (paired t test). Otherwise all scores are compared (Welch's
    t test). With `targets` the variance over test targets is added to that of seeds, as in
    studies with random readers and random cases (Obuchowski & Rockette, 1995).

    >>> compare_seeds({"0": 1.0}, {"0": 0.0}).p
    1.0
    """
    is_finite = all(map(math.isfinite, [*first.values(), *second.values()]))
    if min(len(first), len(second)) < 2 or not is_finite:
        return _untested(first, second)
    design = choose_design(first, second)
    estimate, target_variance = (
        design.estimate,
        design.target_variance(targets) if targets else None,
    )
    degrees = targets.covariance.degrees if targets else 1
    total = estimate.add_variance(target_variance, degrees) if target_variance else estimate
    p_seeds = max(estimate.p, design.smallest_p if design.is_untrustworthy else 0.0)
    half = max(estimate.half_width, total.half_width)
    return SeedTest(
        gain=estimate.gain,
        interval=(estimate.gain - half, estimate.gain + half),
        p=max(p_seeds, total.p),
        smallest_p=design.smallest_p,
        pairs=len(design.pairs) or None,
        more_seeds=design.count_more_seeds(target_variance or 0.0),
        p_seeds=p_seeds,
        target_deviation=None if target_variance is None else math.sqrt(target_variance),
    )


def _untested(first: Mapping[str, float], second: Mapping[str, float]) -> SeedTest:
    """Return the result for scores whose spread is not known: of one seed, or not finite."""
    gain = fmean(first.values()) - fmean(second.values())
    missing = max(0, FEWEST_UNPAIRED - min(len(first), len(second)))
    return SeedTest(gain, None, 1.0, 1.0, None, missing if math.isfinite(gain) else None)


def compare_networks(
    gain: float, first: int, second: int, covariance: TargetCovariance
) -> NetworkTest:
    """Test whether two networks differ, over test targets; the rows of a covariance."""
    spread = covariance.variance_of_networks(first, second)
    estimate = Estimate(gain, spread, covariance.degrees)
    ends = (gain - estimate.half_width, gain + estimate.half_width)
    return NetworkTest(gain, ends, estimate.p, covariance.method, covariance.units)


def estimate_paired(differences: Sequence[float]) -> Estimate:
    """Return the mean difference of pairs, with the variance of Student's t test."""
    n = len(differences)
    return Estimate(fmean(differences), variance(differences) / n, n - 1)


def estimate_unpaired(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Return the difference of two means, with the variance and degrees of Welch's t test."""
    one, other = (variance(values) / len(values) for values in (first, second))
    gain, total = fmean(first) - fmean(second), one + other
    parts = one**2 / (len(first) - 1) + other**2 / (len(second) - 1)
    return Estimate(gain, total, total**2 / parts if parts else len(first) + len(second) - 2)


def _smallest_unpaired_p(first: int, second: int) -> float:
    return (2 if first == second else 1) / math.comb(first + second, first)
