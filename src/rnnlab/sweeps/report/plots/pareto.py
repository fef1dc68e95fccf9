"""Two objectives against each other."""

from pathlib import Path
from typing import Any

from rnnlab.plots.figures import GREY, ORANGE, create_figure, save_figure
from rnnlab.sweeps.report.plots import layout
from rnnlab.sweeps.report.records import SearchRecord


def plot_pareto(search: SearchRecord, path: Path) -> Path:
    """Plot two objectives against each other, and join the trials of the Pareto front."""
    canvas, axes = create_figure(1, 1, 7, 5)
    axis = axes[0, 0]
    others = [t.values for t in search.complete if t.number not in search.best]
    mark: dict[str, Any] = {"color": GREY, "s": 26, "linewidths": 0}
    axis.scatter(*layout.split_coordinates(others), label="complete", **mark)
    _plot_front(axis, search)
    labels = [layout.objective_label(objective) for objective in search.objectives]
    axis.set(xlabel=labels[0], ylabel=labels[1])
    for i, (name, scale_axis) in enumerate((("x", axis.xaxis), ("y", axis.yaxis))):
        values = [trial.values[i] for trial in search.complete]
        if layout.is_wide(values):
            axis.set(**{f"{name}scale": "log"})
            layout.use_plain_ticks(scale_axis, min(values), max(values))
    axis.legend(**layout.LEGEND_ABOVE)
    return save_figure(canvas, path)


def _plot_front(axis: Any, search: SearchRecord) -> None:
    """Plot the trials of the front with their numbers, and the edge of the region they dominate."""
    front = layout.split_coordinates(sorted(trial.values for trial in search.best_trials))
    where = "post" if search.objectives[0].mode == "min" else "pre"
    axis.step(*front, where=where, color=ORANGE, linewidth=1.2)
    axis.scatter(*front, color=ORANGE, s=48, zorder=3, label="Pareto front")
    for trial in search.best_trials:
        style = {"xytext": (5, 5), "textcoords": "offset points", "fontsize": 8}
        axis.annotate(str(trial.number), trial.values, **style)
