"""Pareto front of a score and a cost over the configurations of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean, median, stdev

from rnnlab.report.console import format_score
from rnnlab.sweeps.answer.levels import ScoreFunction
from rnnlab.sweeps.answer.runs import StudyRuns, seeds_of

SEED_RESAMPLES = 1000  # of the seeds, for the certainty of the front
MAX_FRONT_NAMES = 6  # configurations that the sentence names


@dataclass(frozen=True)
class Configuration:
    """One configuration of a study with its scores and costs.

    Attributes:
        scores, costs: seed -> value.
        is_optimal: no other configuration has a better or equal mean score and a lower or equal
            median cost.
        certainty: share of the resamples of the seeds in which it is on the front.
    """

    label: str
    scores: Mapping[int, float]
    costs: Mapping[int, float]
    is_optimal: bool = False
    certainty: float = 0.0

    @property
    def mean(self) -> float:
        """Mean score over seeds."""
        return fmean(self.scores.values())

    @property
    def spread(self) -> float:
        """Standard deviation of the score over seeds (n - 1)."""
        return stdev(self.scores.values()) if len(self.scores) > 1 else 0.0

    @property
    def cost(self) -> float:
        """Median cost over seeds."""
        return median(self.costs.values())


def find_front(
    study: StudyRuns, score: ScoreFunction, cost: ScoreFunction, mode: str
) -> list[Configuration]:
    """Return the configurations by rising cost, with the Pareto front and its certainty.

    Only configurations whose runs all have a score take part, so that all have the same seeds.
    """
    study.check_targets()
    groups: dict[str, list[int]] = {}
    for i, point in enumerate(study.points):
        groups.setdefault(point.label, []).append(i)
    complete = {k: ids for k, ids in groups.items() if all(i in study.runs for i in ids)}
    members = [
        Configuration(
            label,
            {study.points[i].seed: score(study.runs[i]) for i in indices},
            {study.points[i].seed: cost(study.runs[i]) for i in indices},
        )
        for label, indices in complete.items()
    ]
    if not members:
        return []
    optimal = front_of(members, seeds_of(study.points), mode)
    shares = resample_front(members, seeds_of(study.points), mode)
    results = [
        Configuration(one.label, one.scores, one.costs, i in optimal, shares[i])
        for i, one in enumerate(members)
    ]
    return sorted(results, key=lambda one: one.cost)


def front_of(members: Sequence[Configuration], seeds: Sequence[int], mode: str) -> set[int]:
    """Return the indices of the configurations that no other one dominates, for some seeds."""
    sign = -1 if mode == "max" else 1
    points = [
        (sign * fmean(one.scores[s] for s in seeds), median(one.costs[s] for s in seeds))
        for one in members
    ]
    return {
        i
        for i, (score, cost) in enumerate(points)
        if not any(a <= score and b <= cost and (a, b) != (score, cost) for a, b in points)
    }


def resample_front(
    members: Sequence[Configuration], seeds: Sequence[int], mode: str
) -> list[float]:
    """Return how often each configuration is on the front of resampled seeds (bootstrap)."""
    random, counts = Random(0), [0] * len(members)
    for _ in range(SEED_RESAMPLES):
        for i in front_of(members, random.choices(seeds, k=len(seeds)), mode):
            counts[i] += 1
    return [count / SEED_RESAMPLES for count in counts]


def describe_front(front: Sequence[Configuration], metric: str, cost: str, mode: str) -> str:
    """Return the Pareto front in one sentence, with its certainty."""
    optimal = [one for one in front if one.is_optimal]
    names = [
        f"{one.label} ({metric} {format_score(one.mean)} ± {one.spread:.2g}, "
        f"{format_cost(one.cost, cost)}, {one.certainty:.0%})"
        for one in optimal[:MAX_FRONT_NAMES]
    ]
    more = len(optimal) - len(names)
    rest = f" and {more} more" if more else ""
    better = "higher" if mode == "max" else "lower"
    return (
        f"{len(optimal)} of {len(front)} configurations are on the Pareto front of {metric} "
        f"({better} is better) and {cost}: {'; '.join(names)}{rest}. The percentage is the share "
        f"of {SEED_RESAMPLES:,} resamples of the {len(optimal[0].scores)} seeds in which each one "
        "is on the front."
    )


def format_cost(value: float, name: str) -> str:
    """Return a cost with its unit."""
    return f"{value:.3g} s" if name == "seconds" else f"{value:,.0f} {name}"
