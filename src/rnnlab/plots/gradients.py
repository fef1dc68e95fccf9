"""Gradient norms over epochs, and gradients through time."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnlab.metrics.gradient_health import VANISHING
from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, GREY, LINE_COLOURS, ORANGE

MAX_LAYERS = 6  # lines of a figure


def draw_gradient_health(
    epochs: Sequence[Mapping[str, float]],
    through_time: Mapping[str, Mapping[int, float]],
    path: Path,
) -> Path:
    """Draw quantiles of the gradient norm with the threshold, and gradients through time.

    Args:
        epochs: metric -> value; see rnnlab.metrics.gradient_health.
        through_time: layer -> steps before the last one -> size of the gradient; may be empty.
        path: of the PNG.
    """
    columns = 2 if through_time else 1
    figure, axes = figures.create_figure(1, columns, 5.5 * columns, 4)
    draw_norms(axes[0, 0], [epoch for epoch in epochs if "grad_norm/median" in epoch])
    if through_time:
        draw_through_time(axes[0, 1], through_time)
    return figures.save_figure(figure, path)


def draw_norms(axis: Any, epochs: Sequence[Mapping[str, float]]) -> None:
    """Draw the median of the gradient norm of each epoch, its range, and the threshold."""
    places = [int(epoch["epoch"]) + 1 for epoch in epochs]
    low, median, high, largest = (
        [epoch[f"grad_norm/{name}"] for epoch in epochs] for name in ("p10", "median", "p90", "max")
    )
    axis.fill_between(places, low, high, color=BLUE, alpha=0.2, label="10% to 90% of the steps")
    axis.plot(places, median, color=BLUE, marker="o", label="median")
    axis.plot(places, largest, color=GREY, linewidth=0.8, marker=".", label="largest")
    thresholds = [epoch.get("clip_threshold", math.nan) for epoch in epochs]
    if any(map(math.isfinite, thresholds)):
        style = {"color": ORANGE, "linestyle": "--", "marker": "_"}  # also of one epoch
        axis.plot(places, thresholds, label="clip threshold", **style)
    figures.use_log_scale(axis, [*low, *largest, *thresholds])
    axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axis.set(xlabel="epoch", title="gradient norm before clipping")
    axis.legend(frameon=False)


def draw_through_time(axis: Any, through_time: Mapping[str, Mapping[int, float]]) -> None:
    """Draw the size of the gradient of each layer, with the line below which it has vanished."""
    lines = [*through_time.items()][:MAX_LAYERS]
    for (name, curve), colour in zip(lines, LINE_COLOURS, strict=False):
        points = [(k, value) for k, value in curve.items() if 0 < value < math.inf]
        axis.plot(*zip(*points, strict=True), color=colour, marker=".", label=name)
    axis.axhline(VANISHING, color=ORANGE, linestyle="--", label=f"{VANISHING:.0%}")
    axis.set_yscale("log")
    axis.invert_xaxis()
    axis.set(xlabel="steps before the last one", title="gradient through time, last step = 1")
    axis.legend(frameon=False)
