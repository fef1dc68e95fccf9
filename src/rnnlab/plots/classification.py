"""Figures of classification results. Each function draws one file and returns its path."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, ORANGE


def draw_confusion_matrix(counts: NDArray[Any], names: Sequence[str], path: Path) -> Path:
    """Draw how often each class (row of `counts`) was predicted as each class (column)."""
    size = 3.2 + 0.5 * len(names)
    figure, axes = figures.create_figure(1, 1, size + 1, size)
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
    return figures.save_figure(figure, path)


def draw_step_accuracy(accuracy: NDArray[Any], chance: float, path: Path) -> Path:
    """Draw the test accuracy of each step, (steps,), 0..1, and that of a random guess."""
    figure, axes = figures.create_figure(1, 1, 7, 4)
    axis = axes[0, 0]
    axis.bar(range(1, len(accuracy) + 1), accuracy, color=BLUE)
    axis.axhline(chance, color=ORANGE, linestyle="--", label="guess")
    axis.set(xlabel="step of the target", ylabel="accuracy", title="test", ylim=(0, 1.2))
    axis.legend(frameon=False, loc="upper right")
    return figures.save_figure(figure, path)
