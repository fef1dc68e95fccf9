"""Pictures that a run leaves behind. Each function draws one file and returns its path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLUE, ORANGE, GREY, RED = "#2f6db5", "#e08a1e", "#8a8f98", "#c0392b"


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure that needs no screen and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    unfinished = path.with_name(f".{path.name}")
    figure.savefig(unfinished, dpi=120, format="png")
    unfinished.replace(path)
    return path


def learning_curves(
    rows: Sequence[Mapping[str, Any]],
    metric: str,
    best_step: int | None,
    baseline: tuple[str, float] | None,
    path: Path,
) -> Path:
    """The loss of training and validation, and the monitored metric, over steps.

    Args:
        rows: of metrics.csv.
        metric: the monitored one, such as val/accuracy.
        best_step: step of the best checkpoint.
        baseline: name and value to draw beside the metric.
        path: of the PNG.
    """
    figure, axes = _figure(1, 2, 11, 4)
    losses, scores = axes[0]
    for name, colour, marker in (("train/loss", GREY, ""), ("val/loss", BLUE, "o")):
        losses.plot(*_curve(rows, name), color=colour, marker=marker, label=name)
    scores.plot(*_curve(rows, metric), color=BLUE, marker="o", label=metric)
    if baseline:
        scores.axhline(baseline[1], color=ORANGE, linestyle="--", label=f"{baseline[0]} baseline")
    for axis, title in ((losses, "loss"), (scores, metric)):
        if best_step is not None:
            axis.axvline(best_step, color=GREY, linewidth=0.8, linestyle=":", label="best")
        axis.set(xlabel="step", title=title)
        axis.legend(frameon=False)
    return _save(figure, path)


def _curve(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
    return [step for step, _ in points], [value for _, value in points]


def confusion_matrix(counts: NDArray[Any], names: Sequence[str], path: Path) -> Path:
    """Counts of each labelled class (row) that was predicted as each class (column).

    Args:
        counts: (classes, classes).
        names: of the classes.
        path: of the PNG.
    """
    size = 3.2 + 0.5 * len(names)
    figure, axes = _figure(1, 1, size + 1, size)
    axis = axes[0, 0]
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{count:,}\n{shares[row, column]:.1%}"
        axis.text(column, row, text, ha="center", va="center", color=colour)
    axis.set_xticks(range(len(names)), names)
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="predicted", ylabel="labelled", title=f"test: {counts.sum():,} targets")
    return _save(figure, path)


def forecasts(
    histories: Sequence[NDArray[Any]],
    truths: NDArray[Any],
    predicted: NDArray[Any],
    sigma: float | None,
    path: Path,
) -> Path:
    """Forecasts of the first variable against the truth, each behind the window that was read.

    Args:
        histories: what was read, (L, D) each.
        truths: what followed, (examples, horizon, D).
        predicted: what was forecast, (examples, horizon, D).
        sigma: standard deviation of the noise, drawn as a band of two sigma; None where unknown.
        path: of the PNG.
    """
    rows = -(-len(histories) // 2)
    figure, axes = _figure(rows, 2, 11, 2.4 * rows)
    for axis, history, truth, forecast in zip(
        axes.flat, histories, truths, predicted, strict=False
    ):
        past, future = np.arange(-len(history), 0), np.arange(len(truth))
        axis.plot(past, history[:, 0], color=GREY, linewidth=1, label="read")
        axis.plot(future, truth[:, 0], color=BLUE, marker="o", label="truth")
        axis.plot(future, forecast[:, 0], color=ORANGE, marker="x", label="forecast")
        if sigma:
            low, high = forecast[:, 0] - 2 * sigma, forecast[:, 0] + 2 * sigma
            axis.errorbar(future, forecast[:, 0], yerr=2 * sigma, color=ORANGE, alpha=0.5)
            axis.fill_between(future, low, high, color=ORANGE, alpha=0.15)
    axes[0, 0].legend(frameon=False, loc="upper left")
    for axis in axes[-1]:
        axis.set_xlabel("step from the first forecast")
    return _save(figure, path)


def forecast_scatter(truths: NDArray[Any], predicted: NDArray[Any], path: Path) -> Path:
    """Every forecast against its truth, and how the errors are spread.

    Args:
        truths: (N,).
        predicted: (N,).
        path: of the PNG.
    """
    figure, axes = _figure(1, 2, 11, 4)
    cloud, spread = axes[0]
    cloud.scatter(truths, predicted, s=4, alpha=0.3, color=BLUE, linewidths=0)
    low, high = float(truths.min()), float(truths.max())
    cloud.plot([low, high], [low, high], color=GREY, linewidth=1)
    cloud.set(xlabel="truth", ylabel="forecast", title=f"test: {len(truths):,} forecasts")
    spread.hist(predicted - truths, bins=60, color=BLUE)
    spread.set(xlabel="forecast - truth", title="errors")
    return _save(figure, path)


def attention_maps(
    maps: Sequence[tuple[Sequence[str], Sequence[str], NDArray[Any]]], path: Path
) -> Path:
    """How much of each source token (column) was seen when a target token (row) was written.

    Args:
        maps: source tokens, target tokens and weights (targets, sources) of each sentence.
        path: of the PNG.
    """
    columns = min(2, len(maps))
    rows = -(-len(maps) // columns)
    longest = max(max(weights.shape) for _, _, weights in maps)
    side = min(max(4.0, 0.2 * longest), 10.0)
    figure, axes = _figure(rows, columns, (side + 0.5) * columns, side * rows)
    style: dict[str, Any] = {"fontsize": 9, "parse_math": False}  # a token may be a dollar sign
    for axis, (sources, targets, weights) in zip(axes.flat, maps, strict=False):
        axis.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        upright = max(map(len, sources)) <= 1  # characters
        axis.set_xticks(range(len(sources)), sources, rotation=0 if upright else 90, **style)
        axis.set_yticks(range(len(targets)), targets, **style)
        axis.set(xlabel="source", ylabel="written")
    for axis in axes.flat[len(maps) :]:
        axis.set_visible(False)
    return _save(figure, path)


def bleu_by_length(
    names: Sequence[str], scores: Sequence[float], counts: Sequence[int], path: Path
) -> Path:
    """Corpus BLEU of sources of different lengths.

    Args:
        names: words of the sources of each bar, such as 3-8.
        scores: BLEU, 0..100.
        counts: sentences of each bar.
        path: of the PNG.
    """
    figure, axes = _figure(1, 1, 7, 4)
    axis = axes[0, 0]
    bars = axis.bar(names, scores, color=BLUE)
    axis.bar_label(bars, [f"{score:.1f}\n{n:,}" for score, n in zip(scores, counts, strict=True)])
    axis.margins(y=0.15)
    axis.set(
        xlabel="words of the source (number of sentences above the bars)",
        ylabel="BLEU",
        title=f"test: {sum(counts):,} sentences",
    )
    return _save(figure, path)
