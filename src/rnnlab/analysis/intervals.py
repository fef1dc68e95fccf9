"""Prediction intervals of a test split: what share of the values they contain.

N targets, H steps of the horizon, V variables, L levels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlab.analysis.base import AnalysisResult, TestPredictions
from rnnlab.analysis.forecast_errors import plain_number
from rnnlab.metrics.conformal import (
    ConformalIntervals,
    interval_scale,
    level_scores,
    values_needed,
)
from rnnlab.metrics.forecasting import divide, iterate_blocks
from rnnlab.metrics.tracking import ForecastOrigins, find_origins
from rnnlab.plots.forecasting import PredictionInterval
from rnnlab.spec import Array, Ints
from rnnlab.tasks import Forecasting

BLOCK_WINDOWS = 1024  # that are read at the same time


@dataclass(frozen=True)
class TestIntervals:
    """Prediction intervals of a test split, computed where they are needed."""

    intervals: ConformalIntervals
    task: Forecasting
    test: TestPredictions

    @classmethod
    def of(cls, task: Forecasting, test: TestPredictions) -> "TestIntervals | None":
        """Return the intervals of a test; None if the network has none."""
        intervals = test.evaluation_context.get("intervals")
        return cls(intervals, task, test) if intervals and test.batch else None

    @cached_property
    def origins(self) -> ForecastOrigins:
        """Place of the forecasts in their series."""
        count, _, width = self.test.targets.shape
        return find_origins(self.test.evaluation_context, count, width)

    @cached_property
    def scale(self) -> Tensor:
        """See interval_scale; of all forecasts, (N, 1, V)."""
        assert self.test.batch
        rows = range(len(self.test.targets))
        blocks = [rows[i : i + BLOCK_WINDOWS] for i in rows[::BLOCK_WINDOWS]]
        return torch.cat([interval_scale(self.test.batch(block)) for block in blocks])

    @cached_property
    def offsets(self) -> Tensor:
        """Offset of each forecast, which is known when it is made, (N, H, V, L)."""
        scores = level_scores(
            self.test.predictions,
            self.test.targets,
            self.task.quantiles,
            self.intervals.levels,
            self.scale,
            self.intervals.relative,
        )
        return torch.from_numpy(self.intervals.track(scores.numpy(), self.origins))

    def ends(self, rows: Ints) -> Array:
        """Return the lower and upper ends for some targets, (n, H, V, L, 2)."""
        quantiles, place = self.task.quantiles, torch.from_numpy(rows)
        parts = (self.test.predictions[place], quantiles, self.scale[place], self.offsets[place])
        return self.intervals.ends(*parts).numpy()

    def columns(self, rows: Ints) -> dict[str, Array]:
        """Return the ends for some targets as columns of a table, (n, V, H) each."""
        return self.intervals.columns(np.moveaxis(self.ends(rows), 1, 2))

    def bands(self, rows: Ints, variables: Ints) -> list[PredictionInterval]:
        """Return the intervals of a variable (n,) of some targets (n,), the widest first."""
        ends = self.ends(rows)[np.arange(len(rows)), :, variables]  # (n, H, L, 2)
        return [
            PredictionInterval(f"{name}% interval", ends[..., i, 0], ends[..., i, 1])
            for i, name in reversed(list(enumerate(self.intervals.names)))
            if np.isfinite(ends[..., i, :]).any()
        ]

    def measure(self, error_scale: Array) -> "list[Coverage]":
        """Return the coverage of each level; `error_scale` divides the widths, (N, 1, V)."""
        columns = int(self.origins.variables.max()) + 1
        results = [
            Coverage.empty(self.test.targets.shape[1], columns) for _ in self.intervals.levels
        ]
        targets = self.test.targets.numpy()
        for rows in iterate_blocks(np.arange(len(targets)), targets[0].size):
            ends = self.ends(rows)
            for i, result in enumerate(results):
                result.add(
                    ends[..., i, :], targets[rows], error_scale[rows], self.origins.variables[rows]
                )
        return results


@dataclass(frozen=True)
class Coverage:
    """Sums over test values by step and column, (H, C) each; values without an interval excluded.

    Attributes:
        hits: values in their interval.
        widths: sum of the widths.
        counts: number of values.
    """

    hits: Array
    widths: Array
    counts: Array

    @classmethod
    def empty(cls, horizon: int, columns: int) -> "Coverage":
        """Return sums of nothing."""
        return cls(*(np.zeros((horizon, columns)) for _ in range(3)))

    def add(self, ends: Array, targets: Array, error_scale: Array, variables: Ints) -> None:
        """Add intervals (n, H, V, 2) of targets (n, H, V)."""
        low, high = ends[..., 0], ends[..., 1]
        valid = np.isfinite(targets) & np.isfinite(low) & np.isfinite(high)
        hits = valid & (low <= targets) & (targets <= high)
        widths = np.where(valid, (high - low) / error_scale, 0.0)
        steps = np.broadcast_to(np.arange(targets.shape[1])[:, None], targets.shape)
        place = steps, np.broadcast_to(variables[:, None], targets.shape)
        for total, part in ((self.hits, hits), (self.widths, widths), (self.counts, valid)):
            np.add.at(total, place, part)

    def means(self, axis: int | None = None) -> tuple[Array, Array]:
        """Return coverage and mean width, over all values or along an axis; NaN without values."""
        counts = self.counts.sum(axis=axis)
        return divide(self.hits.sum(axis=axis), counts), divide(self.widths.sum(axis=axis), counts)


def assess_intervals(intervals: TestIntervals, error_scale: Array) -> AnalysisResult:
    """Return how many test values the prediction intervals contain, overall and by step."""
    measures = list(zip(intervals.intervals.levels, intervals.measure(error_scale), strict=True))
    unit = " standard deviations" if (error_scale != 1).any() else ""
    names = intervals.test.evaluation_context.get("variables", [])
    counts = np.array(intervals.intervals.counts)
    return AnalysisResult(
        statements=[
            sentence
            for level, coverage in measures
            for sentence in describe_coverage(level, coverage, int(counts.min()), unit)
        ],
        details={
            "intervals": {
                name: {"nominal": level, **coverage_facts(coverage, names)}
                for name, (level, coverage) in zip(intervals.intervals.names, measures, strict=True)
            }
        },
    )


def describe_coverage(level: float, coverage: Coverage, count: int, unit: str) -> Iterator[str]:
    """Yield the coverage of the intervals of one level, and why some values have none.

    `count` is the smallest number of validation values of a step and column.
    """
    share, width = (float(value) for value in coverage.means())
    name, need = f"{100 * level:.10g}%", values_needed(level)
    if np.isfinite(share):
        yield (
            f"{name} intervals contain {share:.1%} of the test values; their mean width is "
            f"{width:.4g}{unit}."
        )
    if count < need:
        some = "some values have" if np.isfinite(share) else "there are"
        yield (
            f"{name} intervals: {some} none, because they need {need:,} validation values of each "
            f"step and the validation has {count:,}. A longer validation split provides them."
        )


def coverage_facts(coverage: Coverage, names: "list[str]") -> Mapping[str, Any]:
    """Return coverage and mean width, overall, by step and by column, for report.json."""
    share, width = coverage.means()
    by_step, by_column = coverage.means(axis=1), coverage.means(axis=0)
    columns = {name: plain_number(value) for name, value in zip(names, by_column[0], strict=False)}
    return {
        "coverage": plain_number(float(share)),
        "width": plain_number(float(width)),
        "by_step": {
            "coverage": [plain_number(value) for value in by_step[0]],
            "width": [plain_number(value) for value in by_step[1]],
        },
        **({"by_column": columns} if len(names) > 1 else {}),
    }
