"""Parallel coordinates: one line per trial through its values."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.plots.figures import GREY, create_figure, save_figure
from rnnlab.sweeps.report.plots import layout
from rnnlab.sweeps.report.records import DimensionRecord, SearchRecord, TrialRecord


def plot_parallel(search: SearchRecord, path: Path) -> Path:
    """Plot one line per trial through its values, coloured by its first objective.

    A line has a gap where a setting does not apply to the trial; such settings are drawn last.
    Pruned trials are grey.
    """
    trials = [trial for trial in search.trials if trial.params]
    order = sorted(search.dimensions, key=lambda d: any(d.name not in t.params for t in trials))
    dimensions = order[: layout.MAX_DIMENSIONS]
    canvas, axes = create_figure(1, 1, min(2.2 + 1.7 * len(dimensions), 15), 4.6)
    axis = axes[0, 0]
    _draw_axes(axis, dimensions)
    colours = score_colours(search)
    _plot_trials(axis, search, dimensions, colours)
    if search.complete:
        _add_colour_bar(canvas, axis, search, colours)
    return save_figure(canvas, path)


def _plot_trials(
    axis: Any, search: SearchRecord, dimensions: Sequence[DimensionRecord], colours: Any
) -> None:
    """Plot the pruned trials in grey, the complete ones in their colours, the best ones bold."""
    for trial in search.select("pruned"):
        _plot_trial(axis, trial, dimensions, color=GREY, alpha=0.35, linewidth=0.7)
    opacity = layout.line_opacity(len(search.complete))
    for trial in _order_best_last(search):
        best = trial.number in search.best
        style = {"linewidth": 3.2 if best else 1.2, "alpha": 1.0 if best else opacity}
        _plot_trial(axis, trial, dimensions, color=colours.to_rgba(trial.values[0]), **style)


def _add_colour_bar(canvas: Any, axis: Any, search: SearchRecord, colours: Any) -> None:
    from matplotlib.colors import LogNorm

    objective = search.objectives[0]
    extend = "max" if objective.mode == "min" else "min"
    bar = canvas.colorbar(colours, ax=axis, pad=0.02, extend=extend)
    bar.set_label(f"{objective.name} (best bold)")
    bar.outline.set_visible(False)
    if isinstance(colours.norm, LogNorm):
        layout.use_plain_ticks(bar.ax.yaxis, *colours.get_clim())


def _order_best_last(search: SearchRecord) -> list[TrialRecord]:
    """Return the complete trials so that better ones are drawn over worse ones."""
    descending = search.objectives[0].mode == "min"
    return sorted(search.complete, key=lambda trial: trial.values[0], reverse=descending)


def score_colours(search: SearchRecord) -> Any:
    """Return the map from scores to colours; the worst tenth of the trials shares one colour.

    Otherwise a few trials that failed to learn would leave one colour for all others. The scale is
    logarithmic where an axis of these scores is.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    finite = [t.values[0] for t in search.complete if math.isfinite(t.values[0])] or [0.0, 1.0]
    percentiles = [0, 90] if search.objectives[0].mode == "min" else [10, 100]
    low, high = (float(end) for end in np.percentile(finite, percentiles))
    scores = (search.objective_value(t, 0) for t in search.select("complete", "pruned"))
    finite_scores = [score for score in scores if score is not None and math.isfinite(score)]
    scale = LogNorm if layout.is_wide(finite_scores) and low < high else Normalize
    return ScalarMappable(scale(low, high), layout.COLOUR_MAP)


def _plot_trial(
    axis: Any, trial: TrialRecord, dimensions: Sequence[DimensionRecord], **style: Any
) -> None:
    """Plot one trial; points are marked, since the line is broken at missing settings."""
    heights = [_value_height(dimension, trial) for dimension in dimensions]
    axis.plot(range(len(heights)), heights, marker="o", markersize=2.5, **style)


def _value_height(dimension: DimensionRecord, trial: TrialRecord) -> float:
    """Return the height of a trial's value, 0..1; NaN for a missing value or a removed choice."""
    if dimension.name not in trial.params:
        return math.nan
    value = trial.params[dimension.name]
    if dimension.choices and value not in dimension.choices:
        return math.nan
    return _relative_height(dimension, dimension.coordinate(value))


def _relative_height(dimension: DimensionRecord, coordinate: float) -> float:
    """Return the position between both ends of a dimension: 0 at the low end, 1 at the high end."""
    low, high = dimension.low, dimension.high
    if low == high:
        return 0.5
    if dimension.log:
        return math.log(coordinate / low) / math.log(high / low)
    return (coordinate - low) / (high - low)


def _draw_axes(axis: Any, dimensions: Sequence[DimensionRecord]) -> None:
    """Draw a vertical axis for each dimension, with its name below."""
    for x, dimension in enumerate(dimensions):
        _draw_axis(axis, x, dimension)
    names = [dimension.name.replace(".", ".\n", 1) for dimension in dimensions]
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_xticks(range(len(dimensions)), names, fontsize=8)
    axis.tick_params(axis="x", length=0, pad=8)
    axis.set(yticks=[], xlim=(-0.25, len(dimensions) - 0.8), ylim=(-0.04, 1.04))


def _draw_axis(axis: Any, x: int, dimension: DimensionRecord) -> None:
    axis.plot([x, x], [0, 1], color="black", linewidth=0.8, zorder=1)
    for coordinate, text in _axis_ticks(dimension):
        height = _relative_height(dimension, coordinate)
        axis.plot([x - 0.015, x], [height, height], color="black", linewidth=0.8, zorder=1)
        style: dict[str, Any] = {"fontsize": 8, "ha": "right", "va": "center", "parse_math": False}
        box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.6}
        axis.text(x - 0.03, height, text, bbox=box, zorder=5, **style)


def _axis_ticks(dimension: DimensionRecord) -> list[tuple[float, str]]:
    """Return coordinates and labels: each choice, or both ends and round numbers between them."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if dimension.choices:
        return [(i, layout.choice_label(choice)) for i, choice in enumerate(dimension.choices)]
    low, high = dimension.low, dimension.high
    if low == high:
        return [(low, f"{low:.4g}")]
    locator = LogLocator() if dimension.log else MaxNLocator(4, integer=isinstance(low, int))
    ticks = [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
    inner = [tick for tick in ticks if 0.07 < _relative_height(dimension, tick) < 0.93]
    return [(tick, f"{tick:.4g}") for tick in (low, *inner, high)]
