"""Axes, ticks, labels and marks that the figures of a search share."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from rnnlab.plots.figures import BLUE, LOG_RATIO, ORANGE, RED
from rnnlab.sweeps.report.records import Objective
from rnnlab.sweeps.space.parsing import format_literal

MAX_DIMENSIONS = 12  # further dimensions are not drawn
COLOUR_MAP = "viridis"
INFEASIBLE_MARK = {"marker": "X", "color": RED, "s": 34, "linewidths": 0}
LEGEND_ABOVE: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
LEGEND_ABOVE |= {"frameon": False, "fontsize": 8, "ncols": 6}


class ScoredSeeds(Protocol):
    """What a figure shows of a configuration that was trained with several seeds."""

    @property
    def scores(self) -> Mapping[Any, float]: ...
    @property
    def mean(self) -> float: ...
    @property
    def spread(self) -> float | None: ...


def scatter_at_edge(
    axis: Any, positions: Sequence[float], name: str, style: Mapping[str, Any]
) -> None:
    """Draw marks at the lower edge, for trials without a value."""
    if positions:
        edge = axis.get_xaxis_transform()  # x in data, y from 0 to 1
        settings = {**style, "transform": edge, "clip_on": False, "zorder": 4}
        axis.scatter(positions, [0.02] * len(positions), label=name or None, **settings)


def draw_seeds(axis: Any, configurations: Sequence[ScoredSeeds], names: Sequence[str]) -> None:
    """Draw a row for each configuration: a dot per seed, mean and standard deviation."""
    style: dict[str, Any] = {"fmt": "d", "color": ORANGE, "capsize": 5, "markersize": 8}
    for y, one in enumerate(configurations):
        scores = list(one.scores.values())
        axis.scatter(scores, [y] * len(scores), color=BLUE, alpha=0.6, s=22)
        name = "mean ± standard deviation" if y == 0 else None
        axis.errorbar(one.mean, y + 0.22, xerr=one.spread or None, label=name, **style)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.45, -0.45)


def objective_label(objective: Objective) -> str:
    """Return the name of an objective, and which of its values are better."""
    better = "lower" if objective.mode == "min" else "higher"
    return f"{objective.name} ({better} is better)"


def split_coordinates(points: Sequence[Sequence[float]]) -> tuple[Any, Any]:
    """Return the x and the y coordinates of points."""
    array = np.asarray([tuple(point) for point in points], dtype=float).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def is_wide(values: Sequence[float]) -> bool:
    """Return whether values are positive and far apart."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= LOG_RATIO


def scale_y_axis(axis: Any, values: Sequence[float]) -> None:
    """Use a logarithmic vertical axis for values that span decades."""
    finite = [value for value in values if math.isfinite(value)]
    if is_wide(finite):
        axis.set_yscale("log")
        use_plain_ticks(axis.yaxis, min(finite), max(finite))


def use_plain_ticks(axis: Any, low: float, high: float) -> None:
    """Label a logarithmic axis with numbers instead of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    subdivisions = (1, 2, 5) if high / low < 300 else (1,)
    axis.set_major_locator(LogLocator(subs=subdivisions))
    axis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axis.set_minor_formatter(NullFormatter())


def use_integer_ticks(axis: Any) -> None:
    """Place ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def line_opacity(lines: int) -> float:
    """Return the opacity at which a number of lines stays readable."""
    return min(0.75, max(0.15, 40 / max(lines, 1)))


def choice_label(choice: Any) -> str:
    """Return a choice as a short label of an axis."""
    text = f"{choice:.4g}" if isinstance(choice, float) else format_literal(choice)
    return text if len(text) <= 14 else f"{text[:12]}…"
