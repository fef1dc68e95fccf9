"""The predictions of the test split as a table, predictions.csv in a run's folder.

N targets, H steps of the horizon, V variables, C classes.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from rnnlab.analysis.base import TestPredictions
from rnnlab.report.folder import PREDICTIONS_FILE
from rnnlab.runtime.files import write_atomically
from rnnlab.spec import Array

MAX_FORECASTS = 1_000_000  # rows; of more, only windows that do not overlap are written
MAX_PROBABILITIES = 50  # classes whose probabilities are all written

Columns = Mapping[str, Sequence[Any] | Array]


def predictions_file(make: Callable[..., Columns], *inputs: Any) -> dict[str, Any]:
    """Return `files` of an AnalysisResult that write the columns that `make` returns for inputs."""
    return {PREDICTIONS_FILE: partial(write_predictions, partial(make, *inputs))}


def write_predictions(make: Callable[[], Columns], path: Path) -> Path:
    """Write columns of equal length as CSV; an undefined number is an empty cell."""
    columns = {name: format_column(values) for name, values in make().items()}
    with write_atomically(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def format_column(values: Sequence[Any] | Array) -> Sequence[Any]:
    """Return the cells of a column, numbers with as few digits as restore them."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return array.tolist() if array.dtype.kind in "iub" else list(map(str, values))
    cells: list[str] = np.where(np.isfinite(array), array.astype(str), "").tolist()
    return cells


def class_predictions(test: TestPredictions, names: Sequence[str]) -> Columns:
    """Return a row for each test target: `row`, `target`, `prediction` and probabilities.

    `row` is the position in the test, from 0.

    `test` has probabilities (N, C) and classes (N,).
    """
    rows = np.arange(len(test.targets))
    return {"row": rows, **probability_columns(test.predictions, test.targets, names)}


def step_predictions(test: TestPredictions, names: Sequence[str]) -> Columns:
    """Return a row for each step with a class: `row`, `step` from 1, and as class_predictions.

    `test` has probabilities (N, H, C) and classes (N, H); the steps are the last ones of the input.
    """
    count, horizon = test.targets.shape
    lengths = np.full(count, horizon) if test.lengths is None else test.lengths.numpy()
    steps = lengths[:, None] - horizon + np.arange(1, horizon + 1)
    columns = probability_columns(test.predictions.flatten(0, 1), test.targets.flatten(), names)
    return {"row": np.repeat(np.arange(count), horizon), "step": steps.ravel(), **columns}


def probability_columns(probabilities: Tensor, targets: Tensor, names: Sequence[str]) -> Columns:
    """Return the columns of probabilities (N, C) and classes (N,)."""
    values, labels = probabilities.numpy(), np.asarray(names, dtype=object)
    best = values.argmax(axis=1)
    columns: dict[str, Any] = {
        "target": labels[targets.numpy()],
        "prediction": labels[best],
        "probability": values[np.arange(len(best)), best],
    }
    if len(names) <= MAX_PROBABILITIES:
        columns |= {f"p({name})": values[:, i] for i, name in enumerate(names)}
    return columns


def forecast_predictions(
    test: TestPredictions,
    quantiles: Sequence[float],
    interval_columns: Callable[[Array], Columns] | None = None,
) -> Columns:
    """Return a row for each window, variable and step, in the units of the scores.

    The columns are `row`, `series`, `date` (or `time`, the number of the step), `target` (the name
    of the variable), `step` from 1, `actual`, `forecast`, the quantiles, and the ends of prediction
    intervals, which `interval_columns` returns for some windows. A value that the file does not
    contain is empty. If there are too many rows, the windows do not overlap.
    """
    count, horizon, width = test.targets.shape
    stride = horizon if test.targets.numel() > MAX_FORECASTS else 1
    rows = np.arange(0, count, stride)
    shape = (len(rows), width, horizon)
    columns = {"row": np.broadcast_to(rows[:, None, None], shape), **_places(test, rows, shape)}
    columns["step"] = np.broadcast_to(np.arange(1, horizon + 1), shape)
    columns["actual"] = test.targets.numpy()[rows].transpose(0, 2, 1)
    forecasts = np.moveaxis(test.predictions.numpy()[rows], 1, 2)  # (rows, V, H) or (..., Q)
    median = list(quantiles).index(0.5) if quantiles else 0
    columns["forecast"] = forecasts[..., median] if quantiles else forecasts
    columns |= {f"q{level:g}": forecasts[..., i] for i, level in enumerate(quantiles)}
    columns |= interval_columns(rows) if interval_columns else {}
    return {name: values.reshape(-1) for name, values in columns.items()}


def _places(test: TestPredictions, rows: Array, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return series, time and variable of each forecast; none for generated series."""
    context = test.evaluation_context
    if "step_times" not in context:
        return {}
    times = context["step_times"](rows)  # (rows, H)
    variables = np.array(context["variables"], dtype=object)[context["variable"][rows]]
    name = "date" if times.dtype.kind == "M" else "time"
    return {
        "series": np.broadcast_to(context["series"][rows][:, None, None], shape),
        name: np.broadcast_to(times[:, None], shape),
        "target": np.broadcast_to(variables[..., None], shape),
    }


def token_predictions(test: TestPredictions) -> Columns:
    """Return a row for each test token: `row`, `token` and its `log_probability` in nats."""
    tokens = np.array(test.evaluation_context["tokens"], dtype=object)
    return {
        "row": np.arange(len(test.targets)),
        "token": tokens[test.targets.numpy()],
        "log_probability": test.predictions.numpy(),
    }
