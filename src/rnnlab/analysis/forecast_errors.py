"""Errors of the network and of the baselines: of each step, of each column, of each series.

N targets, H steps of the horizon, V variables.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rnnlab.analysis.base import TestPredictions
from rnnlab.metrics.forecasting import (
    FORECAST_METRICS,
    ErrorUnits,
    ForecastErrors,
    divide,
    measure_forecast,
)
from rnnlab.spec import Array

ALL_SERIES = ""  # series of a row with the errors of all series
SERIES_FILE = "errors_by_series.csv"
MAX_NAMES = 5  # series that a sentence names
SHORT_TABLE = 10  # series in a table on the screen
MAX_SERIES = 1_000  # series in report.json; the file has all


@dataclass(frozen=True)
class ErrorTable:
    """Errors of the network and of every baseline at the same targets.

    Attributes:
        errors: "network" and the name of each baseline -> its errors.
        moments: position of the time of each target among all different times, (N,).
    """

    errors: Mapping[str, ForecastErrors]
    moments: Array

    @classmethod
    def measure(cls, test: TestPredictions) -> "ErrorTable":
        """Return the errors of the predictions, and of the baselines at the same targets."""
        forecasts, context = test.predictions.numpy(), test.evaluation_context
        network = measure_forecast(
            lambda rows: forecasts[rows], test.targets.numpy(), context["units"]
        )
        baselines = context["baseline_errors"]() if "baseline_errors" in context else {}
        _, moments = np.unique(context["times"], return_inverse=True)
        return cls({"network": network, **baselines}, moments)

    @cached_property
    def by_step(self) -> dict[str, dict[str, Array]]:
        """Name -> metric -> its value at each step of the horizon, (H,)."""
        return {name: errors.by_step for name, errors in self.errors.items()}

    @cached_property
    def over_time(self) -> dict[str, Array]:
        """Name -> mean squared error at each point in time, (n,), over all series."""
        return {name: self._average_moments(errors) for name, errors in self.errors.items()}

    def _average_moments(self, errors: ForecastErrors) -> Array:
        weights = errors.scaled_counts["mse"].any(axis=1)
        values = np.where(weights, errors.squared_errors, 0.0)
        means = divide(np.bincount(self.moments, values), np.bincount(self.moments, weights))
        return means[np.bincount(self.moments, weights) > 0]

    @property
    def baselines(self) -> list[str]:
        """Names of the baselines."""
        return [name for name in self.errors if name != "network"]

    @property
    def best_baseline(self) -> str | None:
        """The baseline with the lowest squared error; None if there is none."""
        return min(self.baselines, key=self.mse, default=None)

    def mse(self, name: str) -> float:
        """Return the mean squared error of one forecast."""
        return self.errors[name].means["mse"]

    def means(self, name: str) -> dict[str, float]:
        """Return each metric of one forecast that is defined, the mean over all values."""
        means = self.errors[name].means
        return {metric: value for metric, value in means.items() if math.isfinite(value)}

    def to_dict(self) -> dict[str, Any]:
        """Return `by_step` as plain values, for report.json."""
        return {
            name: {key: [plain_number(value) for value in steps] for key, steps in metrics.items()}
            for name, metrics in self.by_step.items()
        }

    def to_csv(self) -> str:
        """Return `by_step` as a table in CSV, a row for each forecast and step."""
        rows = [
            {"forecast": name, "step": i + 1, **{key: steps[i] for key, steps in metrics.items()}}
            for name, metrics in self.by_step.items()
            for i in range(len(metrics["mse"]))
        ]
        return to_csv(rows)


class ErrorGroups(NamedTuple):
    """The series and the column of each target and its variables.

    Attributes:
        series: names of the series.
        columns: names of the target columns.
        series_index: series of each target and variable, (N, V).
        column_index: column of each target and variable, (N, V).
    """

    series: list[str]
    columns: list[str]
    series_index: Array
    column_index: Array

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> "ErrorGroups":
        """Return the groups of an evaluation context."""
        names, series = np.unique(context["series"].astype(str), return_inverse=True)
        columns: Array = context["variable"]
        series_index = np.broadcast_to(series[:, None], columns.shape)
        return cls(names.tolist(), context["variables"], series_index, columns)

    def measure(self, errors: Mapping[str, ForecastErrors]) -> list[dict[str, Any]]:
        """Return the errors of each column, and of each series if there are several.

        Returns:
            Rows with `series`, `column`, `forecast`, `values` (their number) and each metric, in
            the units of the column. The rows of a column over all series have no series.
        """
        parts = [([ALL_SERIES], np.zeros_like(self.series_index))]
        parts += [(self.series, self.series_index)] if len(self.series) > 1 else []
        return [
            row
            for names, index in parts
            for forecast, part in errors.items()
            for row in self._rows(names, index, forecast, part)
        ]

    def _rows(
        self, names: Sequence[str], index: Array, forecast: str, errors: ForecastErrors
    ) -> Iterator[dict[str, Any]]:
        count = len(names) * len(self.columns)
        groups = index * len(self.columns) + self.column_index
        means = errors.group_means(groups, count)
        values = np.bincount(groups.ravel(), errors.counts["mse"].ravel(), minlength=count)
        for group in range(count):
            series, column = divmod(group, len(self.columns))
            yield {
                "series": names[series],
                "column": self.columns[column],
                "forecast": forecast,
                "values": int(values[group]),
                **{metric: plain_number(mean[group]) for metric, mean in means.items()},
            }


def plain_number(value: float) -> float | None:
    """Return a number for a report; None where it is undefined."""
    return float(value) if math.isfinite(value) else None


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows with the same keys as a table in CSV; what is undefined is empty."""
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: format_cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue()


def format_cell(value: Any) -> Any:
    """Return a value for a cell, a number with all its digits."""
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else ""
    return value


def report_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows for report.json: `by_column`, and `by_series` if there are several.

    With very many series, `by_series` is the name of the file that has them.
    """
    columns: dict[str, Any] = {}
    series: dict[str, Any] = {}
    for row in rows:
        parts = columns if row["series"] == ALL_SERIES else series.setdefault(row["series"], {})
        metrics = {metric: row[metric] for metric in ("values", *FORECAST_METRICS)}
        parts.setdefault(row["column"], {})[row["forecast"]] = metrics
    if not series:
        return {"by_column": columns}
    return {
        "by_column": columns,
        "by_series": series if len(series) <= MAX_SERIES else SERIES_FILE,
    }


def short_tables(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return tables for the screen: of several columns, or of a few series of one column."""
    columns = [row for row in rows if row["series"] == ALL_SERIES]
    series = [row for row in rows if row["series"] != ALL_SERIES]
    if len({row["column"] for row in columns}) > 1:
        return {
            f"errors of each column (of each series: {SERIES_FILE})"
            if series
            else "errors of each column": summarize_rows(columns, "column")
        }
    if series and len({row["series"] for row in series}) <= SHORT_TABLE:
        return {"errors of each series": summarize_rows(series, "series")}
    return {}


def summarize_rows(rows: Sequence[Mapping[str, Any]], label: str) -> list[dict[str, Any]]:
    """Return a row for each column or series: the network and the best baseline."""
    parts: dict[str, dict[str, Any]] = {}
    for row in rows:
        parts.setdefault(row[label], {})[row["forecast"]] = row
    return [{label: name, **summarize_forecasts(part)} for name, part in parts.items()]


def summarize_forecasts(forecasts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the errors of the network, and those of the best baseline."""
    network = {metric: forecasts["network"][metric] for metric in ("mse", "mae", "mase")}
    others = [row for name, row in forecasts.items() if name != "network"]
    if not others:
        return network
    best = min(others, key=lambda row: math.inf if row["mse"] is None else row["mse"])
    baseline = {f"its {metric}": best[metric] for metric in ("mse", "mase")}
    return {**network, "best baseline": best["forecast"], **baseline}


def undefined_mase(context: Mapping[str, Any]) -> tuple[list[str], int]:
    """Return the series (and columns) without a naive error, and the number of all."""
    groups, units = ErrorGroups.of(context), context["units"]
    assert isinstance(units, ErrorUnits)
    names = np.array(groups.series, dtype=object)[groups.series_index]
    if len(groups.columns) > 1:
        columns = np.array(groups.columns, dtype=object)[groups.column_index]
        names = columns if len(groups.series) == 1 else columns + " of " + names
    constant = ~(units.naive_errors[:, 0] > 0)
    return sorted(set(names[constant])), len(set(names.ravel()))


def count_undefined_mase(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many series MASE leaves out, for report.json."""
    names, count = undefined_mase(context)
    return {"undefined": len(names), "of": count, "names": names}


def explain_undefined_mase(context: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence on the series that MASE leaves out."""
    names, count = undefined_mase(context)
    if len(names) == count:
        yield "MASE is undefined: the values do not change in training."
    elif names:
        more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
        yield (
            f"MASE leaves out {len(names):,} of {count:,} series, whose values do not change in "
            f"training: {', '.join(names[:MAX_NAMES])}{more}."
        )
