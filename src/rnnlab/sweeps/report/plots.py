"""Pictures that a search leaves behind. Each function draws one file and returns its path."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.metrics.significance import Comparison
from rnnlab.plots.figures import BLUE, GREY, ORANGE, RED, figure, save
from rnnlab.sweeps.report.records import Dimension, Objective, Search, Trial

KNOBS = ("optimizer.lr", "data.seq_len", "data.batch_size", "trainer.gradient_clip_val")
DECADES = 30.0  # largest / smallest value from which an axis is logarithmic
COLUMNS = 4  # slices in a row
MANY = 12  # dimensions; of more only the first are drawn
COLOURS = "viridis"
PRUNED = {"marker": "v", "facecolors": "none", "edgecolors": GREY, "s": 26, "linewidths": 1}
INFEASIBLE = {"marker": "X", "color": RED, "s": 34, "linewidths": 0}
FAILED = {"marker": "x", "color": "black", "s": 28, "linewidths": 1.2}


def history(search: Search, path: Path) -> Path:
    """The score of each trial by its number, the best so far as a line; a panel an objective.

    Trials that ended without a score stand at the lower edge.
    """
    count = len(search.objectives)
    made, axes = figure(count, 1, 9, 1 + 3.4 * count)
    for i, axis in enumerate(axes.flat):
        _history_panel(axis, search, i)
    axes[-1, 0].set_xlabel("trial")
    axes[-1, 0].set_xlim(-0.5, max((t.number for t in search.trials), default=0) + 0.5)
    _whole_numbers(axes[-1, 0].xaxis)
    for axis in axes[:-1, 0]:
        axis.sharex(axes[-1, 0])
    return save(made, path)


def _history_panel(axis: Any, search: Search, objective: int) -> None:
    shown = [t for t in search.complete if math.isfinite(t.values[objective])]
    points = [(t.number, t.values[objective]) for t in shown]
    axis.scatter(*_columns(points), color=BLUE, s=26, linewidths=0, label="complete", zorder=3)
    records = search.best_so_far(objective)
    if records:
        numbers, values = _columns([*records, (search.trials[-1].number, records[-1][1])])
        axis.step(numbers, values, where="post", color=ORANGE, label="best so far")
    pruned = [(t.number, search.score_of(t, objective)) for t in search.of("pruned")]
    _scored_or_at_edge(axis, pruned, "pruned", PRUNED)
    _at_edge(axis, [t.number for t in search.of("infeasible")], "infeasible", INFEASIBLE)
    _at_edge(axis, [t.number for t in search.of("failed")], "failed", FAILED)
    seen = [value for _, value in [*points, *pruned] if value is not None]
    _logarithmic_if_wide(axis, seen)
    axis.set_ylabel(_goal(search.objectives[objective]))
    axis.legend(**_OUTSIDE)


_OUTSIDE: dict[str, Any] = {
    "frameon": False,
    "fontsize": 8,
    "loc": "lower center",
    "bbox_to_anchor": (0.5, 1.0),
    "ncols": 6,
}


def _scored_or_at_edge(
    axis: Any, points: Sequence[tuple[float, float | None]], name: str, style: Mapping[str, Any]
) -> None:
    """Draw points where their value is; those without one at the lower edge."""
    scored = [(x, y) for x, y in points if y is not None and math.isfinite(y)]
    if scored:
        axis.scatter(*_columns(scored), label=name, **style)
    _at_edge(axis, [x for x, y in points if y is None], "" if scored else name, style)


def _at_edge(axis: Any, places: Sequence[float], name: str, style: Mapping[str, Any]) -> None:
    """Marks at the lower edge, for what has a place but no value."""
    if places:
        edge = axis.get_xaxis_transform()  # x in data, y from 0 to 1
        settings = {**style, "transform": edge, "clip_on": False, "zorder": 4}
        axis.scatter(places, [0.02] * len(places), label=name or None, **settings)


def importance(shares: Mapping[str, float], path: Path) -> Path:
    """How much each searched setting has to do with being among the best trials.

    Args:
        shares: setting -> share, which sum to 1.
        path: of the PNG.
    """
    made, axes = figure(1, 1, 8, 1.2 + 0.36 * len(shares))
    axis = axes[0, 0]
    ranked = sorted(shares.items(), key=lambda item: item[1])
    bars = axis.barh([name for name, _ in ranked], [share for _, share in ranked], color=BLUE)
    axis.bar_label(bars, [_percent(share) for _, share in ranked], padding=3, fontsize=9)
    axis.margins(x=0.1)
    axis.set_xlabel("share of the importance")
    axis.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    return save(made, path)


def _percent(share: float) -> str:
    return "< 1%" if 0 < share < 0.005 else f"{share:.0%}"


def parallel(search: Search, path: Path) -> Path:
    """A line a trial through the values that it had, coloured by its first objective.

    A trial has a gap where a setting did not apply to it; such settings stand last. Pruned trials
    are drawn in grey.
    """
    began = [trial for trial in search.trials if trial.params]
    ordered = sorted(search.dimensions, key=lambda d: any(d.name not in t.params for t in began))
    dimensions = ordered[:MANY]
    made, axes = figure(1, 1, min(2.2 + 1.7 * len(dimensions), 15), 4.6)
    axis = axes[0, 0]
    _upright_axes(axis, dimensions)
    colours = score_colours(search)
    _polylines(axis, search, dimensions, colours)
    if search.complete:
        _score_bar(made, axis, search, colours)
    return save(made, path)


def _polylines(axis: Any, search: Search, dimensions: Sequence[Dimension], colours: Any) -> None:
    """The pruned trials in grey, the complete ones in their colours, the best ones bold."""
    for trial in search.of("pruned"):
        _polyline(axis, trial, dimensions, color=GREY, alpha=0.35, linewidth=0.7)
    faint = _faint(len(search.complete))
    for trial in best_last(search):
        best = trial.number in search.best
        style = {"linewidth": 3.2 if best else 1.2, "alpha": 1.0 if best else faint}
        _polyline(axis, trial, dimensions, color=colours.to_rgba(trial.values[0]), **style)


def _score_bar(made: Any, axis: Any, search: Search, colours: Any) -> None:
    """What each colour means."""
    beyond = "max" if search.objectives[0].mode == "min" else "min"
    bar = made.colorbar(colours, ax=axis, pad=0.02, extend=beyond)
    bar.set_label(f"{search.objectives[0].name} (best bold)")
    bar.outline.set_visible(False)
    if _is_wide(colours.get_clim()):
        _plain_numbers(bar.ax.yaxis, *colours.get_clim())


def best_last(search: Search) -> list[Trial]:
    """The complete trials, so that the better are drawn over the worse."""
    falling = search.objectives[0].mode == "min"
    return sorted(search.complete, key=lambda trial: trial.values[0], reverse=falling)


def score_colours(search: Search) -> Any:
    """From a score to a colour; the worst tenth of the trials has the colour of its best one.

    Otherwise a few trials that failed to learn would leave one colour for all others. The scale is
    logarithmic where scores span decades.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    finite = [t.values[0] for t in search.complete if math.isfinite(t.values[0])] or [0.0, 1.0]
    lower = search.objectives[0].mode == "min"
    ends = np.percentile(finite, [0, 90] if lower else [10, 100])
    low, high = float(ends[0]), float(ends[1])
    return ScalarMappable((LogNorm if _is_wide([low, high]) else Normalize)(low, high), COLOURS)


def _faint(lines: int) -> float:
    """How opaque each of so many lines is."""
    return min(0.75, max(0.15, 40 / max(lines, 1)))


def _polyline(axis: Any, trial: Trial, dimensions: Sequence[Dimension], **style: Any) -> None:
    """One trial; where it lacks a setting the line is broken, so its points are marked."""
    heights = [
        _height(dimension, trial.params[dimension.name])
        if dimension.name in trial.params
        else math.nan
        for dimension in dimensions
    ]
    axis.plot(range(len(heights)), heights, marker="o", markersize=2.5, **style)


def _height(dimension: Dimension, value: Any) -> float:
    """Where a value stands between the two ends of its dimension, 0..1.

    One that no longer is among the choices has no place.
    """
    if dimension.choices and value not in dimension.choices:
        return math.nan
    return _between(dimension, dimension.place(value))


def _between(dimension: Dimension, place: float) -> float:
    low, high = dimension.low, dimension.high
    if low == high:
        return 0.5
    if dimension.log:
        return math.log(place / low) / math.log(high / low)
    return (place - low) / (high - low)


def _upright_axes(axis: Any, dimensions: Sequence[Dimension]) -> None:
    """A vertical axis for each dimension, with its name below."""
    for x, dimension in enumerate(dimensions):
        _upright_axis(axis, x, dimension)
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_xticks(range(len(dimensions)), [_broken(d.name) for d in dimensions], fontsize=8)
    axis.tick_params(axis="x", length=0, pad=8)
    axis.set(yticks=[], xlim=(-0.25, len(dimensions) - 0.8), ylim=(-0.04, 1.04))


def _upright_axis(axis: Any, x: int, dimension: Dimension) -> None:
    """A line with ticks at one place of the parallel coordinates."""
    axis.plot([x, x], [0, 1], color="black", linewidth=0.8, zorder=1)
    for place, text in _ticks(dimension):
        height = _between(dimension, place)
        axis.plot([x - 0.015, x], [height, height], color="black", linewidth=0.8, zorder=1)
        style: dict[str, Any] = {"fontsize": 8, "ha": "right", "va": "center", "parse_math": False}
        box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.6}
        axis.text(x - 0.03, height, text, bbox=box, zorder=5, **style)


def _ticks(dimension: Dimension) -> list[tuple[float, str]]:
    """Places and names: each choice, or both ends and what is round between them."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if dimension.choices:
        return [(i, _short(choice)) for i, choice in enumerate(dimension.choices)]
    low, high = dimension.low, dimension.high
    if low == high:
        return [(low, f"{low:.4g}")]
    whole = isinstance(low, int)
    locator = LogLocator() if dimension.log else MaxNLocator(4, integer=whole)
    between = [float(tick) for tick in locator.tick_values(low, high)]
    inner = [tick for tick in between if 0.07 < _inside(dimension, tick) < 0.93]
    return [(tick, f"{tick:.4g}") for tick in (low, *inner, high)]


def _inside(dimension: Dimension, tick: float) -> float:
    return _between(dimension, tick) if dimension.low <= tick <= dimension.high else -1.0


def slices(search: Search, path: Path) -> Path:
    """Each searched setting against the first objective; the four knobs first.

    The colour is the number of the trial: where the sampler went at last is light. Settings of
    trials that could not be done are marked at the lower edge.
    """
    dimensions = knobs_first(search.dimensions)[:MANY]
    columns = min(COLUMNS, len(dimensions))
    rows = -(-len(dimensions) // columns)
    made, axes = figure(rows, columns, 1.2 + 2.9 * columns, 0.5 + 2.9 * rows)
    drawn = None
    for axis, dimension in zip(axes.flat, dimensions, strict=False):
        drawn = _slice(axis, search, dimension)
    for axis in axes.flat[len(dimensions) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(search.objectives[0].name)
    if drawn is not None:
        bar = made.colorbar(drawn, ax=axes, label="trial", pad=0.01)
        _whole_numbers(bar.ax.yaxis)
        bar.outline.set_visible(False)
    return save(made, path)


def knobs_first(dimensions: Iterable[Dimension]) -> list[Dimension]:
    """The four knobs in their order, then the others in theirs."""

    def rank(dimension: Dimension) -> int:
        return KNOBS.index(dimension.name) if dimension.name in KNOBS else len(KNOBS)

    return sorted(dimensions, key=rank)


def _slice(axis: Any, search: Search, dimension: Dimension) -> Any:
    """One setting against the score."""
    known = [t for t in search.complete if _has(t, dimension) and math.isfinite(t.values[0])]
    points = [(dimension.place(t.params[dimension.name]), t.values[0]) for t in known]
    last = max((trial.number for trial in search.trials), default=0)
    style: dict[str, Any] = {"cmap": COLOURS, "vmin": 0, "vmax": max(last, 1), "s": 26}
    colours = [trial.number for trial in known]
    drawn = axis.scatter(*_columns(points), c=colours, edgecolors="white", linewidths=0.4, **style)
    _mark_infeasible(axis, search, dimension)
    _logarithmic_if_wide(axis, [value for _, value in points])
    _along(axis, dimension)
    return drawn


def _mark_infeasible(axis: Any, search: Search, dimension: Dimension) -> None:
    """Mark at the lower edge the values of trials that could not be done."""
    lost = [t for t in search.of("infeasible") if _has(t, dimension)]
    _at_edge(axis, [dimension.place(t.params[dimension.name]) for t in lost], "", INFEASIBLE)
    if lost:
        axis.set_title("✖ infeasible", fontsize=8, color=RED, loc="right")


def _has(trial: Trial, dimension: Dimension) -> bool:
    if dimension.name not in trial.params:
        return False
    return not dimension.choices or trial.params[dimension.name] in dimension.choices


def _along(axis: Any, dimension: Dimension) -> None:
    """The horizontal axis of a dimension, from end to end."""
    axis.set_xlabel(dimension.name, fontsize=9)
    if dimension.choices:
        names = [_short(choice) for choice in dimension.choices]
        crowded = sum(map(len, names)) > 22
        axis.set_xticks(range(len(names)), names, rotation=30 if crowded else 0, fontsize=8)
        axis.set_xlim(-0.5, len(names) - 0.5)
    elif dimension.log:
        ends = (dimension.low, dimension.high)
        margin = (ends[1] / ends[0]) ** 0.05 if ends[0] != ends[1] else 1.5
        axis.set_xscale("log")
        axis.set_xlim(ends[0] / margin, ends[1] * margin)
        if ends[1] / ends[0] < 100:
            _three_ticks(axis, dimension)
    else:
        margin = 0.05 * (dimension.high - dimension.low) or 0.5
        axis.set_xlim(dimension.low - margin, dimension.high + margin)


def _three_ticks(axis: Any, dimension: Dimension) -> None:
    """Both ends and their middle, where there are hardly any powers of ten."""
    from matplotlib.ticker import NullLocator

    middle = float(f"{math.sqrt(dimension.low * dimension.high):.2g}")
    places = [dimension.low, middle, dimension.high]
    axis.set_xticks(places, [f"{place:.4g}" for place in places])
    axis.xaxis.set_minor_locator(NullLocator())


CURVES: dict[str, dict[str, Any]] = {  # state of a trial -> how its curve is drawn
    "complete": {"color": BLUE, "linewidth": 1.1},
    "pruned": {"color": GREY, "linewidth": 0.7},
    "running": {"color": BLUE, "linestyle": ":", "linewidth": 1.1},
    "infeasible": {"color": RED, "linewidth": 0.8},
    "failed": {"color": RED, "linestyle": ":", "linewidth": 0.8},
}


def curves(search: Search, path: Path) -> Path:
    """The monitored metric of every trial over epochs; pruned ones end at a cross."""
    made, axes = figure(1, 1, 9, 4.6)
    axis = axes[0, 0]
    faint = _faint(len(search.trials))
    for state, style in CURVES.items():
        shown = [t for t in search.trials if t.state == state and t.number not in search.best]
        for i, trial in enumerate(t for t in shown if t.curve):
            _curve(axis, trial, {**style, "alpha": faint}, state if i == 0 else None)
    _best_curves(axis, search)
    _logarithmic_if_wide(axis, [score for trial in search.trials for _, score in trial.curve])
    axis.set(xlabel="epochs", ylabel=search.monitor)
    _whole_numbers(axis.xaxis)
    axis.legend(**_OUTSIDE)
    return save(made, path)


def _curve(axis: Any, trial: Trial, style: Mapping[str, Any], name: str | None) -> None:
    """One learning curve; one of a single validation is a dot."""
    axis.plot(*_columns(trial.curve), label=name, **style)
    if trial.state == "pruned":
        axis.plot(*trial.curve[-1], "x", color="black", markersize=4, markeredgewidth=0.9)
    elif len(trial.curve) == 1:
        axis.plot(*trial.curve[0], ".", color=style["color"])


def _best_curves(axis: Any, search: Search) -> None:
    marked = {"color": ORANGE, "linewidth": 2.6, "marker": "o", "markersize": 3, "zorder": 5}
    best = [trial for trial in search.trials if trial.number in search.best and trial.curve]
    for i, trial in enumerate(best):
        name = f"best, trial {trial.number}" if len(best) == 1 else "Pareto front"
        axis.plot(*_columns(trial.curve), label=name if i == 0 else None, **marked)


def failures(search: Search, path: Path) -> Path:
    """How many trials ended with each class of failure; a sentence where none did."""
    found = search.failures()
    made, axes = figure(1, 1, 8, 1.2 + 0.4 * max(len(found), 1))
    axis = axes[0, 0]
    ended = len(search.of("complete", "pruned", "infeasible", "failed"))
    if not found:
        axis.set_axis_off()
        words = f"Nothing went wrong in {ended} trial{'s' * (ended != 1)}."
        axis.text(0.5, 0.5, words, ha="center", va="center", fontsize=12)
        return save(made, path)
    names = list(reversed(found))
    bars = axis.barh(names, [found[name] for name in names], color=RED)
    axis.bar_label(bars, padding=3)
    axis.set_xlabel(f"of {ended} trials that ended")
    axis.margins(x=0.1)
    _whole_numbers(axis.xaxis)
    return save(made, path)


def pareto(search: Search, path: Path) -> Path:
    """Two objectives against each other; the trials that no other one beats in both are joined."""
    made, axes = figure(1, 1, 7, 5)
    axis = axes[0, 0]
    others = [t.values for t in search.complete if t.number not in search.best]
    axis.scatter(*_columns(others), color=GREY, s=26, linewidths=0, label="complete")
    _front(axis, search)
    axis.set(xlabel=_goal(search.objectives[0]), ylabel=_goal(search.objectives[1]))
    for i, (name, along) in enumerate((("x", axis.xaxis), ("y", axis.yaxis))):
        values = [trial.values[i] for trial in search.complete]
        if _is_wide(values):
            axis.set(**{f"{name}scale": "log"})
            _plain_numbers(along, min(values), max(values))
    axis.legend(**_OUTSIDE)
    return save(made, path)


def _front(axis: Any, search: Search) -> None:
    """The trials of the front with their numbers, and the edge of what they beat."""
    best = [trial for trial in search.complete if trial.number in search.best]
    front = sorted(trial.values for trial in best)
    axis.step(*_columns(front), where=_corner(search), color=ORANGE, linewidth=1.2)
    axis.scatter(*_columns(front), color=ORANGE, s=48, zorder=3, label="Pareto front")
    for trial in best:
        place = {"xytext": (5, 5), "textcoords": "offset points", "fontsize": 8}
        axis.annotate(str(trial.number), trial.values, **place)


def _corner(search: Search) -> str:
    """On which side the region that the front beats has its steps."""
    return "post" if search.objectives[0].mode == "min" else "pre"


def repeats(compared: Comparison, metric: str, path: Path) -> Path:
    """Every repeated configuration: a dot a seed, its mean and standard deviation.

    Args:
        compared: the configurations, best first.
        metric: name of the score.
        path: of the PNG.
    """
    shown = [one for one in compared.configurations if one.scores]
    made, axes = figure(1, 1, 8, 1.4 + 0.6 * len(shown))
    axis = axes[0, 0]
    for y, one in enumerate(shown):
        axis.scatter(list(one.scores.values()), [y] * len(one.scores), color=BLUE, alpha=0.6, s=22)
        bar: dict[str, Any] = {"fmt": "d", "color": ORANGE, "capsize": 5, "markersize": 8}
        name = "mean ± standard deviation" if y == 0 else None
        axis.errorbar(one.mean, y + 0.22, xerr=one.spread or None, label=name, **bar)
    names = [f"trial {one.number}\n{_seeds(len(one.scores))}" for one in shown]
    axis.set_yticks(range(len(shown)), names)
    axis.set_ylim(len(shown) - 0.45, -0.45)
    axis.set_xlabel(metric)
    axis.grid(axis="x", alpha=0.3)
    axis.legend(**_OUTSIDE)
    return save(made, path)


def _goal(objective: Objective) -> str:
    better = "lower" if objective.mode == "min" else "higher"
    return f"{objective.name} ({better} is better)"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _columns(points: Sequence[Sequence[float]]) -> tuple[Any, Any]:
    """Points as their two coordinates."""
    array = np.asarray([tuple(point) for point in points], dtype=float).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _is_wide(values: Sequence[float]) -> bool:
    """Whether values span decades, and have logarithms."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= DECADES


def _logarithmic_if_wide(axis: Any, values: Sequence[float]) -> None:
    finite = [value for value in values if math.isfinite(value)]
    if _is_wide(finite):
        axis.set_yscale("log")
        _plain_numbers(axis.yaxis, min(finite), max(finite))


def _plain_numbers(axis: Any, low: float, high: float) -> None:
    """Ticks of a logarithmic axis as numbers, not as powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    between = (1, 2, 5) if high / low < 300 else (1,)
    axis.set_major_locator(LogLocator(subs=between))
    axis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axis.set_minor_formatter(NullFormatter())


def _whole_numbers(axis: Any) -> None:
    """Ticks at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _broken(name: str) -> str:
    """A dotted key in two lines."""
    return name.replace(".", ".\n", 1)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _short(choice: Any) -> str:
    """A choice as it fits on an axis."""
    names = {None: "null", True: "true", False: "false"}
    is_name = choice is None or isinstance(choice, bool)
    text = names[choice] if is_name else _number(choice)
    return text if len(text) <= 14 else f"{text[:12]}…"
