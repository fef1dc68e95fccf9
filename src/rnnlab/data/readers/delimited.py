"""Rows of CSV and TSV files: delimiters, quotation marks, header and number of cells.

A file is read as its writer wrote it, or rejected with the line: a row with a wrong number of
cells, a quotation mark that is opened and not closed, a quoted cell that joins lines which look
like rows of their own, a first line that looks like values.
"""

import csv
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import Literal

from rnnlab.data.readers.cells import OTHER_STYLES, Cells, is_missing
from rnnlab.data.readers.dates import excerpt
from rnnlab.data.readers.files import file_format, open_text
from rnnlab.errors import DataError

Delimiter = Literal["comma", "semicolon", "tab", "pipe"]
Quoting = Literal["auto", "standard", "none"]
DELIMITERS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
DEFAULT_DELIMITERS: dict[str, Delimiter] = {".csv": "comma", ".tsv": "tab"}  # of the text formats
CHUNK_ROWS, CHUNK_CELLS = 200_000, 1_000_000  # that are in memory as text
DATE = re.compile(r"\d{1,4}([-/.:]\d{1,4}){1,2}([ T]\d{1,2}:\d{2}\S*)?")  # by its shape alone
QUOTED_CELL = '"[^"]*(?:""[^"]*)*"'
HOW_TO_QUOTE = (
    "If quotation marks are characters of this file, set data.quoting=none; if they enclose cells, "
    "set data.quoting=standard"
)


@dataclass(frozen=True)
class TableFormat:
    """How a table is written.

    Attributes:
        encoding: of CSV, TSV and JSON files.
        delimiter: of the cells: comma | semicolon | tab | pipe; None for the usual one of the
            extension.
        quoting: of cells with quotation marks: standard (a cell may be enclosed by them) | none
            (they are characters like others) | auto (standard, but a doubtful file is rejected).
        header: whether the first line has the names of the columns; None: it has, but a line that
            looks like values is rejected. Without it the names are column1, column2 ...
        skip_spaces: ignore spaces at the beginning of a cell.
    """

    encoding: str = "utf-8"
    delimiter: Delimiter | None = None
    quoting: Quoting = "auto"
    header: bool | None = None
    skip_spaces: bool = False

    def sign(self, path: Path) -> str:
        """Return the delimiter of a file."""
        return DELIMITERS[self.delimiter or default_delimiter(path)]


def is_delimited(path: Path) -> bool:
    """Return whether the file is a CSV or TSV file."""
    return file_format(path) in DEFAULT_DELIMITERS


def default_delimiter(path: Path) -> Delimiter:
    """Return the usual delimiter of a file with this extension."""
    return DEFAULT_DELIMITERS.get(file_format(path), "comma")


def number_columns(names: Sequence[str]) -> list[str]:
    """Return the names of columns, those without a name as column1, column2 ... by their place.

    >>> number_columns(["", " date"])
    ['column1', 'date']
    """
    return [name.strip() or f"column{number}" for number, name in enumerate(names, start=1)]


class DelimitedTable:
    """CSV or TSV file, checked while it is iterated over.

    Attributes:
        header: names of the columns, of the file or numbered.
        nameless: numbers of the columns whose name is empty.
        repairs: notes on what the last complete iteration left out.
    """

    def __init__(self, path: Path, table_format: TableFormat) -> None:
        """Open a file and read its header.

        Raises:
            DataError: the file cannot be opened, or holds no line.
        """
        self.path, self.format, self.repairs = path, table_format, list[str]()
        # Rows whose line does not follow the one before, and their lines.
        self._jump_rows, self._jump_lines = array("q"), array("q")
        rows = (row for _, row in self._rows() if not is_blank(row))
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path}: the file is empty")
        self.width, self._second = len(first), next(rows, [])
        self._first = first
        names = first if table_format.header is not False else [""] * len(first)
        self.header = number_columns(names)
        self.nameless = {number for number, name in enumerate(first) if not name.strip()}

    @property
    def may_lack_header(self) -> bool:
        """Whether no setting says if the first line is a header."""
        return self.format.header is None

    @property
    def looks_like_values(self) -> bool:
        """Whether the first line may be a row instead of a header."""
        if self.format.header is not None:
            return False
        kinds = [cell_kind(cell) for cell in self._first]
        below = [cell_kind(cell) for cell in self._second]
        has_values = bool({"number", "date"} & set(kinds))
        return has_values and ("text" not in kinds or kinds == below)

    def check_delimiter(self, column: str) -> None:
        """Check that the header is not a single cell that holds another delimiter.

        Raises:
            DataError: it is.
        """
        line, sign = self._first[0], self.format.sign(self.path)
        counts = {name: line.count(other) for name, other in DELIMITERS.items()}
        name = max(counts, key=lambda name: counts[name])
        if self.width > 1 or not counts[name]:
            return
        current = next(name for name, other in DELIMITERS.items() if other == sign)
        raise DataError(
            f"{self.path}: there is no column {column!r}; the header {line[:80]!r} is separated by "
            f"{name} ({DELIMITERS[name]!r}), not by {current}: set data.delimiter={name}"
        )

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Iterate over the rows below the header, each with the number of its first line.

        Raises:
            DataError: a row has a wrong number of cells, or the quotation marks are doubtful.
        """
        self.repairs, self._blank = [], list[int]()
        rows = self._rows()
        if self.format.header is not False:
            self._blank += [line for line, _ in takewhile(lambda row: is_blank(row[1]), rows)]
        waiting: list[tuple[int, list[str]]] = []  # rows of empty cells, perhaps the last ones
        for line, row in rows:
            if self._is_blank(line, row):
                continue
            if len(row) != self.width:
                raise self._width_error(line, row)
            waiting.append((line, row))
            if any(row):
                yield from waiting
                waiting.clear()
        self._note(len(self._blank), "empty lines")
        self._note(len(waiting), "rows of empty cells at the end")

    def pieces(self, places: Sequence[int], max_rows: int = CHUNK_ROWS) -> Iterator[list[Cells]]:
        """Iterate over pieces of the table: the cells of the columns at some places."""
        self._jump_rows, self._jump_lines = array("q"), array("q")
        rows, count, following = iter(self), 0, 0
        size = max(1, min(max_rows, CHUNK_CELLS // self.width))
        while True:
            cells: list[str] = []  # of all rows of the piece: many small lists would be slow
            for row, (line, row_cells) in enumerate(islice(rows, size), start=count):
                if line != following:
                    self._jump_rows.append(row)
                    self._jump_lines.append(line)
                following, count = line + 1, row + 1
                cells += [row_cells[place] for place in places]
            if not cells:
                return
            yield [cells[i :: len(places)] for i in range(len(places))]

    def name_row(self, row: int) -> str:
        """Return the name of a row in errors: its line; rows of the pieces so far."""
        jump = bisect_right(self._jump_rows, row) - 1
        line = self._jump_lines[jump] + row - self._jump_rows[jump]
        return f"{self.path}, line {line:,}"

    def _note(self, count: int, what: str) -> None:
        if count:
            self.repairs.append(f"{count:,} {what} of {self.path.name} were left out")

    def _is_blank(self, line: int, row: list[str]) -> bool:
        """Return whether a line is empty, and count it.

        Raises:
            DataError: an empty line in a table of one column may be a missing value.
        """
        if is_blank(row) and (self.width > 1 or not row):
            self._blank.append(line)
            return True
        if self.width == 1 and self._blank:
            raise DataError(
                f"{self.path}, line {self._blank[0]:,}: is empty, in a table of one column. Remove "
                "the line, or write NA for a missing value"
            )
        return False

    def _width_error(self, line: int, row: list[str]) -> DataError:
        sign = self.format.sign(self.path)
        where = "header" if self.format.header is not False else "first line"
        advice = "Complete the row or remove it; a cell with a line break must be quoted"
        if len(row) > self.width:
            advice = "Quote cells that hold a delimiter, or name the columns of all cells"
        if any(sign in cell or "\n" in cell for cell in row):
            advice += "; if quotation marks are characters of this file, set data.quoting=none"
        return DataError(
            f"{self.path}, line {line:,}: {len(row)} cells, but the {where} has {self.width}: "
            f"{excerpt(sign.join(row))}. {advice}"
        )

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Iterate over all rows, empty ones included, each with the number of its first line."""
        csv.field_size_limit(2**31 - 1)  # a text may be longer than the default of 128 KiB
        sign, quoting = self.format.sign(self.path), self.format.quoting
        marks = _QuotationMarks(self.path, self.format)
        with open_text(self.path, self.format.encoding, newline="") as stream:
            lines: list[str] = []  # of the current row
            reader = csv.reader(
                _remember(stream, lines),
                delimiter=sign,
                quoting=csv.QUOTE_NONE if quoting == "none" else csv.QUOTE_MINIMAL,
                skipinitialspace=self.format.skip_spaces,
                strict=True,
            )
            number = 1
            try:
                for row in reader:
                    marks.check(number, lines, row)
                    yield number, row
                    number += len(lines)
                    lines.clear()
            except csv.Error as error:
                raise marks.error(number, lines) from error
            marks.check_all()


def _remember(stream: Iterator[str], lines: list[str]) -> Iterator[str]:
    """Iterate over lines, and append each to `lines`."""
    for line in stream:
        lines.append(line)
        yield line


def is_blank(row: Sequence[str]) -> bool:
    """Return whether a row is that of an empty line."""
    return len(row) <= 1 and not "".join(row).strip()


def cell_kind(cell: str) -> Literal["missing", "number", "date", "text"]:
    """Return what a cell looks like.

    >>> [cell_kind(cell) for cell in ("", "1.5", "2020-01-01", "price")]
    ['missing', 'number', 'date', 'text']
    """
    if is_missing(cell):
        return "missing"
    if any(number.parse(cell) is not None for number in OTHER_STYLES.values()):
        return "number"
    return "date" if DATE.fullmatch(cell.strip()) else "text"


class _QuotationMarks:
    """Checks of the quotation marks of a file, row by row."""

    def __init__(self, path: Path, table_format: TableFormat) -> None:
        self.path, self.sign = path, table_format.sign(path)
        self.is_auto = table_format.quoting == "auto"
        self.width = 0  # of the first row
        self.space = f"{self.sign} "
        self.has_spaces = False  # in rows without quotation marks
        self.line_end = ""
        self.first_bare = self.first_quoted = 0  # lines with such a cell
        self.plain = True  # without quoting, all lines have as many cells as the first one
        before = f"{self.sign}\r\n" + " " * table_format.skip_spaces
        self.outer = re.compile(rf"(?<![^{before}]){QUOTED_CELL}(?=[{self.sign}\r\n]|$)")

    def check(self, line: int, lines: Sequence[str], row: Sequence[str]) -> None:
        """Check a row, which begins in `line` and was read from `lines`.

        Raises:
            DataError: quotation marks may have joined several rows; or the line ends differ.
        """
        last = lines[-1]
        self._check_line_end(line + len(lines) - 1, last)
        if not self.width and row:
            self.width = len(row)
        if not self.is_auto:
            return
        if '"' in last or len(lines) > 1:
            self._check_quoted(line, lines, row)
        elif self.space in last:
            self.has_spaces = True

    def _check_quoted(self, line: int, lines: Sequence[str], row: Sequence[str]) -> None:
        if len(lines) > 1 and self._are_rows(lines[0], lines[-1]):
            raise DataError(
                f"{self.path}: a quotation mark that opens in line {line:,} and closes in line "
                f"{line + len(lines) - 1:,} joins lines that look like rows of their own. "
                f"{HOW_TO_QUOTE}"
            )
        if not self.plain:
            return
        self.plain = all(text.count(self.sign) + 1 == self.width for text in lines)
        rest, num_quoted = "", 1  # if no cell contains a quotation mark
        if '"' in "".join(row):
            rest, num_quoted = self.outer.subn("", "".join(lines))
        self.first_quoted = self.first_quoted or (line if num_quoted else 0)
        self.first_bare = self.first_bare or (line if '"' in rest else 0)

    def check_all(self) -> None:
        """Check the whole file.

        Raises:
            DataError: quotation marks enclose some cells and are characters of others.
        """
        if self.first_bare and self.first_quoted and self.plain:
            raise DataError(
                f"{self.path}: quotation marks enclose a cell in line {self.first_quoted:,}, but "
                f"are characters of a cell in line {self.first_bare:,}. {HOW_TO_QUOTE}"
            )

    def error(self, line: int, lines: Sequence[str]) -> DataError:
        """Return the error for a cell whose quotation marks do not enclose it."""
        text = "".join(lines)
        begin, end = self._find_quoted(text)
        opening = line + text.count("\n", 0, begin)
        if not text[end:].strip("\r\n"):
            return DataError(
                f"{self.path}: the quotation mark that opens in line {opening:,} is never closed: "
                f"{excerpt(text[begin : begin + 60])}. Close it; if quotation marks are characters "
                "of this file, set data.quoting=none"
            )
        closing = line + text.count("\n", 0, end - 1)
        others = [name for name, sign in DELIMITERS.items() if text.startswith(sign, end)]
        advice = "".join(f"; if it separates the cells, set data.delimiter={n}" for n in others)
        return DataError(
            f"{self.path}: a quotation mark opens a cell in line {opening:,}, but text follows the "
            f"next one in line {closing:,}: {excerpt(text[end - 1 : end + 40])}{advice}. Write a "
            "quotation mark inside a quoted cell twice; if they are characters of this file, set "
            "data.quoting=none"
        )

    def _find_quoted(self, text: str) -> tuple[int, int]:
        """Return begin and end of the first quoted cell that is not followed by a delimiter."""
        pattern, end = re.compile(rf" *(?P<cell>{QUOTED_CELL}?)"), -1
        while True:
            match = pattern.match(text, end + 1)
            if match and not text.startswith((self.sign, "\n", "\r"), match.end()):
                return match.start("cell"), match.end()
            end = text.find(self.sign, match.end() if match else end + 1)
            if end < 0:
                return 0, len(text)

    def _are_rows(self, first: str, last: str) -> bool:
        """Return whether the lines with the quotation marks look like complete rows.

        A comma or semicolon and a space between the marks are those of a sentence, unless cells
        of other rows begin with a space.
        """
        begin, end = (line.replace('""', "") for line in (first, last))  # marks inside a cell
        inside = begin[begin.rfind('"') :] + end[: end.find('"')]
        is_sentence = self.sign in ",;" and self.space in inside and not self.has_spaces
        complete = all(line.count(self.sign) + 1 == self.width for line in (first, last))
        return complete and not is_sentence

    def _check_line_end(self, line: int, text: str) -> None:
        """Check that a carriage return alone is not found beside other line ends.

        Raises:
            DataError: it is.
        """
        end = text[-1]
        if end == self.line_end or end not in "\r\n":
            return
        if self.line_end:
            raise DataError(
                f"{self.path}, line {line:,}: some lines end with a carriage return alone, and "
                "others with a line feed. Quote cells with a carriage return, or use one line end"
            )
        self.line_end = end
