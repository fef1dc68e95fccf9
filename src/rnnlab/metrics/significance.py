"""Significance tests, and comparisons of configurations that ran with several seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Literal, NamedTuple

SIGNIFICANCE_LEVEL = 0.05  # smaller p-values count as a difference
NUM_RESAMPLES = 2**16  # choices of signs; with up to 16 pairs these are all


class ComparisonTest(NamedTuple):
    """Test of one forecast against another.

    Attributes:
        skill: 1 - MSE / MSE of the other: 0 is no better, 1 is perfect; NaN if only the other one
            has no error.
        p: probability of such a difference if both were equally good; NaN where it is undefined.
    """

    skill: float
    p: float

    def describe(self, name: str) -> str:
        """Return what may be claimed of the network compared with `name`.

        >>> ComparisonTest(-0.004, 0.3).describe("persistence")
        'Against persistence: skill -0.4%, p = 0.300 (Diebold-Mariano): nothing is claimed.'
        """
        if math.isnan(self.skill):
            return f"Against {name}: its error is 0, so there is no skill: nothing is claimed."
        if math.isnan(self.p):
            return (
                f"Against {name}: skill {self.skill:+.1%}, no test is possible: nothing is claimed."
            )
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"
        result = f"Against {name}: skill {self.skill:+.1%}, {p} (Diebold-Mariano)"
        if not self.p < SIGNIFICANCE_LEVEL:
            return f"{result}: nothing is claimed."
        return f"{result}: the network is {'better' if self.skill > 0 else 'worse'}."


@dataclass(frozen=True)
class ConfigurationScores:
    """Scores of one configuration with several seeds.

    Attributes:
        number: of its trial in the search.
        scores: seed -> score.
        without_score: number of runs that ended without a score.
    """

    number: int
    scores: Mapping[int, float]
    without_score: int = 0

    @property
    def mean(self) -> float:
        """Mean score; NaN without scores."""
        return fmean(self.scores.values()) if self.scores else math.nan

    @property
    def spread(self) -> float | None:
        """Standard deviation of the score over seeds (n - 1); None for fewer than two."""
        return stdev(self.scores.values()) if len(self.scores) > 1 else None

    def __str__(self) -> str:
        spread = "" if self.spread is None else f" ± {self.spread:.2g}"
        seeds = f"{len(self.scores)} seed{'s' * (len(self.scores) != 1)}"
        missing = f", {self.without_score} without a score" if self.without_score else ""
        return f"trial {self.number} ({self.mean:.5g}{spread}, {seeds}{missing})"


@dataclass(frozen=True)
class Comparison:
    """Comparison of configurations with several seeds.

    Attributes:
        configurations: the best mean first; those without any score last.
        gain: difference of the two best configurations, the mean over their common seeds, positive
            if the first is better; None without common seeds.
        pairs: number of common seeds.
        p_value: two-sided, of the sign-flip test; None without common seeds.
        sentence: the conclusion.
    """

    configurations: tuple[ConfigurationScores, ...]
    gain: float | None
    pairs: int
    p_value: float | None
    sentence: str


def compare_repeats(
    configurations: Sequence[ConfigurationScores], mode: Literal["min", "max"]
) -> Comparison:
    """Rank configurations by their means, and test whether the first is better than the second.

    The two are paired by seed, because a seed gives both the same order of batches; see
    sign_flip_p. The first was selected by the same scores, so the p-value is too optimistic with
    many configurations.
    """
    sign = 1 if mode == "max" else -1
    ranking = tuple(sorted(configurations, key=lambda one: _rank(one, sign)))
    candidates = [one for one in ranking if one.scores]
    if len(candidates) < 2:
        return Comparison(ranking, None, 0, None, _describe_single(candidates))
    first, second = candidates[:2]
    seeds = sorted(first.scores.keys() & second.scores.keys())
    gains = [sign * (first.scores[seed] - second.scores[seed]) for seed in seeds]
    gain, p_value = (fmean(gains), sign_flip_p(gains)) if gains else (None, None)
    sentence = _describe_test(first, second, gain, len(gains), p_value)
    return Comparison(ranking, gain, len(gains), p_value, sentence)


def _rank(one: ConfigurationScores, sign: int) -> tuple[bool, float, int]:
    return (not one.scores, -sign * one.mean if one.scores else 0.0, one.number)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p-value of the sign-flip permutation test of a mean of zero.

    If neither of two configurations is better, each difference could as well have the other sign.
    The p-value is the share of all choices of signs whose mean is at least as far from zero: at
    least 2 / 2^n with n pairs. Beyond 16 pairs 2^16 random choices replace all of them. (Fisher,
    The Design of Experiments, 1935, section 21.)

    >>> sign_flip_p([1.0, 2.0, 3.0])
    0.25
    """
    import numpy as np
    from scipy.stats import permutation_test

    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return 1.0  # both signs are equally far from zero
    scale = float(np.abs(values).sum()) or 1.0

    def rounded_sum(differences: Any, axis: int) -> Any:
        # Equal sums must compare as equal.
        return np.round((differences / scale).sum(axis=axis), 12)

    test = permutation_test(
        (values,), rounded_sum, permutation_type="samples", n_resamples=NUM_RESAMPLES, rng=0
    )
    return float(test.pvalue)


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    """Return p-values that count for several tests at once (Holm, 1979).

    >>> adjust_p_values([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    results, largest = [1.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        results[i] = largest
    return results


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided p-value of the exact sign test; ties do not count.

    >>> round(sign_test(30, 10), 4), sign_test(5, 5)
    (0.0022, 1.0)
    """
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def seeds_needed(level: float = SIGNIFICANCE_LEVEL) -> int:
    """Return the smallest number of pairs whose p-value can be below a level.

    >>> seeds_needed(), 2 / 2**seeds_needed()
    (6, 0.03125)
    """
    return math.floor(math.log2(2 / level)) + 1


def _describe_single(configurations: Sequence[ConfigurationScores]) -> str:
    if not configurations:
        return "No repeat has a score yet."
    only = configurations[0]
    return f"Only one configuration has scores of repeats, {only}: nothing to compare it with."


def _describe_test(
    first: ConfigurationScores,
    second: ConfigurationScores,
    gain: float | None,
    pairs: int,
    p_value: float | None,
) -> str:
    head = f"{str(first).capitalize()} has the better mean than {second}"
    if gain is None or p_value is None:
        return f"{head}; they share no seed, so whether it is really better was not tested."
    seeds = f"{pairs} shared seed{'s' * (pairs != 1)}"
    if pairs < seeds_needed():
        return (
            f"{head}. With {seeds} that tells nothing yet: the smallest p-value that can come out "
            f"is {2 / 2**pairs:.3g}; at least {seeds_needed()} seeds are needed."
        )
    evidence = f"the mean difference over {seeds} is {gain:.2g}, p = {p_value:.2g} (sign-flip test)"
    if p_value >= SIGNIFICANCE_LEVEL or gain <= 0:
        return f"{head}, but that may be chance: {evidence}."
    return f"{head}, and really beats it: {evidence}."
