"""Figures of forecasts. Each function draws one file and returns its path.

N targets, H steps of the horizon, V variables.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, GREY, LINE_COLOURS, ORANGE, shorten_name
from rnnlab.spec import Array

LINE_STYLES = ("--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)), (0, (5, 5)))
FEW_STEPS = 13  # shorter horizons get markers


class PredictionInterval(NamedTuple):
    """An interval that should contain the target.

    Attributes:
        name: of the legend.
        low: lower ends, (examples, H).
        high: upper ends, (examples, H).
    """

    name: str
    low: Array
    high: Array


def draw_forecast_examples(
    examples: Sequence[Mapping[str, Any]],
    truths: Array,
    forecasts: Array,
    intervals: Sequence[PredictionInterval],
    baseline: tuple[str, Array] | None,
    title: str,
    path: Path,
) -> Path:
    """Draw forecasts of one variable in each panel, with its inputs and targets.

    Args:
        examples: `history`, the input values, (L, 1); and perhaps `title`, `label` (the variable
            and its unit), and `times` of the inputs and of the targets, (L + H,).
        truths: targets, (examples, H, 1).
        forecasts: forecasts, (examples, H, 1).
        intervals: prediction intervals, the widest first.
        baseline: name and forecasts (examples, H, 1) of a baseline.
        title: of the figure.
        path: of the PNG.
    """
    rows = -(-len(examples) // 2)
    figure, axes = figures.create_figure(rows, 2, 11, 0.6 + 2.5 * rows)
    figure.suptitle(title)
    horizon = truths.shape[1]
    markers = {"marker": "o", "markersize": 4} if horizon < FEW_STEPS else {}
    for i, (axis, example) in enumerate(zip(axes.flat, examples, strict=False)):
        history = example["history"][-max(24, 3 * horizon) :]
        steps = example.get("times", np.arange(-len(history), horizon))[-len(history) - horizon :]
        past, future = steps[: len(history)], steps[len(history) :]
        axis.plot(past, history[:, 0], color=GREY, linewidth=1, label="input")
        if baseline:
            line = {**markers, "color": GREY, "linestyle": "--"}
            axis.plot(future, baseline[1][i, :, 0], label=baseline[0], **line)
        axis.plot(future, truths[i, :, 0], color=BLUE, label="truth", **markers)
        axis.plot(future, forecasts[i, :, 0], color=ORANGE, label="forecast", **markers)
        _draw_intervals(axis, future, intervals, i)
        axis.set_title(shorten_name(example.get("title", ""), 60), fontsize="small")
        axis.set_ylabel(shorten_name(example.get("label", ""), 36), fontsize="small")
        _label_steps(axis, steps)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, loc="outside lower center", ncols=len(names))
    return figures.save_figure(figure, path)


def _label_steps(axis: Any, steps: Array) -> None:
    """Label the axis of the steps: dates, or the number of the step."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    if np.issubdtype(steps.dtype, np.datetime64):
        locator = AutoDateLocator(minticks=3, maxticks=7)  # some interval fits every range
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        name = "step from the first forecast" if steps[0] < 0 else "step"
        axis.set_xlabel(name, fontsize="small")


def _draw_intervals(
    axis: Any, future: Array, intervals: Iterable[PredictionInterval], example: int
) -> None:
    """Shade the prediction intervals of one example, the inner ones darker."""
    for depth, (name, low, high) in enumerate(intervals):
        alpha = 0.2 + 0.15 * depth
        shade = {"color": ORANGE, "label": name, "alpha": alpha, "zorder": 1}  # behind the lines
        if len(future) == 1:
            axis.vlines(future, low[example], high[example], linewidth=10, **shade)
        else:
            axis.fill_between(future, low[example], high[example], linewidth=0, **shade)


def draw_errors_by_step(
    metrics: Mapping[str, Mapping[str, Array]], residuals: Array, unit: str, path: Path
) -> Path:
    """Draw the squared error of each forecast by step, and the distribution of the residuals.

    `metrics` holds the values of each forecast at each step, (H,), also of `network`, and
    `residuals` forecast - truth of the network, (N, H, V).
    """
    figure, axes = figures.create_figure(1, 2, 11, 4)
    squared_errors = {name: values["mse"] for name, values in metrics.items()}
    if residuals.shape[1] == 1:
        _draw_error_bars(axes[0, 0], squared_errors)
    else:
        _draw_error_lines(axes[0, 0], squared_errors)
    _draw_residuals(axes[0, 1], residuals, f" ({unit})" if unit else "")
    return figures.save_figure(figure, path)


def _draw_error_bars(axis: Any, squared_errors: Mapping[str, Array]) -> None:
    colours = [ORANGE if name == "network" else GREY for name in squared_errors]
    errors = [float(values[0]) for values in squared_errors.values()]
    axis.barh(list(squared_errors), errors, color=colours)
    axis.invert_yaxis()
    axis.set(xlabel="mean squared error", title="error")


def _draw_error_lines(axis: Any, squared_errors: Mapping[str, Array]) -> None:
    styles, colours = cycle(LINE_STYLES), cycle(LINE_COLOURS)
    for name, values in squared_errors.items():
        ours = name == "network"
        other = {"color": next(colours), "linestyle": next(styles)}
        line = {"color": ORANGE, "linewidth": 2, "zorder": 3} if ours else other
        axis.plot(np.arange(1, len(values) + 1), values, label=name, **line)
    axis.set(xlabel="step of the horizon", ylabel="mean squared error", title="error by step")
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False, fontsize="small")


def _draw_residuals(axis: Any, residuals: Array, unit: str) -> None:
    """Draw the mean residual of each step, and the middle 90% and 50%."""
    horizon = residuals.shape[1]
    steps, marker = np.arange(1, horizon + 1), "o" if horizon == 1 else ""
    for low, high, alpha in ((0.05, 0.95, 0.15), (0.25, 0.75, 0.35)):
        ends = np.nanquantile(residuals, [low, high], axis=(0, 2))
        label = f"middle {high - low:.0%}"
        if horizon == 1:
            axis.vlines(steps, *ends, color=BLUE, alpha=2 * alpha, linewidth=20, label=label)
        else:
            axis.fill_between(steps, *ends, color=BLUE, alpha=alpha, linewidth=0, label=label)
    axis.plot(steps, np.nanmean(residuals, axis=(0, 2)), color=BLUE, marker=marker, label="mean")
    axis.axhline(0, color=GREY, linewidth=0.8)
    axis.set(
        xlabel="step of the horizon", ylabel=f"forecast - truth{unit}", title="residuals by step"
    )
    axis.legend(frameon=False, fontsize="small")


def draw_forecast_scatter(truths: Array, forecasts: Array, unit: str, path: Path) -> Path:
    """Draw each forecast (N,) against its target, and a histogram of the errors.

    `unit` is that of the values, such as standard deviations; it may be empty.
    """
    unit = f" ({unit})" if unit else ""
    figure, axes = figures.create_figure(1, 2, 11, 4)
    cloud, histogram = axes[0]
    cloud.scatter(truths, forecasts, s=4, alpha=0.3, color=BLUE, linewidths=0)
    low, high = float(truths.min()), float(truths.max())
    cloud.plot([low, high], [low, high], color=GREY, linewidth=1)
    cloud.set(
        xlabel=f"truth{unit}", ylabel=f"forecast{unit}", title=f"test: {len(truths):,} forecasts"
    )
    histogram.hist(forecasts - truths, bins=60, color=BLUE)
    histogram.set(xlabel=f"forecast - truth{unit}", title="errors")
    return figures.save_figure(figure, path)
