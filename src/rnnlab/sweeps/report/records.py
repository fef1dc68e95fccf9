"""What a search has tried, as plain data: for its pictures, its table and its page."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rnnlab.runtime.files import write_atomically

State = Literal["complete", "pruned", "infeasible", "failed", "running", "waiting"]
STATES: tuple[State, ...] = ("complete", "pruned", "infeasible", "failed", "running", "waiting")

COSTS = ("seconds", "epochs", "parameters")  # of a trial; a search may have one as an objective


@dataclass(frozen=True)
class Objective:
    """What a search makes better.

    Attributes:
        name: such as val/accuracy.
        mode: which of its values are better.
    """

    name: str
    mode: Literal["min", "max"]


@dataclass(frozen=True)
class Dimension:
    """A searched setting.

    Attributes:
        name: its dotted key.
        low: the smallest number that it may be; of choices 0.
        high: the largest; of choices their number - 1.
        log: whether each order of magnitude is as likely as the next.
        choices: all that it may be; empty for a range of numbers.
    """

    name: str
    low: float
    high: float
    log: bool = False
    choices: tuple[Any, ...] = ()

    def place(self, value: Any) -> float:
        """Where a value stands on an axis: a number itself, a choice by its index."""
        return float(self.choices.index(value)) if self.choices else float(value)


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: of the trial in its search.
        state: how it ended, or that it has not.
        values: of the objectives; empty if the trial is not complete.
        score: the monitored metric, of a pruned trial too; None if there is none.
        params: of the settings that were searched; only those that it has.
        seconds: of training, in all its attempts.
        epochs: that were begun and validated.
        parameters: that the network learns.
        failure: class of what went wrong; empty where nothing did.
        message: what was said about it.
        attempts: how often it was begun.
        command: that repeats it.
        curve: epochs trained and monitored metric of each validation.
    """

    number: int
    state: State
    values: tuple[float, ...] = ()
    score: float | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    epochs: float | None = None
    parameters: int | None = None
    failure: str = ""
    message: str = ""
    attempts: int = 0
    command: str = ""
    curve: tuple[tuple[float, float], ...] = ()

    def cost(self, name: str) -> float | None:
        """One of its costs; see COSTS."""
        return {"seconds": self.seconds, "epochs": self.epochs, "parameters": self.parameters}[name]


@dataclass(frozen=True)
class Search:
    """A search, at its end or at any time before.

    Attributes:
        name: of the search.
        monitor: the metric that trials are compared by while they run.
        objectives: at least one.
        dimensions: what has been varied so far.
        trials: by number.
        best: numbers of the best trials: none, one, or the Pareto front of several objectives.
    """

    name: str
    monitor: str
    objectives: tuple[Objective, ...]
    dimensions: tuple[Dimension, ...]
    trials: tuple[Trial, ...]
    best: tuple[int, ...]

    @property
    def complete(self) -> list[Trial]:
        """The trials that gave all their values."""
        return self.of("complete")

    def of(self, *states: State) -> list[Trial]:
        """The trials that are in one of these states."""
        return [trial for trial in self.trials if trial.state in states]

    def counts(self) -> dict[str, int]:
        """How many trials are in each state; states without any are left out."""
        counted = {state: len(self.of(state)) for state in STATES}
        return {state: count for state, count in counted.items() if count}

    def failures(self) -> dict[str, int]:
        """How many trials ended with each class of failure, the most frequent first."""
        found = [trial.failure for trial in self.trials if trial.failure]
        return dict(sorted(((f, found.count(f)) for f in set(found)), key=lambda x: (-x[1], x[0])))

    def best_so_far(self, objective: int) -> list[tuple[int, float]]:
        """Number and value of each complete trial that was better than all before it."""
        sign = 1 if self.objectives[objective].mode == "min" else -1
        records: list[tuple[int, float]] = []
        for trial in self.complete:
            value = trial.values[objective]
            if math.isfinite(value) and (not records or sign * value < sign * records[-1][1]):
                records.append((trial.number, value))
        return records

    def score_of(self, trial: Trial, objective: int) -> float | None:
        """A trial's value of an objective; of one that is not complete, what is known of it."""
        if trial.values:
            return trial.values[objective]
        name = self.objectives[objective].name
        if name in COSTS:
            return trial.cost(name)
        return trial.score if name == self.monitor else None


def epochs_of(rows: Sequence[Mapping[str, Any]], metric: str, per_epoch: int) -> list[float]:
    """How many epochs were trained before each validation.

    Args:
        rows: of metrics.csv.
        metric: that a validation gives.
        per_epoch: validations in a whole epoch.
    """
    epochs = [int(float(row["epoch"])) for row in validations(rows, metric)]
    places = [epochs[:i].count(epoch) + 1 for i, epoch in enumerate(epochs)]
    return [epoch + place / per_epoch for epoch, place in zip(epochs, places, strict=True)]


def validations(rows: Sequence[Mapping[str, Any]], metric: str) -> list[Mapping[str, Any]]:
    """The rows that hold a number for a metric."""
    return [row for row in rows if row.get(metric) and math.isfinite(float(row[metric]))]


def write_table(search: Search, path: Path) -> Path:
    """A CSV file with a row for each trial; what a trial does not have stays empty."""
    with write_atomically(path) as file:
        writer = csv.writer(file)
        writer.writerow(columns(search))
        writer.writerows(cells(search, trial) for trial in search.trials)
    return path


def columns(search: Search) -> list[str]:
    """The head of the table of trials."""
    scores = [objective.name for objective in search.objectives]
    params = [dimension.name for dimension in search.dimensions]
    ends = ["failure", "message", "attempts", "command"]
    return ["number", "state", *scores, *params, *other_costs(search), *ends]


def other_costs(search: Search) -> list[str]:
    """The costs that are no objectives."""
    return [name for name in COSTS if name not in {goal.name for goal in search.objectives}]


def cells(search: Search, trial: Trial) -> list[Any]:
    """A trial as a row of the table of trials; None where it has nothing."""
    scores = [search.score_of(trial, i) for i in range(len(search.objectives))]
    params = [trial.params.get(dimension.name) for dimension in search.dimensions]
    costs = [trial.cost(name) for name in other_costs(search)]
    ends = [trial.failure, trial.message, trial.attempts, trial.command]
    return [trial.number, trial.state, *scores, *params, *costs, *ends]
