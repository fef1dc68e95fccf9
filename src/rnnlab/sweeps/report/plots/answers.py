"""Figures of the answer of a study."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rnnlab.comparison.result import RunComparison
from rnnlab.plots.figures import GREY, LINE_COLOURS, ORANGE, create_figure, save_figure
from rnnlab.sweeps.report.plots import layout

MARKERS = "osD^vP*X"  # of the levels, which differ in their colours, too


class ScoredConfiguration(Protocol):
    """What a figure of a Pareto front shows of a configuration."""

    @property
    def label(self) -> str: ...
    @property
    def mean(self) -> float: ...
    @property
    def spread(self) -> float: ...
    @property
    def cost(self) -> float: ...
    @property
    def is_optimal(self) -> bool: ...


def plot_levels(comparison: RunComparison, path: Path) -> Path:
    """Plot each level: a dot per seed, mean and standard deviation; the best baseline as a line."""
    groups = comparison.groups
    canvas, axes = create_figure(1, 1, 8, 1.4 + 0.6 * len(groups))
    axis = axes[0, 0]
    names = [f"{one.group.label}\n{len(one.scores)} seeds" for one in groups]
    layout.draw_seeds(axis, groups, names)
    if baseline := groups[0].best_baseline(comparison.metric, comparison.mode):
        name = f"best baseline: {baseline[0]}"
        axis.axvline(baseline[1], color=GREY, linestyle="--", linewidth=1.2, label=name)
    better = "lower" if comparison.mode == "min" else "higher"
    axis.set_xlabel(f"{comparison.metric} ({better} is better)")
    axis.grid(axis="x", alpha=0.3)
    axis.legend(**layout.LEGEND_ABOVE)
    return save_figure(canvas, path)


def plot_configurations(
    front: Sequence[ScoredConfiguration], metric: str, cost: str, mode: str, path: Path
) -> Path:
    """Plot mean score over cost for each configuration, and the Pareto front."""
    canvas, axes = create_figure(1, 1, 10, 5)
    axis = axes[0, 0]
    for is_optimal, colour in ((False, GREY), (True, ORANGE)):
        members = [one for one in front if one.is_optimal == is_optimal]
        xs, ys = [one.cost for one in members], [one.mean for one in members]
        name = "on the Pareto front" if is_optimal else "other configurations"
        bars = [one.spread for one in members]
        if members:
            axis.errorbar(xs, ys, yerr=bars, fmt="o", color=colour, capsize=3, label=name)
    draw_front(axis, [one for one in front if one.is_optimal])
    for name, scale_axis, values in (
        ("x", axis.xaxis, [one.cost for one in front]),
        ("y", axis.yaxis, [one.mean for one in front]),
    ):
        if layout.is_wide(values):
            axis.set(**{f"{name}scale": "log"})
            layout.use_plain_ticks(scale_axis, min(values), max(values))
    show_means(axis, front)
    better = "lower" if mode == "min" else "higher"
    axis.set(xlabel=f"{cost} (median)", ylabel=f"{metric}, mean ± deviation ({better} is better)")
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return save_figure(canvas, path)


def draw_front(axis: Any, optimal: Sequence[ScoredConfiguration]) -> None:
    """Draw a line through the Pareto front, and a number at each point, which the legend explains.

    The points of a front are often too close for their names.
    """
    costs, means = [one.cost for one in optimal], [one.mean for one in optimal]
    axis.step(costs, means, where="post", color=ORANGE, linewidth=1.2)
    for number, one in enumerate(optimal, 1):
        offset: dict[str, Any] = {"xytext": (6, 4), "textcoords": "offset points"}
        axis.annotate(str(number), (one.cost, one.mean), fontsize=9, fontweight="bold", **offset)
        style = {"marker": f"${number}$", "color": "black", "linestyle": "none"}
        axis.plot([], [], label=shorten_settings(one.label), **style)


def show_means(axis: Any, front: Sequence[ScoredConfiguration]) -> None:
    """Let a linear y axis end at the means: one large deviation would hide their differences."""
    bars = [one.spread if one.is_optimal else 0.0 for one in front]
    low = min(one.mean - bar for one, bar in zip(front, bars, strict=True))
    high = max(one.mean + bar for one, bar in zip(front, bars, strict=True))
    margin = 0.06 * (high - low)
    if axis.get_yscale() == "linear" and margin > 0:
        axis.set_ylim(low - margin, high + margin)


def shorten_settings(label: str) -> str:
    """Return a label without the groups of its settings.

    >>> shorten_settings("model.hidden_size=8, data.seq_len=10")
    'hidden_size=8, seq_len=10'
    """
    return re.sub(r"\b[a-z_.]+\.(?=[a-z_]+=)", "", label)


def plot_curves_by_level(
    curves: Mapping[str, Sequence[float]], names: Sequence[str], covariate: str, path: Path
) -> Path:
    """Plot the mean score of each level over the bins of a covariate."""
    canvas, axes = create_figure(1, 1, 8, 4.6)
    axis = axes[0, 0]
    for i, (level, scores) in enumerate(curves.items()):
        style = {
            "marker": MARKERS[i % len(MARKERS)],
            "color": LINE_COLOURS[i % len(LINE_COLOURS)],
        }
        axis.plot(range(len(scores)), scores, label=level, **style)
    axis.set_xticks(range(len(names)), names)
    axis.set(xlabel=covariate.rpartition("_by_")[2], ylabel=covariate)
    axis.legend(fontsize=8, frameon=False)
    return save_figure(canvas, path)


def plot_shares(levels: Mapping[str, Mapping[str, float]], path: Path) -> Path:
    """Plot the importance of each setting: one group of bars per level of a factor."""
    settings = list(dict.fromkeys(name for shares in levels.values() for name in shares))
    canvas, axes = create_figure(1, 1, 8, 1.6 + 0.35 * len(settings) * len(levels))
    axis = axes[0, 0]
    if not levels:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "The importance is not known yet.", ha="center", va="center")
        return save_figure(canvas, path)
    height = 0.8 / len(levels)
    for i, (label, shares) in enumerate(levels.items()):
        positions = [y + (i - (len(levels) - 1) / 2) * height for y in range(len(settings))]
        widths = [shares.get(name, 0.0) for name in settings]
        axis.barh(positions, widths, height, label=label, color=LINE_COLOURS[i % len(LINE_COLOURS)])
    axis.set_yticks(range(len(settings)), settings)
    axis.invert_yaxis()
    axis.set_xlabel("share of the importance")
    axis.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axis.legend(**layout.LEGEND_ABOVE)
    return save_figure(canvas, path)
