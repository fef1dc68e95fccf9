"""House style of all figures: colours, an empty figure without a screen, and saving."""

import math
import textwrap
import uuid
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from rnnlab.runtime.texts import shorten, show_hidden

MAX_LINE_LENGTH = 120  # of a text in a figure
MAX_NAME_LENGTH = 24  # of a name on an axis
BLUE, ORANGE, GREY, RED = "#2f6db5", "#e08a1e", "#8a8f98", "#c0392b"
# Of further lines beside ORANGE, also for colour-blind readers (Okabe and Ito, 2008).
LINE_COLOURS = (BLUE, "#009e73", "#cc79a7", "#56b4e9", "#5d3a9b", "#000000", GREY)
LOG_RATIO = 10.0  # of the largest to the smallest value of an axis that is logarithmic
WIDE_LOG_RATIO = 1e3  # an axis beyond it has ticks at powers of 10 only


CAPTION: ContextVar[str] = ContextVar("CAPTION", default="")  # above each figure


@contextmanager
def caption(text: str) -> Iterator[None]:
    """Write a title above the figures that are saved within: run, model and data."""
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

    All texts are drawn as they are: a dollar sign does not begin a formula. The canvas draws once;
    `figure.savefig` draws a figure with a layout engine twice.
    """
    from matplotlib import rc_context

    if text := CAPTION.get():
        _add_title(figure, text)
    _show_texts_literally(figure)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with warnings.catch_warnings(), rc_context({"text.parse_math": False}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.canvas.print_png(temporary)
    temporary.replace(path)
    return path


def _add_title(figure: Any, text: str) -> None:
    """Write a title above the figure, above its own one, in lines that fit its width."""
    width = max(int(figure.get_figwidth() * 13), 24)  # characters of this size
    lines = textwrap.wrap(show_hidden(text), width)[:3]
    own = figure.get_suptitle()
    size = 9 * max(1.0, figure.get_figwidth() / 12)
    figure.suptitle("\n".join([*lines, *([own] if own else [])]), fontsize=size)


def use_log_scale(axis: Any, values: Iterable[float]) -> None:
    """Make the vertical axis logarithmic if its values are positive and far apart."""
    finite = [value for value in values if math.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) / min(finite) >= LOG_RATIO:
        axis.set_yscale("log")


def _simplify_log_axis(axis: Any) -> None:
    """Give a logarithmic axis plain numbers, and few ticks between powers of 10.

    Its eight ticks per power take most of the time of a figure.
    """
    from matplotlib.ticker import LogFormatter, LogFormatterMathtext, LogLocator, NullLocator

    if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
        axis.set_major_formatter(LogFormatter())
    if isinstance(axis.get_minor_formatter(), LogFormatterMathtext):
        axis.set_minor_formatter(LogFormatter(labelOnlyBase=False))
        low, high = axis.get_view_interval()
        is_wide = high / low > WIDE_LOG_RATIO
        axis.set_minor_locator(NullLocator() if is_wide else LogLocator(subs=(2, 5)))


def _show_texts_literally(figure: Any) -> None:
    """Switch off formulas, also in the numbers of logarithmic axes, and shorten long lines."""
    from matplotlib.text import Text

    for axes in figure.axes:
        _simplify_log_axis(axes.xaxis)
        _simplify_log_axis(axes.yaxis)
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        lines = show_hidden(text.get_text()).split("\n")
        text.set_text("\n".join(shorten(line, MAX_LINE_LENGTH) for line in lines))


def shorten_name(text: str, width: int = MAX_NAME_LENGTH) -> str:
    """Return a text in one line of at most `width` characters, such as a name on an axis."""
    return shorten(show_hidden(text), width)
