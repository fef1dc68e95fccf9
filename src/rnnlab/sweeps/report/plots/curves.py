"""Learning curves of all trials."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.plots.figures import BLUE, GREY, ORANGE, RED, create_figure, save_figure
from rnnlab.sweeps.report.plots import layout
from rnnlab.sweeps.report.records import SearchRecord, TrialRecord

CURVE_STYLES: dict[str, dict[str, Any]] = {  # by state of the trial
    "complete": {"color": BLUE, "linewidth": 1.1},
    "pruned": {"color": GREY, "linewidth": 0.7},
    "running": {"color": BLUE, "linestyle": ":", "linewidth": 1.1},
    "infeasible": {"color": RED, "linewidth": 0.8},
    "failed": {"color": RED, "linestyle": ":", "linewidth": 0.8},
}
BEST_STYLE = {"color": ORANGE, "linewidth": 2.6, "marker": "o", "markersize": 3, "zorder": 5}


def plot_curves(search: SearchRecord, path: Path) -> Path:
    """Plot the monitored metric of every trial over epochs; a cross ends a pruned trial."""
    canvas, axes = create_figure(1, 1, 9, 4.6)
    axis = axes[0, 0]
    opacity = layout.line_opacity(len(search.trials))
    for state, style in CURVE_STYLES.items():
        trials = [t for t in search.trials if t.state == state and t.number not in search.best]
        for i, trial in enumerate(t for t in trials if t.curve):
            _plot_curve(axis, trial, {**style, "alpha": opacity}, state if i == 0 else None)
    _plot_best_curves(axis, search)
    layout.scale_y_axis(axis, [score for trial in search.trials for _, score in trial.curve])
    axis.set(xlabel="epochs", ylabel=search.monitor)
    layout.use_integer_ticks(axis.xaxis)
    axis.legend(**layout.LEGEND_ABOVE)
    return save_figure(canvas, path)


def _plot_curve(axis: Any, trial: TrialRecord, style: Mapping[str, Any], name: str | None) -> None:
    """Plot one learning curve; a curve of a single validation is a dot."""
    axis.plot(*layout.split_coordinates(trial.curve), label=name, **style)
    if trial.state == "pruned":
        axis.plot(*trial.curve[-1], "x", color="black", markersize=4, markeredgewidth=0.9)
    elif len(trial.curve) == 1:
        axis.plot(*trial.curve[0], ".", color=style["color"])


def _plot_best_curves(axis: Any, search: SearchRecord) -> None:
    best = [trial for trial in search.best_trials if trial.curve]
    for i, trial in enumerate(best):
        name = f"best, trial {trial.number}" if len(best) == 1 else "Pareto front"
        coordinates = layout.split_coordinates(trial.curve)
        axis.plot(*coordinates, label=name if i == 0 else None, **BEST_STYLE)
