"""Pictures that a run leaves behind. Each function draws one file and returns its path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.plots.figures import BLUE, GREY, ORANGE
from rnnlab.plots.figures import figure as _figure
from rnnlab.plots.figures import save as _save


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
    examples: Sequence[Mapping[str, Any]],
    truths: NDArray[Any],
    predicted: NDArray[Any],
    fan: Sequence[tuple[str, NDArray[Any], NDArray[Any]]],
    baseline: tuple[str, NDArray[Any]] | None,
    path: Path,
) -> Path:
    """Forecasts of the first variable against the truth, each behind the end of what was read.

    Args:
        examples: `history`, what was read, (L, V); and perhaps `title`.
        truths: what followed, (examples, H, V).
        predicted: what was forecast, (examples, H, V).
        fan: intervals in which the truth may be, the widest first: name, low and high ends,
            (examples, H) each.
        baseline: name and forecasts (examples, H, V) of a baseline.
        path: of the PNG.
    """
    rows = -(-len(examples) // 2)
    figure, axes = _figure(rows, 2, 11, 2.4 * rows)
    future = np.arange(truths.shape[1])
    dots = {"marker": "o", "markersize": 4} if len(future) < 13 else {}
    for i, (axis, example) in enumerate(zip(axes.flat, examples, strict=False)):
        history = example["history"][-max(24, 3 * len(future)) :]
        forecast = predicted[i, :, 0]
        axis.plot(np.arange(-len(history), 0), history[:, 0], color=GREY, linewidth=1, label="read")
        if baseline:
            line = {**dots, "color": GREY, "linestyle": "--"}
            axis.plot(future, baseline[1][i, :, 0], label=baseline[0], **line)
        axis.plot(future, truths[i, :, 0], color=BLUE, label="truth", **dots)
        axis.plot(future, forecast, color=ORANGE, label="forecast", **dots)
        for depth, (name, low, high) in enumerate(fan):
            shade = {"color": ORANGE, "label": name, "alpha": 0.2 + 0.15 * depth}
            if len(future) == 1:
                axis.vlines(future, low[i], high[i], linewidth=10, **shade)
            else:
                axis.fill_between(future, low[i], high[i], linewidth=0, **shade)
        axis.set_title(example.get("title", ""), fontsize="small")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, loc="outside upper center", ncols=len(names))
    for axis in axes[-1]:
        axis.set_xlabel("step from the first forecast")
    return _save(figure, path)


def errors_by_step(
    measured: Mapping[str, Mapping[str, NDArray[Any]]], errors: NDArray[Any], path: Path
) -> Path:
    """How the error grows with the step of the horizon, of the network and of each baseline.

    Args:
        measured: name -> measure -> value at each step, (H,); `network` is among them.
        errors: forecast - truth of the network, (N, H, V).
        path: of the PNG.
    """
    figure, axes = _figure(1, 2, 11, 4)
    squares, spread = axes[0]
    squares.set_title("error")
    horizon = errors.shape[1]
    steps, marker = np.arange(1, horizon + 1), "o" if horizon == 1 else ""
    if horizon == 1:
        names = list(measured)
        colours = [ORANGE if name == "network" else GREY for name in names]
        squares.barh(
            names, [float(values["mse"][0]) for values in measured.values()], color=colours
        )
        squares.invert_yaxis()
        squares.set(xlabel="mean squared error")
    else:
        styles = iter(["--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)), (0, (5, 5))])
        for name, values in measured.items():
            ours = name == "network"
            line = {"color": ORANGE, "linewidth": 2} if ours else {"linestyle": next(styles)}
            squares.plot(steps, values["mse"], label=name, **line)
        squares.set(
            xlabel="step of the horizon", ylabel="mean squared error", title="error by step"
        )
        squares.set_ylim(bottom=0)
        squares.legend(frameon=False, fontsize="small")
    for low, high, alpha in ((0.05, 0.95, 0.15), (0.25, 0.75, 0.35)):
        ends = np.quantile(errors, [low, high], axis=(0, 2))
        label = f"middle {high - low:.0%}"
        if horizon == 1:
            spread.vlines(steps, *ends, color=BLUE, alpha=2 * alpha, linewidth=20, label=label)
        else:
            spread.fill_between(steps, *ends, color=BLUE, alpha=alpha, linewidth=0, label=label)
    spread.plot(steps, errors.mean(axis=(0, 2)), color=BLUE, marker=marker, label="mean")
    spread.axhline(0, color=GREY, linewidth=0.8)
    spread.set(xlabel="step of the horizon", ylabel="forecast - truth", title="residuals by step")
    spread.legend(frameon=False, fontsize="small")
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


def step_accuracy(shares: NDArray[Any], chance: float, path: Path) -> Path:
    """How many of the test targets were right at each step.

    Args:
        shares: (steps,), 0..1.
        chance: share that a guess gets right.
        path: of the PNG.
    """
    figure, axes = _figure(1, 1, 7, 4)
    axis = axes[0, 0]
    axis.bar(range(1, len(shares) + 1), shares, color=BLUE)
    axis.axhline(chance, color=ORANGE, linestyle="--", label="guess")
    axis.set(xlabel="step of the answer", ylabel="right", title="test", ylim=(0, 1.2))
    axis.legend(frameon=False, loc="upper right")
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
