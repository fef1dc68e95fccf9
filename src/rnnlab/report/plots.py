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


def loss_by_frequency(buckets: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """The mean loss of rare and of frequent tokens, and how many there are of each.

    Args:
        buckets: each with `times` (a name), `loss` in nats and `share` of all tokens.
        path: of the PNG.
    """
    figure, axes = _figure(1, 2, 11, 4)
    names = [bucket["times"] for bucket in buckets]
    mean = sum(bucket["loss"] * bucket["share"] for bucket in buckets)
    losses, shares = axes[0]
    losses.bar_label(losses.bar(names, [b["loss"] for b in buckets], color=BLUE), fmt="%.2f")
    losses.axhline(mean, color=GREY, linestyle="--", linewidth=1, label=f"mean {mean:.2f}")
    losses.set(ylabel="mean loss of a token, nats", title="test loss by frequency")
    losses.legend(frameon=False)
    percent = [100 * bucket["share"] for bucket in buckets]
    shares.bar_label(shares.bar(names, percent, color=ORANGE), fmt="%.1f")
    shares.set(ylabel="share of the test tokens, %", title="how many they are")
    for axis in (losses, shares):
        axis.set_xlabel("times that training has the token")
        axis.tick_params(axis="x", labelsize=8)
    return _save(figure, path)


def token_frequencies(counts: NDArray[Any], unknown: Mapping[str, float], path: Path) -> Path:
    """How often training has each token, by rank, and the share of <unk> in each split.

    Args:
        counts: in the training split, (V,).
        unknown: split -> share of its tokens that are <unk>.
        path: of the PNG.
    """
    figure, axes = _figure(1, 2, 11, 4)
    zipf, shares = axes[0]
    ranked = np.sort(counts[counts > 0])[::-1]
    zipf.loglog(np.arange(1, len(ranked) + 1), ranked, color=BLUE)
    zipf.set(xlabel="rank of the token", ylabel="times in training")
    zipf.set_title(f"{len(ranked):,} tokens occur {ranked.sum():,} times")
    percent = [100 * share for share in unknown.values()]
    shares.bar_label(shares.bar(list(unknown), percent, color=ORANGE), fmt="%.2f")
    shares.set(ylabel="share of <unk>, %", title="tokens out of the vocabulary")
    return _save(figure, path)
