"""Figures of a data set. Each function draws one file and returns its path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlab.plots.figures import (
    BLUE,
    GREY,
    LINE_COLOURS,
    ORANGE,
    RED,
    create_figure,
    save_figure,
    shorten_name,
)

COLOURS = {"train": BLUE, "val": ORANGE, "test": GREY}
MAX_DRAWN_CLASSES = 30  # the most frequent ones
MAX_VARIABLES = 4  # of a series
MAX_BINS = 50


class LengthSummary(NamedTuple):
    """The lengths of the sequences of one split.

    Attributes:
        lengths: steps of each input sequence, (N,).
        original_lengths: before truncation, (N,); None where nothing is truncated.
        efficiency: valid steps / padded steps of the batches.
        random_efficiency: the same of random batches.
    """

    lengths: NDArray[Any]
    original_lengths: NDArray[Any] | None
    efficiency: float
    random_efficiency: float


class SeriesExample(NamedTuple):
    """An example of a series.

    Attributes:
        title: of its panel.
        history: input values, (L, D).
        future: target values, (horizon, variables).
    """

    title: str
    history: NDArray[Any]
    future: NDArray[Any]


def draw_length_histograms(splits: Mapping[str, LengthSummary], path: Path) -> Path:
    """Draw the lengths of each split, and the share of valid steps in the batches."""
    figure, axes = create_figure(1, len(splits) + 1, 4 * (len(splits) + 1), 3.6)
    for axis, (split, steps) in zip(axes.flat, splits.items(), strict=False):
        _histogram(axis, steps)
        axis.set(xlabel="steps", title=f"{split}: {len(steps.lengths):,} sequences")
    axes[0, 0].set_ylabel("sequences")
    _efficiencies(axes[0, -1], splits)
    return save_figure(figure, path)


def _histogram(axis: Any, steps: LengthSummary) -> None:
    """Draw the lengths, and behind them the original lengths without the longest 1%."""
    original = steps.lengths if steps.original_lengths is None else steps.original_lengths
    last = max(float(np.percentile(original, 99)), float(steps.lengths.max()))
    edges = np.linspace(0, last + 1, min(MAX_BINS, int(last) + 1) + 1)
    if original.max() > steps.lengths.max():
        axis.hist(original, bins=edges, color=GREY, alpha=0.5, label="original")
        axis.axvline(steps.lengths.max(), color=RED, linewidth=1, label="longest input")
    shorter = steps.lengths[steps.lengths < steps.lengths.max()]
    axis.hist(shorter if len(shorter) else steps.lengths, bins=edges, color=BLUE, label="input")
    axis.axvline(np.median(original), color="black", linestyle=":", linewidth=1, label="median")
    axis.legend(frameon=False, fontsize=8)


def _efficiencies(axis: Any, splits: Mapping[str, LengthSummary]) -> None:
    positions = np.arange(len(splits))
    sides = {
        "these batches": ([steps.efficiency for steps in splits.values()], BLUE, -0.2),
        "random batches": ([steps.random_efficiency for steps in splits.values()], GREY, 0.2),
    }
    for label, (shares, colour, shift) in sides.items():
        bars = axis.bar(positions + shift, shares, width=0.38, color=colour, label=label)
        axis.bar_label(bars, [f"{share:.0%}" for share in shares], fontsize=8)
    axis.set_xticks(positions, splits)
    axis.set(title="valid steps / padded steps", ylim=(0, 1.25))
    axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper center")


def draw_class_balance(
    splits: Mapping[str, NDArray[Any]], names: Sequence[str], path: Path
) -> Path:
    """Draw the share of each class in each split; of many classes the most frequent ones.

    `splits` holds the number of targets of each class, (classes,); training comes first.
    """
    first = next(iter(splits.values()))
    classes = np.arange(len(names))
    if len(names) > MAX_DRAWN_CLASSES:
        classes = np.argsort(-first, kind="stable")[:MAX_DRAWN_CLASSES]
    figure, axes = create_figure(1, 1, 3 + 0.5 * max(len(classes), 4), 4)
    axis, width = axes[0, 0], 0.8 / len(splits)
    for i, (split, counts) in enumerate(splits.items()):
        shares = counts[classes] / max(counts.sum(), 1)
        positions = np.arange(len(classes)) + (i - (len(splits) - 1) / 2) * width
        bars = axis.bar(positions, shares, width, color=COLOURS.get(split, GREY), label=split)
        if len(classes) <= 4:
            labels = [f"{count:,}" for count in counts[classes]]
            axis.bar_label(bars, labels, fontsize=7, rotation=90, padding=3)
    rest = f" ({len(classes)} of {len(names)})" if len(classes) < len(names) else ""
    axis.set_xticks(range(len(classes)), [shorten_name(names[int(i)]) for i in classes])
    axis.tick_params("x", rotation=45 if len(classes) > 8 else 0)
    axis.set(ylabel="share of the targets", title=f"classes{rest}")
    axis.margins(y=0.25)
    axis.legend(frameon=False, ncols=len(splits), loc="upper center", fontsize=8)
    return save_figure(figure, path)


def draw_token_ranks(
    splits: Mapping[str, NDArray[Any]], names: Sequence[str], special: int, path: Path
) -> Path:
    """Draw the counts of the tokens by their rank, and the share of unknown tokens.

    Args:
        splits: split -> occurrences of each token, (num_tokens,); the first two are padding and
            unknown.
        names: of the tokens; may be empty.
        special: number of special tokens at the beginning.
        path: of the PNG.
    """
    figure, axes = create_figure(1, 2, 12, 4.2)
    curve, rates = axes[0]
    for split, counts in splits.items():
        sorted_counts = np.sort(counts[special:])[::-1]
        sorted_counts = sorted_counts[sorted_counts > 0]
        label = f"{split}: {sorted_counts.sum():,} tokens, {len(sorted_counts):,} different"
        ranks = np.arange(1, len(sorted_counts) + 1)
        curve.loglog(ranks, sorted_counts, color=COLOURS.get(split), label=label)
    _label_tokens(curve, next(iter(splits.values()))[special:], names[special:])
    curve.set(xlabel="rank", ylabel="occurrences", title="token frequency")
    curve.legend(frameon=False, fontsize=8, loc="lower left")
    shares = [counts[1] / max(counts.sum(), 1) for counts in splits.values()]
    bars = rates.bar(list(splits), shares, color=[COLOURS.get(split, GREY) for split in splits])
    rates.bar_label(bars, [f"{share:.2%}" for share in shares])
    rates.set(title="out of vocabulary: replaced by <unk>", ylabel="share of the tokens")
    rates.margins(y=0.15)
    rates.set_ylim(bottom=0)
    return save_figure(figure, path)


def _label_tokens(axis: Any, counts: NDArray[Any], names: Sequence[str]) -> None:
    """Label the tokens of ranks 1, 10, 100 ... on the curve."""
    order = np.argsort(-counts, kind="stable")
    style: dict[str, Any] = {"xytext": (4, 6), "textcoords": "offset points", "fontsize": 8}
    for rank in [10**i for i in range(6) if 10**i <= len(order)]:
        token = int(order[rank - 1])
        if token < len(names) and counts[token]:
            axis.annotate(shorten_name(names[token]), (rank, counts[token]), **style)


def draw_series_examples(
    examples: Sequence[SeriesExample], names: Sequence[str], path: Path
) -> Path:
    """Draw the inputs, with their names, and targets of some examples in a panel each."""
    columns = 3
    rows = -(-len(examples) // columns)
    figure, axes = create_figure(rows, columns, 12, 2.5 * rows)
    for axis, example in zip(axes.flat, examples, strict=False):
        past = np.arange(-len(example.history), 0)
        variables = zip(range(example.history.shape[1]), names, strict=False)
        for i, name in list(variables)[:MAX_VARIABLES]:
            axis.plot(
                past,
                example.history[:, i],
                color=LINE_COLOURS[i],
                linewidth=1,
                label=shorten_name(name),
            )
        future = example.future[:, 0]
        axis.plot(range(len(future)), future, color=ORANGE, marker=".", label="target")
        axis.set_title(shorten_name(example.title, 48), fontsize=9)
    for axis in axes.flat[len(examples) :]:
        axis.set_visible(False)
    axes[0, 0].legend(fontsize=7, loc="upper left", framealpha=0.9)
    for axis in axes[-1]:
        axis.set_xlabel("step from the first target")
    return save_figure(figure, path)


def draw_value_ranges(splits: Mapping[str, Any], names: Sequence[str], path: Path) -> Path:
    """Draw mean, standard deviation and range of each variable in each split.

    `splits` holds mean, std, low and high of each variable, (D,) each.
    """
    columns = min(len(names), 4)
    rows = -(-len(names) // columns)
    figure, axes = create_figure(rows, columns, max(3 * columns, 5), 2.6 * rows)
    for i, (axis, name) in enumerate(zip(axes.flat, names, strict=False)):
        for x, (split, moments) in enumerate(splits.items()):
            colour = COLOURS.get(split, GREY)
            axis.plot([x, x], [moments.low[i], moments.high[i]], color=colour, alpha=0.4)
            axis.errorbar(x, moments.mean[i], moments.std[i], color=colour, marker="o", capsize=4)
        axis.set_xticks(range(len(splits)), splits)
        axis.set_title(shorten_name(name, 36), fontsize=9)
        axis.margins(x=0.2)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    figure.suptitle("mean and standard deviation, and the range", fontsize=10)
    return save_figure(figure, path)
