"""Figures that need no screen, and files that are whole or not there."""

import uuid
import warnings
from pathlib import Path
from typing import Any

BLUE, ORANGE, GREY, RED = "#2f6db5", "#e08a1e", "#8a8f98", "#c0392b"


def figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure that needs no screen and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    axes = made.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    return made, axes


def save(made: Any, path: Path) -> Path:
    """Write a PNG in one step. A character that the font has not is drawn as a box."""
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        made.savefig(unfinished, dpi=120, format="png")
    unfinished.replace(path)
    return path
