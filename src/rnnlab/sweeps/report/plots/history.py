"""Score of each trial by its number."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlab.plots.figures import BLUE, GREY, ORANGE, create_figure, save_figure
from rnnlab.sweeps.report.plots import layout
from rnnlab.sweeps.report.records import SearchRecord

COMPLETE_MARK = {"color": BLUE, "s": 26, "linewidths": 0, "zorder": 3}
PRUNED_MARK = {"marker": "v", "facecolors": "none", "edgecolors": GREY, "s": 26, "linewidths": 1}
FAILURE_MARKS = {
    "infeasible": layout.INFEASIBLE_MARK,
    "failed": {"marker": "x", "color": "black", "s": 28, "linewidths": 1.2},
}


def plot_history(search: SearchRecord, path: Path) -> Path:
    """Plot the score of each trial, and the running best as a line; one panel per objective.

    Trials without a score are marked at the lower edge.
    """
    count = len(search.objectives)
    canvas, axes = create_figure(count, 1, 9, 1 + 3.4 * count)
    for i, axis in enumerate(axes.flat):
        _plot_objective(axis, search, i)
    axes[-1, 0].set_xlabel("trial")
    axes[-1, 0].set_xlim(-0.5, max((t.number for t in search.trials), default=0) + 0.5)
    layout.use_integer_ticks(axes[-1, 0].xaxis)
    for axis in axes[:-1, 0]:
        axis.sharex(axes[-1, 0])
    return save_figure(canvas, path)


def _plot_objective(axis: Any, search: SearchRecord, objective: int) -> None:
    complete = [t for t in search.complete if math.isfinite(t.values[objective])]
    points = [(t.number, t.values[objective]) for t in complete]
    axis.scatter(*layout.split_coordinates(points), label="complete", **COMPLETE_MARK)
    records = search.running_best(objective)
    if records:
        steps = layout.split_coordinates([*records, (search.trials[-1].number, records[-1][1])])
        axis.step(*steps, where="post", color=ORANGE, label="best so far")
    pruned = [(t.number, search.objective_value(t, objective)) for t in search.select("pruned")]
    _scatter_pruned(axis, pruned)
    for state, style in FAILURE_MARKS.items():
        numbers = [trial.number for trial in search.trials if trial.state == state]
        layout.scatter_at_edge(axis, numbers, state, style)
    layout.scale_y_axis(axis, [value for _, value in [*points, *pruned] if value is not None])
    axis.set_ylabel(layout.objective_label(search.objectives[objective]))
    axis.legend(**layout.LEGEND_ABOVE)


def _scatter_pruned(axis: Any, points: Sequence[tuple[float, float | None]]) -> None:
    """Draw pruned trials at their values; those without a value at the lower edge."""
    finite = [(x, y) for x, y in points if y is not None and math.isfinite(y)]
    if finite:
        axis.scatter(*layout.split_coordinates(finite), label="pruned", **PRUNED_MARK)
    others = [x for x, y in points if y is None]
    layout.scatter_at_edge(axis, others, "" if finite else "pruned", PRUNED_MARK)
