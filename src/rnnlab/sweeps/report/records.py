"""Records of a search as plain data, from which its figures, table, page and summary are made."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Curve = tuple[tuple[float, float], ...]
RecordState = Literal["complete", "pruned", "infeasible", "failed", "running", "waiting"]
END_STATES: tuple[RecordState, ...] = ("complete", "pruned", "infeasible", "failed")
RECORD_STATES: tuple[RecordState, ...] = (*END_STATES, "running", "waiting")

COSTS = ("seconds", "epochs", "parameters")  # of a trial; each can also be an objective


@dataclass(frozen=True)
class Objective:
    """Objective of a search: a metric or a cost, such as val/accuracy."""

    name: str
    mode: Literal["min", "max"]


@dataclass(frozen=True)
class DimensionRecord:
    """Searched setting.

    Attributes:
        name: dotted key.
        low, high: ends of the range; 0 and number of choices - 1 for choices.
        log: whether the range is sampled on a logarithmic scale.
        choices: all values; empty for a range of numbers.
    """

    name: str
    low: float
    high: float
    log: bool = False
    choices: tuple[Any, ...] = ()

    def coordinate(self, value: Any) -> float:
        """Return the position of a value on an axis: the number itself, or the choice's index."""
        return float(self.choices.index(value)) if self.choices else float(value)


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Attributes:
        values: one per objective; empty unless the trial is complete.
        score: monitored metric, also of a pruned trial; None if there is none.
        params: values of the searched settings; only those that apply to the trial.
        seconds: training time of all attempts.
        epochs: epochs started and validated.
        parameters: number of trainable parameters.
        failure: class of the failure; empty without one.
        command: command line that repeats the trial.
        curve: (epochs trained, monitored metric) of each validation.
    """

    number: int
    state: RecordState
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
    curve: Curve = ()

    def cost(self, name: str) -> float | None:
        """Return one of its costs; see COSTS."""
        return {"seconds": self.seconds, "epochs": self.epochs, "parameters": self.parameters}[name]


@dataclass(frozen=True)
class SearchRecord:
    """Search, at its end or at any time before.

    Attributes:
        monitor: metric by which trials are compared while they run.
        objectives: at least one.
        dimensions: settings varied so far.
        trials: by number.
        best: numbers of the best trials: none, one, or the Pareto front of several objectives.
    """

    name: str
    monitor: str
    objectives: tuple[Objective, ...]
    dimensions: tuple[DimensionRecord, ...]
    trials: tuple[TrialRecord, ...]
    best: tuple[int, ...]

    @property
    def complete(self) -> list[TrialRecord]:
        return self.select("complete")

    @property
    def best_trials(self) -> list[TrialRecord]:
        """Best trials, by number."""
        return [trial for trial in self.trials if trial.number in self.best]

    def select(self, *states: RecordState) -> list[TrialRecord]:
        """Return the trials that are in one of these states."""
        return [trial for trial in self.trials if trial.state in states]

    def count_states(self) -> dict[str, int]:
        """Return the number of trials in each state; states without trials are left out."""
        counts = {state: len(self.select(state)) for state in RECORD_STATES}
        return {state: count for state, count in counts.items() if count}

    def count_failures(self) -> dict[str, int]:
        """Return the number of trials with each class of failure, the most frequent first."""
        failures = sorted(trial.failure for trial in self.trials if trial.failure)
        return dict(Counter(failures).most_common())

    def running_best(self, objective: int) -> list[tuple[int, float]]:
        """Return number and value of each complete trial that was better than all before it."""
        sign = 1 if self.objectives[objective].mode == "min" else -1
        records: list[tuple[int, float]] = []
        for trial in self.complete:
            value = trial.values[objective]
            if math.isfinite(value) and (not records or sign * value < sign * records[-1][1]):
                records.append((trial.number, value))
        return records

    def objective_value(self, trial: TrialRecord, objective: int) -> float | None:
        """Return a trial's value of an objective; its cost or score if it is not complete."""
        if trial.values:
            return trial.values[objective]
        name = self.objectives[objective].name
        if name in COSTS:
            return trial.cost(name)
        return trial.score if name == self.monitor else None
