"""One offline page per result: sections with a figure, tables, facts and texts, in one design."""

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from rnnlab.report.html import render_html
from rnnlab.report.tables import NumberTable
from rnnlab.runtime.files import write_text

PAGE_FILE = "report.html"


class EmbeddedImage(NamedTuple):
    """A PNG in base64, with its size in pixels."""

    width: int
    height: int
    data: str


@dataclass(frozen=True)
class DotChart:
    """Dots of several values in each row, with their means, such as the scores of all seeds.

    Attributes:
        label: of the axis.
        rows: name -> values.
    """

    WIDTH: ClassVar[int] = 760
    MARGIN: ClassVar[int] = 46
    ROW_HEIGHT: ClassVar[int] = 48

    label: str
    rows: Mapping[str, Sequence[float]]

    @property
    def height(self) -> int:
        """Height in units of the drawing; the axis needs one more row."""
        return self.ROW_HEIGHT * (len(self.rows) + 1)

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of the axis: those of the finite values."""
        values = [v for row in self.rows.values() for v in row if math.isfinite(v)] or [0.0]
        low, high = min(values), max(values)
        return (low, high) if low < high else (low - (abs(low) or 1) / 2, low + (abs(low) or 1) / 2)

    def place(self, value: float) -> float:
        """Return the horizontal position of a value."""
        low, high = self.limits
        share = (value / 2 - low / 2) / (high / 2 - low / 2)
        return round(self.MARGIN + share * (self.WIDTH - 2 * self.MARGIN), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Position and text of five marks of the axis."""
        low, high = self.limits
        values = [low * (1 - i / 4) + high * i / 4 for i in range(5)]
        return [(self.place(value), f"{value:.4g}") for value in values]

    @property
    def placed_rows(self) -> list[dict[str, Any]]:
        """The rows from the top, with the positions of their dots and means."""
        rows = []
        for i, (name, values) in enumerate(self.rows.items()):
            finite = [value for value in values if math.isfinite(value)]
            mean = self.place(math.fsum(finite) / len(finite)) if finite else None
            y = self.ROW_HEIGHT * i + 34
            rows.append({"name": name, "y": y, "dots": [*map(self.place, finite)], "mean": mean})
        return rows


@dataclass(frozen=True)
class Section:
    """Section of a page; what is empty is left out.

    Attributes:
        remark: text below the title, or why there is no figure.
        figure: PNG file.
        sentences: conclusions.
        chart: drawn by the page itself.
        tables: with a label and numbers in each row.
        facts: name -> text.
        marks: names of the facts to highlight.
        command: to copy.
        links: text -> file beside the page.
        html: safe HTML; see render_markdown.
        is_folded: whether the HTML has to be opened.
    """

    title: str
    remark: str = ""
    figure: Path | None = None
    sentences: Sequence[str] = ()
    chart: DotChart | None = None
    tables: Sequence[NumberTable] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()
    command: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    html: Any = ""
    is_folded: bool = False

    @property
    def image(self) -> EmbeddedImage:
        """The figure."""
        assert self.figure is not None
        content = self.figure.read_bytes()
        width, height = struct.unpack(">II", content[16:24]) if len(content) > 24 else (0, 0)
        return EmbeddedImage(width, height, base64.b64encode(content).decode("ascii"))


@dataclass(frozen=True)
class ResultPage:
    """Page of a run, a comparison or a study.

    Attributes:
        title: of the page.
        subtitle: such as the question of a study.
        answer: a sentence, with its uncertainty.
        sections: in their order.
        provenance: name -> time, commit and versions, at the end.
    """

    title: str
    subtitle: str = ""
    answer: str = ""
    sections: Sequence[Section] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> str:
        """Return the page as HTML that needs no network and no other file."""
        return render_html("page.html", **vars(self))

    def write(self, folder: Path) -> Path:
        """Write the page to report.html in a folder, in one step."""
        return write_text(folder / PAGE_FILE, self.render())


def answer_page(
    title: str,
    answer: str,
    figure: Path | DotChart | None = None,
    table: NumberTable | None = None,
    question: str = "",
    sections: Sequence[Section] = (),
) -> ResultPage:
    """Return a page that begins with an answer, then has the figure that shows it, and the table.

    Args:
        title: such as the name of a study.
        answer: a sentence, with its uncertainty.
        figure: a PNG file or a chart.
        table: a row for each configuration.
        question: that is answered.
        sections: further ones.
    """
    path = figure if isinstance(figure, Path) else None
    chart = figure if isinstance(figure, DotChart) else None
    first = Section("Result", figure=path, chart=chart, tables=[table] if table else [])
    return ResultPage(title, question, answer, [first, *sections])
