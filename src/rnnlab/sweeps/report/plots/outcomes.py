"""Importance of the settings, failures, and repeated configurations."""

from collections.abc import Mapping
from pathlib import Path

from rnnlab.metrics.significance import Comparison
from rnnlab.plots.figures import BLUE, RED, create_figure, save_figure
from rnnlab.sweeps.report.plots import layout
from rnnlab.sweeps.report.records import END_STATES, SearchRecord


def plot_importance(shares: Mapping[str, float], path: Path) -> Path:
    """Plot the importance of each searched setting: setting -> share; the shares sum to 1."""
    canvas, axes = create_figure(1, 1, 8, 1.2 + 0.36 * len(shares))
    axis = axes[0, 0]
    items = sorted(shares.items(), key=lambda item: item[1])
    bars = axis.barh([name for name, _ in items], [share for _, share in items], color=BLUE)
    axis.bar_label(bars, [_format_share(share) for _, share in items], padding=3, fontsize=9)
    axis.margins(x=0.1)
    axis.set_xlabel("share of the importance")
    axis.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    return save_figure(canvas, path)


def _format_share(share: float) -> str:
    return "< 1%" if 0 < share < 0.005 else f"{share:.0%}"


def plot_failures(search: SearchRecord, path: Path) -> Path:
    """Plot the number of trials with each class of failure; there is at least one."""
    counts = search.count_failures()
    canvas, axes = create_figure(1, 1, 8, 1.2 + 0.4 * len(counts))
    axis = axes[0, 0]
    trials = len(search.select(*END_STATES))
    names = list(reversed(counts))
    bars = axis.barh(names, [counts[name] for name in names], color=RED)
    axis.bar_label(bars, padding=3)
    axis.set_xlabel(f"of {trials} trials that ended")
    axis.margins(x=0.1)
    layout.use_integer_ticks(axis.xaxis)
    return save_figure(canvas, path)


def plot_repeats(comparison: Comparison, metric: str, path: Path) -> Path:
    """Plot every repeated configuration: a dot per seed, mean and standard deviation."""
    configurations = [one for one in comparison.configurations if one.scores]
    canvas, axes = create_figure(1, 1, 8, 1.4 + 0.6 * len(configurations))
    axis = axes[0, 0]
    seeds = [f"{len(one.scores)} seed{'s' * (len(one.scores) != 1)}" for one in configurations]
    names = [f"trial {one.number}\n{s}" for one, s in zip(configurations, seeds, strict=True)]
    layout.draw_seeds(axis, configurations, names)
    axis.set_xlabel(metric)
    axis.grid(axis="x", alpha=0.3)
    axis.legend(**layout.LEGEND_ABOVE)
    return save_figure(canvas, path)
