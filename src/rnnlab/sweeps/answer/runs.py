"""Runs of a study, with the levels of its factors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from rnnlab.comparison.compare import describe_difference, evaluated_targets
from rnnlab.comparison.runs import FinishedRun, read_run
from rnnlab.config.overrides import format_override
from rnnlab.errors import ConfigError, Problem, unknown_name
from rnnlab.report.folder import RunFolder
from rnnlab.sweeps.schema import SEED
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.study.share import trial_state

LevelTexts = Mapping[str, str]  # factor -> its level, as it is typed


@dataclass(frozen=True)
class StudyPoint:
    """A combination of levels with a seed, which a study runs once.

    Attributes:
        configuration: its dimensions without the seed: what is trained with several seeds.
        levels: of all factors: the dimensions, and the settings of named levels.
    """

    seed: int
    configuration: LevelTexts
    levels: LevelTexts

    @property
    def label(self) -> str:
        """Its dimensions, as they are typed."""
        return ", ".join(f"{name}={level}" for name, level in self.configuration.items())


@dataclass(frozen=True)
class StudyRuns:
    """Points of a study and the runs that have ended.

    Attributes:
        points: all points of the grid.
        runs: finished runs, by their points.
        missing: reason -> number of points without a run.
    """

    points: tuple[StudyPoint, ...]
    runs: Mapping[int, FinishedRun]  # index of the point -> run
    missing: Mapping[str, int]

    def select(self, factor: str, level: str) -> "StudyRuns":
        """Return the part with one level of a factor."""
        indices = [i for i, p in enumerate(self.points) if p.levels.get(factor) == level]
        runs = {new: self.runs[old] for new, old in enumerate(indices) if old in self.runs}
        return StudyRuns(tuple(self.points[i] for i in indices), runs, self.missing)

    def with_finite(self, metric: str) -> "StudyRuns":
        """Return the study without the runs whose score is not finite.

        Raises:
            ConfigError: a run has no such score.
        """
        scores = {i: score_of(run, metric) for i, run in self.runs.items()}
        runs = {i: run for i, run in self.runs.items() if math.isfinite(scores[i])}
        count = len(self.runs) - len(runs)
        reasons = {f"with {metric} that is not finite": count} if count else {}
        return StudyRuns(self.points, runs, {**self.missing, **reasons})

    def level_names(self, factor: str) -> list[str]:
        """Return the levels of a factor in their order."""
        return list(dict.fromkeys(p.levels[factor] for p in self.points if factor in p.levels))

    def describe_missing(self) -> str:
        """Return how many points have no score, and why; empty if all have."""
        if not (count := len(self.points) - len(self.runs)):
            return ""
        reasons = ", ".join(f"{number} {reason}" for reason, number in self.missing.items())
        return f"{count} of {len(self.points)} runs have no test score ({reasons})"

    def check_targets(self) -> None:
        """Check that all runs of a seed were tested on the same targets.

        Raises:
            ConfigError: they were not, so that their scores cannot be averaged or compared.
        """
        firsts: dict[int, FinishedRun] = {}
        for index, run in self.runs.items():
            first = firsts.setdefault(self.points[index].seed, run)
            if evaluated_targets(first) != evaluated_targets(run):
                message = (
                    f"{first.folder} and {run.folder} were tested on different targets: "
                    f"{describe_difference(first, run)}. Give the setting that changes them as "
                    "answer.within, such as answer.within=data"
                )
                raise ConfigError(Problem(message, "answer.within"))


def read_study_runs(study: optuna.Study, folder: Path, space: Space) -> StudyRuns:
    """Return the points of a study, and the finished runs whose folders are on this machine."""
    trials = {point_key(trial_values(t)): t for t in study.get_trials(deepcopy=False)}
    points, runs, missing = [], {}, dict[str, int]()
    for index, values in enumerate(space.points()):
        points.append(make_point(space, values))
        run = read_trial(trials.get(point_key(space.to_params(values))), folder)
        if isinstance(run, str):
            missing[run] = missing.get(run, 0) + 1
        else:
            runs[index] = run
    return StudyRuns(tuple(points), runs, missing)


def trial_values(trial: FrozenTrial) -> Mapping[str, Any]:
    """Return the values of a trial as Optuna stores them, also of one that has not started."""
    values: Mapping[str, Any] = trial.system_attrs.get("fixed_params", trial.params)
    return values


def point_key(values: Mapping[str, Any]) -> str:
    """Return a text that is equal for equal points."""
    return repr(sorted(values.items()))


def make_point(space: Space, values: Mapping[str, Any]) -> StudyPoint:
    """Return a point of a grid with the levels of its factors."""
    levels = {**values, **space.to_settings(values)}
    texts = {name: format_override(value) for name, value in levels.items() if name != SEED}
    configuration = {name: texts[name] for name in values if name != SEED}
    return StudyPoint(int(values[SEED]), configuration, texts)


def read_trial(trial: FrozenTrial | None, folder: Path) -> FinishedRun | str:
    """Return the finished run of a trial, or why there is none."""
    if trial is None or trial.state.name == "WAITING":
        return "not started"
    if (state := trial_state(trial)) != "complete":
        failure = (trial.user_attrs.get("result") or {}).get("failure")
        return str(failure or state)
    try:
        return read_run(RunFolder(folder / "trials" / f"{trial.number:04}"))
    except (ConfigError, FileNotFoundError):
        return "without a folder on this machine"


def score_of(run: FinishedRun, metric: str) -> float:
    """Return the score of a run.

    Raises:
        ConfigError: it has no such score.
    """
    score = run.report["scores"].get(metric)
    if score is None:
        begin = f"answer.metric={metric}: {run.folder} has no such score; "
        raise ConfigError(unknown_name(begin, metric, run.report["scores"]))
    return float(score)


def seeds_of(points: Sequence[StudyPoint]) -> list[int]:
    """Return the seeds of some points in their order."""
    return list(dict.fromkeys(point.seed for point in points))
