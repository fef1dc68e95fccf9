"""Figures of classification results. Each function draws one file and returns its path."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, ORANGE, shorten_name

MAX_MATRIX_CLASSES = 30
MAX_LARGE_CELLS = 12  # classes up to which each cell has its share


def draw_confusion_matrix(counts: NDArray[Any], names: Sequence[str], path: Path) -> Path:
    """Draw how often each class (row of `counts`) was predicted as each class (column).

    Of more than 30 classes, those of the most confused pairs are drawn.
    """
    classes = find_confused_classes(counts)
    shares = counts[classes] / counts[classes].sum(axis=1, keepdims=True).clip(min=1)
    shares, selection = shares[:, classes], counts[np.ix_(classes, classes)]
    is_small = len(classes) <= MAX_LARGE_CELLS
    size = 3.2 + (0.5 if is_small else 0.4) * len(classes)
    figure, axes = figures.create_figure(1, 1, size + 1, size)
    axis = axes[0, 0]
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(selection):
        if is_small or count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{count:,}\n{shares[row, column]:.1%}" if is_small else f"{count:,}"
            style = {"ha": "center", "va": "center", "fontsize": 10 if is_small else 7}
            axis.text(column, row, text, color=colour, **style)
    labels = [shorten_name(names[i]) for i in classes.tolist()]
    is_upright = sum(map(len, labels)) > 7 * len(labels)
    axis.set_xticks(range(len(labels)), labels, rotation=90 if is_upright else 0)
    axis.set_yticks(range(len(labels)), labels)
    part = f", {len(classes)} of {len(names):,} classes" if len(classes) < len(names) else ""
    axis.set(xlabel="predicted", ylabel="labelled", title=f"test: {counts.sum():,} targets{part}")
    return figures.save_figure(figure, path)


def find_confused_classes(counts: NDArray[Any], most: int = MAX_MATRIX_CLASSES) -> NDArray[Any]:
    """Return at most so many classes, sorted: all, or those of the most confused pairs.

    Pairs are added in the order of their counts in both directions, then the most frequent classes.

    >>> find_confused_classes(np.array([[9, 0, 2], [0, 5, 0], [1, 0, 0]]), most=2).tolist()
    [0, 2]
    """
    if len(counts) <= most:
        return np.arange(len(counts))
    confusions = np.triu(counts + counts.T, k=1)
    order = np.argsort(-confusions, axis=None, kind="stable")[: most * most]
    pairs = np.stack(np.unravel_index(order, counts.shape), axis=1)
    members = pairs[confusions[tuple(pairs.T)] > 0].ravel()
    frequent = np.argsort(-counts.sum(axis=1), kind="stable")
    candidates = dict.fromkeys([*members.tolist(), *frequent.tolist()])
    return np.sort([*candidates][:most])


def draw_step_accuracy(accuracy: NDArray[Any], chance: float, path: Path) -> Path:
    """Draw the test accuracy of each step, (steps,), 0..1, and that of a random guess."""
    figure, axes = figures.create_figure(1, 1, 7, 4)
    axis = axes[0, 0]
    axis.bar(range(1, len(accuracy) + 1), accuracy, color=BLUE)
    axis.axhline(chance, color=ORANGE, linestyle="--", label="guess")
    axis.set(xlabel="step of the target", ylabel="accuracy", title="test", ylim=(0, 1.2))
    axis.legend(frameon=False, loc="upper right")
    return figures.save_figure(figure, path)
