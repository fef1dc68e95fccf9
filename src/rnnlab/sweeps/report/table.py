"""trials.csv: one row per trial; the same columns are shown on the page."""

import csv
from pathlib import Path
from typing import Any

from rnnlab.runtime.files import write_atomically
from rnnlab.sweeps.report.records import COSTS, SearchRecord, TrialRecord


def write_table(search: SearchRecord, path: Path) -> Path:
    """Write the table as CSV; missing values stay empty."""
    with write_atomically(path) as file:
        writer = csv.writer(file)
        writer.writerow(column_names(search))
        writer.writerows(row_values(search, trial) for trial in search.trials)
    return path


def column_names(search: SearchRecord) -> list[str]:
    """Return the header of the table."""
    scores = [objective.name for objective in search.objectives]
    params = [dimension.name for dimension in search.dimensions]
    ends = ["failure", "message", "attempts", "command"]
    return ["number", "state", *scores, *params, *extra_costs(search), *ends]


def extra_costs(search: SearchRecord) -> list[str]:
    """Return the costs that are not objectives."""
    return [name for name in COSTS if name not in {goal.name for goal in search.objectives}]


def row_values(search: SearchRecord, trial: TrialRecord) -> list[Any]:
    """Return the row of a trial; None for missing values."""
    scores = [search.objective_value(trial, i) for i in range(len(search.objectives))]
    params = [trial.params.get(dimension.name) for dimension in search.dimensions]
    costs = [trial.cost(name) for name in extra_costs(search)]
    ends = [trial.failure, trial.message, trial.attempts, trial.command]
    return [trial.number, trial.state, *scores, *params, *costs, *ends]
