"""Figures of language models. Each function draws one file and returns its path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, GREY, ORANGE


def draw_loss_by_frequency(buckets: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw the mean loss of rare and frequent tokens, and their shares of the test tokens.

    A bucket has `times` (its name), `loss` in nats and `share` of the test tokens.
    """
    figure, axes = figures.create_figure(1, 2, 11, 4)
    names = [bucket["times"] for bucket in buckets]
    mean = sum(bucket["loss"] * bucket["share"] for bucket in buckets)
    losses, shares = axes[0]
    losses.bar_label(losses.bar(names, [b["loss"] for b in buckets], color=BLUE), fmt="%.2f")
    losses.axhline(mean, color=GREY, linestyle="--", linewidth=1, label=f"mean {mean:.2f}")
    losses.set(ylabel="mean loss of a token, nats", title="test loss by frequency")
    losses.legend(frameon=False)
    percent = [100 * bucket["share"] for bucket in buckets]
    shares.bar_label(shares.bar(names, percent, color=ORANGE), fmt="%.1f")
    shares.set(ylabel="share of the test tokens, %", title="tokens by frequency")
    for axis in (losses, shares):
        axis.set_xlabel("occurrences of the token in training")
        axis.tick_params(axis="x", labelsize=8)
    return figures.save_figure(figure, path)


def draw_token_frequencies(counts: NDArray[Any], unknown: Mapping[str, float], path: Path) -> Path:
    """Draw the training counts of the tokens (V,) by rank, and the share of <unk> in each split."""
    figure, axes = figures.create_figure(1, 2, 11, 4)
    zipf, shares = axes[0]
    sorted_counts = np.sort(counts[counts > 0])[::-1]
    zipf.loglog(np.arange(1, len(sorted_counts) + 1), sorted_counts, color=BLUE)
    zipf.set(xlabel="rank of the token", ylabel="times in training")
    zipf.set_title(f"{len(sorted_counts):,} tokens occur {sorted_counts.sum():,} times")
    percent = [100 * share for share in unknown.values()]
    shares.bar_label(shares.bar(list(unknown), percent, color=ORANGE), fmt="%.2f")
    shares.set(ylabel="share of <unk>, %", title="tokens out of the vocabulary")
    shares.set_ylim(0, 1.15 * max([*percent, 0.01]))
    return figures.save_figure(figure, path)
