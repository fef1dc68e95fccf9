"""Pictures of a data set. Each function draws one file and returns its path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlab.plots.figures import BLUE, GREY, ORANGE, RED, create_figure, save_figure

COLOURS = {"train": BLUE, "val": ORANGE, "test": GREY}
MANY_CLASSES = 30  # more are drawn without the rest
MANY_VARIABLES = 4  # of a series
BINS = 50


class Steps(NamedTuple):
    """The lengths of one split.

    Attributes:
        lengths: steps of each sequence as the network reads it, (N,).
        uncut: before anything was cut, (N,), or None.
        efficiency: valid steps / padded steps of the batches.
        random_efficiency: the same of random batches.
    """

    lengths: NDArray[Any]
    uncut: NDArray[Any] | None
    efficiency: float
    random_efficiency: float


class Series(NamedTuple):
    """One example of numbers.

    Attributes:
        title: of its panel.
        history: what is read, (L, D).
        future: what follows, (horizon, variables).
    """

    title: str
    history: NDArray[Any]
    future: NDArray[Any]


def lengths(splits: Mapping[str, Steps], path: Path) -> Path:
    """How long the sequences of each split are, and how much of a batch is no padding."""
    made, axes = create_figure(1, len(splits) + 1, 4 * (len(splits) + 1), 3.6)
    for axis, (split, steps) in zip(axes.flat, splits.items(), strict=False):
        _histogram(axis, steps)
        axis.set(xlabel="steps", title=f"{split}: {len(steps.lengths):,} sequences")
    axes[0, 0].set_ylabel("sequences")
    _efficiencies(axes[0, -1], splits)
    return save_figure(made, path)


def _histogram(axis: Any, steps: Steps) -> None:
    """Lengths as they are read; behind them those of the uncut ones, without the longest 1%."""
    whole = steps.lengths if steps.uncut is None else steps.uncut
    last = max(float(np.percentile(whole, 99)), float(steps.lengths.max()))
    edges = np.linspace(0, last + 1, min(BINS, int(last) + 1) + 1)
    if steps.uncut is not None and steps.uncut.max() > steps.lengths.max():
        axis.hist(steps.uncut, bins=edges, color=GREY, alpha=0.5, label="uncut")
        axis.axvline(steps.lengths.max(), color=RED, linewidth=1, label="longest that is read")
    shorter = steps.lengths[steps.lengths < steps.lengths.max()]
    axis.hist(shorter if len(shorter) else steps.lengths, bins=edges, color=BLUE, label="read")
    axis.axvline(np.median(whole), color="black", linestyle=":", linewidth=1, label="median")
    axis.legend(frameon=False, fontsize=8)


def _efficiencies(axis: Any, splits: Mapping[str, Steps]) -> None:
    places = np.arange(len(splits))
    sides = {
        "these batches": ([steps.efficiency for steps in splits.values()], BLUE, -0.2),
        "random batches": ([steps.random_efficiency for steps in splits.values()], GREY, 0.2),
    }
    for label, (shares, colour, shift) in sides.items():
        bars = axis.bar(places + shift, shares, width=0.38, color=colour, label=label)
        axis.bar_label(bars, [f"{share:.0%}" for share in shares], fontsize=8)
    axis.set_xticks(places, splits)
    axis.set(title="valid steps / padded steps", ylim=(0, 1.25))
    axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper center")


def class_balance(splits: Mapping[str, NDArray[Any]], names: Sequence[str], path: Path) -> Path:
    """The share of each class in each split; of many classes the most frequent ones in training.

    Args:
        splits: split -> targets of each class, (classes,).
        names: of the classes.
        path: of the PNG.
    """
    first = next(iter(splits.values()))
    shown = np.arange(len(names))
    if len(names) > MANY_CLASSES:
        shown = np.argsort(-first, kind="stable")[:MANY_CLASSES]
    made, axes = create_figure(1, 1, 3 + 0.5 * max(len(shown), 4), 4)
    axis, width = axes[0, 0], 0.8 / len(splits)
    for i, (split, counts) in enumerate(splits.items()):
        shares = counts[shown] / max(counts.sum(), 1)
        place = np.arange(len(shown)) + (i - (len(splits) - 1) / 2) * width
        bars = axis.bar(place, shares, width, color=COLOURS.get(split, GREY), label=split)
        if len(shown) <= 4:
            labels = [f"{count:,}" for count in counts[shown]]
            axis.bar_label(bars, labels, fontsize=7, rotation=90, padding=3)
    rest = f" ({len(shown)} of {len(names)})" if len(shown) < len(names) else ""
    axis.set_xticks(range(len(shown)), [names[int(i)] for i in shown])
    axis.tick_params("x", rotation=45 if len(shown) > 8 else 0)
    axis.set(ylabel="share of the targets", title=f"classes{rest}")
    axis.margins(y=0.25)
    axis.legend(frameon=False, ncols=len(splits), loc="upper center", fontsize=8)
    return save_figure(made, path)


def token_frequency(
    splits: Mapping[str, NDArray[Any]], names: Sequence[str], special: int, path: Path
) -> Path:
    """How often the tokens are read by their rank, and how many are unknown.

    Args:
        splits: split -> how often each token is read, (num_tokens,); the first two are padding and
            unknown.
        names: of the tokens; may be empty.
        special: tokens at the beginning that no text is made of.
        path: of the PNG.
    """
    made, axes = create_figure(1, 2, 12, 4.2)
    curve, rates = axes[0]
    for split, counts in splits.items():
        ranked = np.sort(counts[special:])[::-1]
        ranked = ranked[ranked > 0]
        label = f"{split}: {ranked.sum():,} tokens, {len(ranked):,} different"
        curve.loglog(np.arange(1, len(ranked) + 1), ranked, color=COLOURS.get(split), label=label)
    _name_some(curve, next(iter(splits.values()))[special:], names[special:])
    curve.set(xlabel="rank", ylabel="times read", title="token frequency")
    curve.legend(frameon=False, fontsize=8, loc="lower left")
    shares = [counts[1] / max(counts.sum(), 1) for counts in splits.values()]
    bars = rates.bar(list(splits), shares, color=[COLOURS.get(split, GREY) for split in splits])
    rates.bar_label(bars, [f"{share:.2%}" for share in shares])
    rates.set(title="out of vocabulary: read as <unk>", ylabel="share of the tokens")
    rates.margins(y=0.15)
    rates.set_ylim(bottom=0)
    return save_figure(made, path)


def _name_some(axis: Any, counts: NDArray[Any], names: Sequence[str]) -> None:
    """Write the tokens of ranks 1, 10, 100 ... beside the curve."""
    order = np.argsort(-counts, kind="stable")
    ranks = [10**i for i in range(6) if 10**i <= len(order)]
    for rank in ranks:
        token = int(order[rank - 1])
        if token < len(names) and counts[token]:
            axis.annotate(
                names[token].replace("$", r"\$"),
                (rank, counts[token]),
                xytext=(4, 6),
                textcoords="offset points",
                fontsize=8,
            )


def series(examples: Sequence[Series], names: Sequence[str], path: Path) -> Path:
    """Some examples as the network reads them, and what follows.

    Args:
        examples: a panel each.
        names: of the variables that are read.
        path: of the PNG.
    """
    columns = 3
    rows = -(-len(examples) // columns)
    made, axes = create_figure(rows, columns, 12, 2.5 * rows)
    colours = [BLUE, GREY, RED, "black"]
    for axis, example in zip(axes.flat, examples, strict=False):
        past = np.arange(-len(example.history), 0)
        shown = zip(range(example.history.shape[1]), names, strict=False)
        for i, name in list(shown)[:MANY_VARIABLES]:
            axis.plot(past, example.history[:, i], color=colours[i], linewidth=1, label=name)
        future = example.future[:, 0]
        axis.plot(range(len(future)), future, color=ORANGE, marker=".", label="to predict")
        axis.set_title(example.title, fontsize=9)
    for axis in axes.flat[len(examples) :]:
        axis.set_visible(False)
    axes[0, 0].legend(fontsize=7, loc="upper left", framealpha=0.9)
    for axis in axes[-1]:
        axis.set_xlabel("step from the first target")
    return save_figure(made, path)


def value_ranges(splits: Mapping[str, Any], names: Sequence[str], path: Path) -> Path:
    """Mean and standard deviation of each variable in each split, beside the whole range.

    Args:
        splits: split -> mean, std, low and high of each variable, (D,) each.
        names: of the variables.
        path: of the PNG.
    """
    columns = min(len(names), 4)
    rows = -(-len(names) // columns)
    made, axes = create_figure(rows, columns, max(3 * columns, 5), 2.6 * rows)
    for i, (axis, name) in enumerate(zip(axes.flat, names, strict=False)):
        for x, (split, moments) in enumerate(splits.items()):
            colour = COLOURS.get(split, GREY)
            axis.plot([x, x], [moments.low[i], moments.high[i]], color=colour, alpha=0.4)
            axis.errorbar(x, moments.mean[i], moments.std[i], color=colour, marker="o", capsize=4)
        axis.set_xticks(range(len(splits)), splits)
        axis.set_title(name, fontsize=9)
        axis.margins(x=0.2)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    made.suptitle("mean and standard deviation; behind them the whole range", fontsize=10)
    return save_figure(made, path)
