"""Figures of translations. Each function draws one file and returns its path."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, shorten_name


def draw_attention_maps(
    maps: Sequence[tuple[Sequence[str], Sequence[str], NDArray[Any]]], path: Path
) -> Path:
    """Draw the attention to each source token (column) at each written token (row).

    A map holds source tokens, target tokens and weights (targets, sources) of a sentence.
    """
    columns = min(2, len(maps))
    rows = -(-len(maps) // columns)
    longest = max(max(weights.shape) for _, _, weights in maps)
    side = min(max(4.0, 0.2 * longest), 10.0)
    figure, axes = figures.create_figure(rows, columns, (side + 0.5) * columns, side * rows)
    style: dict[str, Any] = {"fontsize": 9}
    highest = max(float(weights.max()) for *_, weights in maps)
    for axis, (sources, targets, weights) in zip(axes.flat, maps, strict=False):
        image = axis.imshow(weights, cmap="Blues", vmin=0, vmax=highest, aspect="auto")
        upright = max(map(len, sources)) <= 1  # characters
        sources, targets = ([shorten_name(name) for name in names] for names in (sources, targets))
        axis.set_xticks(range(len(sources)), sources, rotation=0 if upright else 90, **style)
        axis.set_yticks(range(len(targets)), targets, **style)
        axis.set(xlabel="source", ylabel="written")
    for axis in axes.flat[len(maps) :]:
        axis.set_visible(False)
    figure.colorbar(image, ax=axes, label="weight", pad=0.01, fraction=0.03)
    return figures.save_figure(figure, path)


def draw_bleu_by_length(
    names: Sequence[str], scores: Sequence[float], counts: Sequence[int], path: Path
) -> Path:
    """Draw corpus BLEU, 0..100, by length of the source.

    `names` are ranges of words such as 3-8, `counts` the number of sentences in each.
    """
    figure, axes = figures.create_figure(1, 1, 7, 4)
    axis = axes[0, 0]
    bars = axis.bar(names, scores, color=BLUE)
    axis.bar_label(bars, [f"{score:.1f}\n{n:,}" for score, n in zip(scores, counts, strict=True)])
    axis.margins(y=0.15)
    xlabel = "words of the source (number of sentences above the bars)"
    axis.set(xlabel=xlabel, ylabel="BLEU", title=f"test: {sum(counts):,} sentences")
    return figures.save_figure(figure, path)
