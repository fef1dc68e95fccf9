"""Read a study, and the folders of its trials, into records."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna import distributions
from optuna.trial import FrozenTrial

from rnnlab.config.program import format_command
from rnnlab.runtime.files import read_metrics
from rnnlab.sweeps.report.ranking import best_trial, objective_modes, pareto_front
from rnnlab.sweeps.report.records import (
    Curve,
    DimensionRecord,
    Objective,
    RecordState,
    SearchRecord,
    TrialRecord,
)
from rnnlab.sweeps.workers.messages import stored_result

STATES: dict[str, RecordState] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
STATES |= {"RUNNING": "running", "WAITING": "waiting"}
SCORE = "score"  # name of the objective that is the monitored metric


def search_records(study: optuna.Study, folder: Path) -> SearchRecord:
    """Return the records of a search; learning curves come from the folders of its trials."""
    definition = study.user_attrs.get("definition", {})
    monitor = str(definition.get("monitor", SCORE))
    objectives = read_objectives(study, monitor)
    trials = study.get_trials(deepcopy=False)
    curves = read_curves(folder, [trial.number for trial in trials], monitor)
    best = pareto_front(study) if len(objectives) > 1 else [best_trial(study)]
    flags = study.user_attrs.get("flags", ())
    return SearchRecord(
        name=folder.name,
        monitor=monitor,
        objectives=objectives,
        dimensions=tuple(dimension_records(trials, group_space(definition))),
        trials=tuple(trial_record(trial, curves.get(trial.number, ()), flags) for trial in trials),
        best=tuple(trial.number for trial in best if trial),
    )


def read_objectives(study: optuna.Study, monitor: str) -> tuple[Objective, ...]:
    """Return the objectives by the names of their metrics; `score` is the monitored one."""
    metrics = zip(study.metric_names or [SCORE], objective_modes(study), strict=True)
    return tuple(
        Objective(monitor if name == SCORE else name.partition(":")[0], mode)
        for name, mode in metrics
    )


def group_space(definition: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the search space of a study, with its settings grouped by dimension.

    >>> group_space({"space": {"model.bias.low": 0, "model.bias.when.model": ["lstm"]}})
    {'model.bias': {'low': 0, 'when': {'model': ['lstm']}}}
    """
    space: dict[str, dict[str, Any]] = {}
    for key, value in definition.get("space", {}).items():
        name, condition, other = key.partition(".when.")
        if condition:
            space.setdefault(name, {}).setdefault("when", {})[other] = value
        else:
            dimension, _, setting = key.rpartition(".")
            space.setdefault(dimension, {})[setting] = value
    return space


def trial_record(trial: FrozenTrial, curve: Curve = (), flags: Sequence[str] = ()) -> TrialRecord:
    """Return the record of a trial with its learning curve; `flags`: see trial_command."""
    result, state = stored_result(trial), record_state(trial)
    return TrialRecord(
        number=trial.number,
        state=state,
        values=tuple(trial.values) if state == "complete" else (),
        score=monitored_score(trial),
        params=dict(trial.params),
        seconds=result.get("seconds", trial.user_attrs.get("seconds")),
        epochs=result.get("epochs"),
        parameters=result.get("parameters"),
        failure=str(result.get("failure") or ""),
        message=str(result.get("message") or ""),
        attempts=int(trial.user_attrs.get("attempts", 0)),
        command=trial_command(trial, flags),
        curve=curve,
    )


def record_state(trial: FrozenTrial) -> RecordState:
    """Return how a trial ended, or that it has not ended."""
    is_infeasible = any(value > 0 for value in trial.constraints.values())
    if is_infeasible and trial.state.name in ("COMPLETE", "PRUNED"):
        return "infeasible"
    return STATES[trial.state.name]


def monitored_score(trial: FrozenTrial) -> float | None:
    """Return the monitored metric; for a trial without a score, the last value it reported."""
    score = stored_result(trial).get("score")
    if score is not None:
        return float(score)
    reports = trial.intermediate_values
    return reports[max(reports)] if reports and trial.state.is_finished() else None


def trial_command(trial: FrozenTrial, flags: Sequence[str] = ()) -> str:
    """Return the command line that repeats a trial; empty if the trial has no overrides yet.

    It includes the seed and the number of threads, since threads change how sums are rounded.
    `flags` precede the overrides, such as --config-dir.
    """
    overrides = trial.user_attrs.get("overrides")
    if not overrides:
        return ""
    threads = stored_result(trial).get("threads")
    environment = [f"OMP_NUM_THREADS={threads}"] if threads else []
    return " ".join([*environment, format_command("train", [*flags, *map(str, overrides)])])


def dimension_records(
    trials: Iterable[FrozenTrial], space: Mapping[str, Any]
) -> list[DimensionRecord]:
    """Return the varied dimensions in the order of the space; a range that grew is joined."""
    records: dict[str, DimensionRecord] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            new = dimension_record(name, distribution)
            old = records.get(name, new)
            low, high = min(old.low, new.low), max(old.high, new.high)
            records[name] = DimensionRecord(name, low, high, new.log, new.choices)
    order = [name for name in space if name in records]
    return [records.pop(name) for name in order] + list(records.values())


def dimension_record(name: str, distribution: distributions.BaseDistribution) -> DimensionRecord:
    """Return the record of one of Optuna's distributions."""
    if isinstance(distribution, distributions.CategoricalDistribution):
        choices = distribution.choices
        return DimensionRecord(name, 0, len(choices) - 1, False, choices)
    numeric = distributions.FloatDistribution | distributions.IntDistribution
    assert isinstance(distribution, numeric)  # Optuna has no others
    return DimensionRecord(name, distribution.low, distribution.high, distribution.log)


def read_curves(folder: Path, numbers: Iterable[int], monitor: str) -> dict[int, Curve]:
    """Return the learning curves of the trials whose folders are on this machine.

    The number of validations per epoch is the largest one of any trial.
    """
    tables = {n: read_metrics(folder / "trials" / f"{n:04}" / "metrics.csv") for n in numbers}
    rows = {number: validation_rows(table, monitor) for number, table in tables.items()}
    counts = [Counter(row["epoch"] for row in table) for table in rows.values() if table]
    per_epoch = max((max(count.values()) for count in counts), default=1)
    return {number: learning_curve(table, monitor, per_epoch) for number, table in rows.items()}


def validation_rows(rows: Sequence[Mapping[str, Any]], metric: str) -> list[Mapping[str, Any]]:
    """Return the rows of metrics.csv that hold a finite value of a metric."""
    return [row for row in rows if row.get(metric) and math.isfinite(float(row[metric]))]


def learning_curve(rows: Sequence[Mapping[str, Any]], metric: str, per_epoch: int) -> Curve:
    """Return (epochs trained, value) of each validation; a whole epoch has `per_epoch` of them."""
    epochs = [int(float(row["epoch"])) for row in rows]
    ranks = [epochs[:i].count(epoch) + 1 for i, epoch in enumerate(epochs)]
    values = [float(row[metric]) for row in rows]
    return tuple((e + r / per_epoch, v) for e, r, v in zip(epochs, ranks, values, strict=True))
