"""Console tables that never truncate a cell, at any width of the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from rnnlab.runtime.texts import show_hidden

PADDING = 3  # of a column: a space on each side, and its border


@dataclass
class NumberTable:
    """Table with a label in each row and a number in each cell.

    A table that is wider than the terminal is divided into several with fewer columns. If not even
    one column fits beside the labels, each row becomes a list of its cells.

    Args:
        columns: their headers, the first one above the labels.
        title: a line above.

    Attributes:
        rows: label and cells of each row.
    """

    columns: Sequence[str]
    title: str = ""
    rows: list[Sequence[str]] = field(default_factory=list)

    def add_row(self, *cells: str) -> None:
        """Add a label and the cells; missing ones at the end are empty."""
        self.rows.append([*map(show_hidden, cells), *[""] * (len(self.columns) - len(cells))])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield tables that fit, or a list."""
        if self.title:
            yield Text(show_hidden(self.title), style="italic")
        parts = self._divide_columns(options.max_width)
        if parts:
            yield from (self._build_table(part) for part in parts)
        else:
            yield Text(show_hidden("\n".join(self._list_cells())), overflow="fold")

    def _divide_columns(self, width: int) -> list[list[int]]:
        """Return the columns of each table; nothing if one of them does not fit."""
        widths = [
            PADDING + max(cell_len(row[i]) for row in [self.columns, *self.rows])
            for i in range(len(self.columns))
        ]
        parts: list[list[int]] = [[]]
        first = left = width - 1 - widths[0]
        for i, needed in enumerate(widths[1:], start=1):
            if needed > first:
                return []
            if needed > left:
                parts.append([])
                left = first
            parts[-1].append(i)
            left -= needed
        return parts

    def _build_table(self, columns: Sequence[int]) -> Table:
        table = Table()
        table.add_column(Text(self.columns[0]), no_wrap=True)
        for i in columns:
            table.add_column(Text(self.columns[i]), justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(*(Text(row[i]) for i in (0, *columns)))
        return table

    def _list_cells(self) -> Iterator[str]:
        for label, *cells in self.rows:
            yield label
            for name, cell in zip(self.columns[1:], cells, strict=True):
                if cell:
                    yield f"  {name}: {cell}"
