"""House style of all figures: colours, an empty figure without a screen, and saving."""

import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

BLUE, ORANGE, GREY, RED = "#2f6db5", "#e08a1e", "#8a8f98", "#c0392b"


CAPTION: ContextVar[str] = ContextVar("CAPTION", default="")  # below each figure


@contextmanager
def caption(text: str) -> Iterator[None]:
    """Write a text below the figures that are saved within, such as the name of the run."""
    token = CAPTION.set(text)
    try:
        yield
    finally:
        CAPTION.reset(token)


def create_figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    """Return a figure and its axes (rows, columns); needs no screen and no global state.

    Width and height are in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure: Any, path: Path) -> Path:
    """Write a PNG atomically and return its path. Characters missing from the font become boxes.

    The canvas draws once; `figure.savefig` draws a figure with a layout engine twice.
    """
    if text := CAPTION.get():
        figure.supxlabel(text.replace("$", r"\$"), fontsize=8, color=GREY, x=0.99, ha="right")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.canvas.print_png(temporary)
    temporary.replace(path)
    return path
