"""Comparison of the levels of one factor, averaged over all other factors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from rnnlab.comparison.compare import assess_groups
from rnnlab.comparison.groups import Group
from rnnlab.comparison.prediction_scores import UntestableError
from rnnlab.comparison.result import ComparedGroup, RunComparison
from rnnlab.comparison.runs import FinishedRun
from rnnlab.comparison.targets import estimate_target_covariance
from rnnlab.metrics.resampling import TargetCovariance
from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL
from rnnlab.sweeps.answer.runs import StudyRuns, seeds_of

ScoreFunction = Callable[[FinishedRun], float]


@dataclass(frozen=True)
class LevelRuns:
    """Runs of one level of a factor.

    Attributes:
        by_seed: seed -> all its runs; seeds of which one has no score are left out.
    """

    label: str
    by_seed: Mapping[str, Sequence[FinishedRun]]

    def to_group(self, score: ScoreFunction) -> ComparedGroup:
        """Return the level as a configuration whose scores are means over its runs."""
        runs = {
            f"{seed} {i}": run for seed, runs in self.by_seed.items() for i, run in enumerate(runs)
        }
        scores = {seed: fmean(map(score, runs)) for seed, runs in self.by_seed.items()}
        return ComparedGroup(Group(self.label, runs), scores)


def compare_levels(
    study: StudyRuns, factor: str, metric: str, mode: str, score: ScoreFunction
) -> RunComparison | None:
    """Compare the levels of a factor over seeds, as `rnnlab compare` compares configurations.

    The score of a level with one seed is the mean over all its runs with this seed. A seed does
    not count for a level if one of these runs has no score, because the mean of the others would
    be that of another set of configurations. The result is None if no level has such a seed.
    """
    study.check_targets()
    levels = [collect_runs(study, factor, level) for level in study.level_names(factor)]
    pairs = [(level, level.to_group(score)) for level in levels if level.by_seed]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: pair[1].mean, reverse=mode == "max")
    members = [member for _, member in pairs]
    targets, reason = average_targets([level for level, _ in pairs], metric)
    groups = assess_groups(members, mode, targets, SIGNIFICANCE_LEVEL)
    notes = tuple(note for note in [study.describe_missing()] if note)
    return RunComparison(metric, mode, tuple(groups), notes, targets, reason)


def collect_runs(study: StudyRuns, factor: str, level: str) -> LevelRuns:
    """Return the runs of a level by their seeds."""
    part = study.select(factor, level)
    by_seed = dict[str, list[FinishedRun]]()
    for seed in seeds_of(part.points):
        indices = [i for i, point in enumerate(part.points) if point.seed == seed]
        if all(i in part.runs for i in indices):
            by_seed[str(seed)] = [part.runs[i] for i in indices]
    return LevelRuns(f"{factor}={level}", by_seed)


def average_targets(
    levels: Sequence[LevelRuns], metric: str
) -> tuple[TargetCovariance | None, str]:
    """Return the covariance over test targets of the mean scores, or why it is not known."""
    means = [runs for level in levels for runs in level.by_seed.values()]
    if len(levels) < 2:
        return None, ""
    try:
        targets = estimate_target_covariance([run for runs in means for run in runs], metric)
    except UntestableError as reason:
        return None, str(reason)
    owners = np.repeat(np.arange(len(means)), [len(runs) for runs in means])
    weights = (owners == np.arange(len(means))[:, None]).astype(float)
    weights /= weights.sum(axis=1, keepdims=True)  # (means, runs)
    return replace(targets, matrix=weights @ targets.matrix @ weights.T), ""
