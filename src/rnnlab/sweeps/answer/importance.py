"""Importance of the searched settings, with its uncertainty, for each level of a factor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import optuna
from optuna.trial import FrozenTrial

from rnnlab.sweeps.report.importance import setting_importance
from rnnlab.sweeps.report.ranking import feasible_trials

TRIAL_RESAMPLES = 100  # of the trials


@dataclass(frozen=True)
class LevelImportance:
    """Importance of the settings on one data set, say.

    Attributes:
        label: level of the factor.
        count: complete trials.
        shares: setting -> share, largest first; empty if unknown.
        certainty: setting -> share of the resamples in which it is the most important one.
        remark: why the shares are unknown, or how reliable they are.
    """

    label: str
    count: int
    shares: Mapping[str, float]
    certainty: Mapping[str, float]
    remark: str


def importance_by_level(study: optuna.Study, within: str | None) -> list[LevelImportance]:
    """Return the importance of the other settings for each level of a searched factor."""
    trials = feasible_trials(study)
    if within is None:
        return [assess_importance("all trials", trials, study, "")]
    levels = sorted({str(trial.params.get(within)) for trial in trials})
    groups = {
        level: [trial for trial in trials if str(trial.params.get(within)) == level]
        for level in levels
    }
    return [
        assess_importance(f"{within}={level}", group, study, within)
        for level, group in groups.items()
    ]


def assess_importance(
    label: str, trials: Sequence[FrozenTrial], study: optuna.Study, within: str
) -> LevelImportance:
    """Return the importance of the settings for some trials, and how certain the first one is."""
    importance = setting_importance(copy_study(trials, study, within))
    random, firsts = Random(0), dict.fromkeys(importance.shares, 0)
    for _ in range(TRIAL_RESAMPLES if firsts else 0):
        sample = copy_study(random.choices(trials, k=len(trials)), study, within)
        if shares := setting_importance(sample).shares:
            firsts[next(iter(shares))] += 1
    certainty = {name: count / TRIAL_RESAMPLES for name, count in firsts.items()}
    return LevelImportance(label, len(trials), importance.shares, certainty, importance.remark)


def copy_study(trials: Sequence[FrozenTrial], study: optuna.Study, without: str) -> optuna.Study:
    """Return a study in memory with some trials, without one of their settings."""
    copy = optuna.create_study(directions=study.directions)
    copy.add_trials(
        [
            optuna.trial.create_trial(
                values=trial.values,
                params={k: v for k, v in trial.params.items() if k != without},
                distributions={k: d for k, d in trial.distributions.items() if k != without},
            )
            for trial in trials
        ]
    )
    return copy


def describe_importance(levels: Sequence[LevelImportance]) -> str:
    """Return the most important setting of each level in one sentence, with its certainty."""
    parts = []
    for one in levels:
        if not one.shares:
            parts.append(f"{one.label}: {one.remark[:1].lower()}{one.remark[1:].rstrip('.')}")
            continue
        first = next(iter(one.shares))
        parts.append(
            f"{one.label}: {first} ({one.shares[first]:.0%} of the importance; the first in "
            f"{one.certainty[first]:.0%} of {TRIAL_RESAMPLES} resamples of {one.count} trials)"
        )
    return f"The setting that matters most for being among the best is, for {'; '.join(parts)}."
