"""Each searched setting against the first objective."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rnnlab.plots.figures import RED, create_figure, save_figure
from rnnlab.sweeps.report.plots import layout
from rnnlab.sweeps.report.records import DimensionRecord, SearchRecord, TrialRecord

FIRST_SETTINGS = "optimizer.lr", "data.seq_len", "data.batch_size", "trainer.gradient_clip_val"
PANELS_PER_ROW = 4


def plot_slices(search: SearchRecord, path: Path) -> Path:
    """Plot each searched setting against the first objective; see FIRST_SETTINGS for the order.

    The colour is the number of the trial, so recent trials are light. Settings of infeasible trials
    are marked at the lower edge.
    """
    dimensions = order_dimensions(search.dimensions)[: layout.MAX_DIMENSIONS]
    columns = min(PANELS_PER_ROW, len(dimensions))
    rows = -(-len(dimensions) // columns)
    canvas, axes = create_figure(rows, columns, 1.2 + 2.9 * columns, 0.5 + 2.9 * rows)
    points = None
    for axis, dimension in zip(axes.flat, dimensions, strict=False):
        points = _plot_slice(axis, search, dimension)
    for axis in axes.flat[len(dimensions) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(search.objectives[0].name)
    if points is not None:
        bar = canvas.colorbar(points, ax=axes, label="trial", pad=0.01)
        layout.use_integer_ticks(bar.ax.yaxis)
        bar.outline.set_visible(False)
    return save_figure(canvas, path)


def order_dimensions(dimensions: Iterable[DimensionRecord]) -> list[DimensionRecord]:
    """Return FIRST_SETTINGS in their order, then the other dimensions in theirs."""
    ranks = {name: rank for rank, name in enumerate(FIRST_SETTINGS)}
    return sorted(dimensions, key=lambda dimension: ranks.get(dimension.name, len(ranks)))


def _plot_slice(axis: Any, search: SearchRecord, dimension: DimensionRecord) -> Any:
    trials = [t for t in search.complete if math.isfinite(t.values[0]) and _has(t, dimension)]
    points = [(dimension.coordinate(t.params[dimension.name]), t.values[0]) for t in trials]
    last = max((trial.number for trial in search.trials), default=0)
    style: dict[str, Any] = {"cmap": layout.COLOUR_MAP, "vmin": 0, "vmax": max(last, 1), "s": 26}
    style |= {"c": [trial.number for trial in trials], "edgecolors": "white", "linewidths": 0.4}
    scatter = axis.scatter(*layout.split_coordinates(points), **style)
    _mark_infeasible(axis, search, dimension)
    layout.scale_y_axis(axis, [value for _, value in points])
    _scale_x_axis(axis, dimension)
    return scatter


def _mark_infeasible(axis: Any, search: SearchRecord, dimension: DimensionRecord) -> None:
    """Mark the values of infeasible trials at the lower edge."""
    trials = [t for t in search.select("infeasible") if _has(t, dimension)]
    values = [dimension.coordinate(trial.params[dimension.name]) for trial in trials]
    layout.scatter_at_edge(axis, values, "", layout.INFEASIBLE_MARK)
    if values:
        axis.set_title("✖ infeasible", fontsize=8, color=RED, loc="right")


def _has(trial: TrialRecord, dimension: DimensionRecord) -> bool:
    """Return whether a setting applies to a trial, and its value is still a choice."""
    if dimension.name not in trial.params:
        return False
    return not dimension.choices or trial.params[dimension.name] in dimension.choices


def _scale_x_axis(axis: Any, dimension: DimensionRecord) -> None:
    axis.set_xlabel(dimension.name, fontsize=9)
    if dimension.choices:
        _show_choices(axis, dimension)
    elif dimension.log:
        _use_log_range(axis, dimension)
    else:
        margin = 0.05 * (dimension.high - dimension.low) or 0.5
        axis.set_xlim(dimension.low - margin, dimension.high + margin)


def _show_choices(axis: Any, dimension: DimensionRecord) -> None:
    names = [layout.choice_label(choice) for choice in dimension.choices]
    rotation = 30 if sum(map(len, names)) > 22 else 0
    axis.set_xticks(range(len(names)), names, rotation=rotation, fontsize=8)
    axis.set_xlim(-0.5, len(names) - 0.5)


def _use_log_range(axis: Any, dimension: DimensionRecord) -> None:
    low, high = dimension.low, dimension.high
    margin = (high / low) ** 0.05 if low != high else 1.5
    axis.set_xscale("log")
    axis.set_xlim(low / margin, high * margin)
    if high / low < 100:
        _use_three_ticks(axis, dimension)


def _use_three_ticks(axis: Any, dimension: DimensionRecord) -> None:
    """Label both ends and their middle, if the range has hardly any powers of ten."""
    from matplotlib.ticker import NullLocator

    middle = float(f"{math.sqrt(dimension.low * dimension.high):.2g}")
    ticks = [dimension.low, middle, dimension.high]
    axis.set_xticks(ticks, [f"{tick:.4g}" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
