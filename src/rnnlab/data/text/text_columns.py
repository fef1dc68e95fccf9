"""Columns of labelled texts in a table: which they are, and what helps if one is missing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnlab.data.readers.cells import cell_texts
from rnnlab.data.readers.delimited import Delimiter, Quoting, TableFormat
from rnnlab.data.readers.tables import (
    FrameTable,
    Table,
    describe_missing_header,
    find_column,
    iterate_rows,
    open_known_table,
)
from rnnlab.data.text.labelled_texts import LabelledTexts
from rnnlab.data.text.spooled_texts import SpooledTexts
from rnnlab.errors import ConfigError, did_you_mean

FIRST_ROWS = 100  # that show which columns have texts and labels
TEXT, LABEL, GROUP = "data.text_column", "data.label_column", "data.group_column"


@dataclass(frozen=True)
class TextColumns:
    """Columns and format of a table of labelled texts.

    Attributes:
        text, label: columns of the text and of its label; of JSON and Parquet files also a field of
            an object, such as body.text.
        group: column of a group that must stay in one split, such as the movie; or None.
        default_group: column of the group if `group` is None and the table has it.
        encoding: of text, CSV, TSV and JSON files.
        delimiter: of the cells in CSV and TSV files; None for comma and tab.
        quoting, header: see rnnlab.data.readers.delimited.TableFormat.
    """

    text: str = "text"
    label: str = "label"
    group: str | None = None
    default_group: str | None = None
    encoding: str = "utf-8"
    delimiter: Delimiter | None = None
    quoting: Quoting = "auto"
    header: bool | None = None

    @property
    def table_format(self) -> TableFormat:
        """How a table is written."""
        return TableFormat(self.encoding, self.delimiter, self.quoting, self.header)

    def __post_init__(self) -> None:
        roles: dict[str, str] = {}
        for setting, name in self.roles.items():
            if name in roles:
                raise ConfigError(
                    f"{setting}={name}: is {roles[name]} too, but a column has one role. Name "
                    "another column"
                )
            roles[name] = setting

    @property
    def roles(self) -> dict[str, str]:
        """Setting -> column."""
        roles = {TEXT: self.text, LABEL: self.label}
        return roles if self.group is None else {**roles, GROUP: self.group}

    def read(self, file: Path, alternative: Path | None = None) -> LabelledTexts:
        """Return the labelled texts of a table; long ones are never in memory as a whole.

        `alternative` is a table with labels, which an error suggests if this one has none.

        Raises:
            DataError: the file cannot be opened or parsed, has no rows or a row with a wrong number
                of cells, lacks a column, or has objects or lists in one.
            ConfigError: there is no such encoding.
        """
        return self.read_table(open_known_table(file, self.table_format), alternative)

    def read_table(self, table: Table, alternative: Path | None = None) -> LabelledTexts:
        """Return the labelled texts of an open table; see read."""
        table.check_delimiter(self.text)
        places = [self._find(table, setting, alternative) for setting in self.roles]
        if self.group is None and self.default_group in table.header:
            places.append(find_column(table, str(self.default_group), GROUP))
        notes: list[str] = []
        texts, others = spool_columns(iterate_rows(table, places, notes), len(places))
        groups = others[1] if len(others) > 1 else None
        return LabelledTexts(table.path.name, texts, others[0], groups, tuple(notes))

    def _find(self, table: Table, setting: str, alternative: Path | None) -> int:
        name = self.roles[setting]
        hints = [self._describe_first_line(table)]
        if isinstance(table, FrameTable):
            hints.append(table.describe_field(name, setting))
        if alternative and setting == LABEL and self.text in table.header:
            hints.append(describe_unlabelled(alternative))
        place = find_column(table, name, setting, ". ".join(filter(None, hints)))
        if isinstance(table, FrameTable):
            table.check_not_nested(place, setting)
        return place

    def _describe_first_line(self, table: Table) -> str:
        """Return what to type if the first line of a table is no header; else an empty text."""
        if table.width < 2:
            return describe_missing_header(table)
        is_header = any(
            did_you_mean(name, table.header).startswith("did") for name in (self.text, self.label)
        )
        if not table.may_lack_header or (is_header and not table.looks_like_values):
            return ""
        text, label = guess_places(table)
        reason = "If the first line is a row and not the names of columns"
        if table.looks_like_values:
            reason = "The first line looks like values"
        return f"{reason}: set data.header=false {TEXT}=column{text + 1} {LABEL}=column{label + 1}"


def guess_places(table: Table) -> tuple[int, int]:
    """Return the places of the longest column, and of the one with the fewest different values."""
    places = range(table.width)
    columns = [[name] for name in table.header]
    piece = next(table.pieces(places, FIRST_ROWS), [])
    for column, cells in zip(columns, piece, strict=False):
        column += cell_texts(cells)
    text = max(places, key=lambda place: sum(map(len, columns[place])))
    others = [place for place in places if place != text]
    return text, min(others, key=lambda place: len(set(columns[place])))


def describe_unlabelled(alternative: Path) -> str:
    """Return what helps if the texts of the test split have no labels."""
    return (
        "A file without labels, such as a test.csv of Kaggle, cannot be tested on: "
        f"\"data.path='{alternative}'\" divides the labelled texts into three splits"
    )


def spool_columns(
    rows: Iterable[Sequence[str]], width: int
) -> tuple[SpooledTexts, list[list[str]]]:
    """Return the first column in a temporary file, and the others, in which values repeat."""
    others = [list[str]() for _ in range(width - 1)]
    values = dict[str, str]()  # one object for equal values

    def texts() -> Iterator[str]:
        for text, *cells in rows:
            for column, cell in zip(others, cells, strict=True):
                column.append(values.setdefault(cell, cell))
            yield text

    return SpooledTexts.write(texts()), others
