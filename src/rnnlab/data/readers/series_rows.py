"""Rows of tables of time series, in any format of tables; every cell is checked.

CSV and TSV files are read in pieces, so that their text is never in memory as a whole.

N rows, D columns of numbers.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from rnnlab.data.readers.cells import (
    EMPTY,
    INFINITIES,
    Cells,
    Decimal,
    InvalidCell,
    NumberColumn,
    NumberStyle,
    Thousands,
    cell_texts,
)
from rnnlab.data.readers.date_column import TimeAxis, open_dates
from rnnlab.data.readers.dates import TimeKind, excerpt
from rnnlab.data.readers.delimited import Delimiter, Quoting, TableFormat
from rnnlab.data.readers.tables import Table, describe_missing_header, find_column, open_table
from rnnlab.errors import DataError
from rnnlab.spec import Array

DuplicatePolicy = Literal["error", "first", "last", "keep"]
MissingPolicy = Literal["previous", "error"]
NAMES = "data.date_column (or data.date_columns), data.target_columns and data.series_column"
PANDAS_INDEX = re.compile(r"Unnamed: \d+(_level_\d+)?")  # header of an index without a name


@dataclass(frozen=True)
class SeriesColumns:
    """Columns of a table of series, and how its cells are read.

    Attributes:
        date: column of the time stamps; None if the rows are equidistant.
        values: columns of numbers; None for all others.
        series: column with the name of the series of each row; None for one series.
        delimiter: of CSV and TSV files: comma | semicolon | tab | pipe; None for the usual one of
            the extension.
        encoding: of CSV, TSV and JSON files.
        date_format: as in strptime, such as %d/%m/%Y, and %q for quarters; or of numbers: epoch_s |
            epoch_ms | epoch_us | epoch_ns | excel | mjd | steps. None for the only format that
            fits all rows.
        missing_values: numbers and words that mark a missing value, such as -9999, besides those
            of rnnlab.data.readers.cells.MISSING_NUMBERS.
        missing: previous fills a missing value with the previous one of its series; error rejects
            it.
        duplicates: rows of one series with the same time: error | first | last | keep.
        date_columns: several columns that form the time stamp together, such as (date, time) or
            (year, month, day, hour), instead of `date`.
        day_first: whether 01/02/2020 is February 1; None if the rows decide.
        quoting, header: see rnnlab.data.readers.delimited.TableFormat.
        decimal, thousands, strip_signs: see rnnlab.data.readers.cells.NumberStyle.
    """

    date: str | None = "date"
    values: tuple[str, ...] | None = None
    series: str | None = None
    delimiter: Delimiter | None = None
    encoding: str = "utf-8"
    date_format: str | None = None
    missing_values: tuple[float | str, ...] = ()
    missing: MissingPolicy = "previous"
    duplicates: DuplicatePolicy = "error"
    date_columns: tuple[str, ...] = ()
    day_first: bool | None = None
    quoting: Quoting = "auto"
    header: bool | None = None
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    strip_signs: bool = False

    @property
    def dates(self) -> tuple[str, ...]:
        """Return the columns that form the time stamp; none if the rows are equidistant."""
        return self.date_columns or ((self.date,) if self.date else ())

    @property
    def table_format(self) -> TableFormat:
        """How the table is written."""
        return TableFormat(self.encoding, self.delimiter, self.quoting, self.header, True)

    @property
    def number_style(self) -> NumberStyle:
        """How its numbers are written."""
        return NumberStyle(self.decimal, self.thousands, self.strip_signs, self.missing_values)

    def select(self, table: Table) -> "ColumnPlaces":
        """Return the places of the columns; check that all columns exist, each once.

        Raises:
            DataError: one does not, or the table has no header.
        """
        table.check_delimiter((*self.dates, "")[0])
        others = [*self.dates, *((self.series,) if self.series else ())]
        if not others and not self.values and table.looks_like_values:
            raise DataError(
                f"{table.path}, line 1: is it a header{describe_missing_header(table)}; "
                "data.header=true takes it for names"
            )
        places = {name: find_column(table, name, NAMES) for name in (*others, *(self.values or ()))}
        other_places = {places[name] for name in others}
        numbers = [place for place in range(table.width) if place not in other_places]
        if self.values:
            numbers = [places[name] for name in self.values]
        dates = [places[name] for name in self.dates]
        return ColumnPlaces(dates, places.get(self.series or ""), numbers)


class ColumnPlaces(NamedTuple):
    """Places of the columns in a table, counted from 0.

    Attributes:
        dates: of the columns that form the time stamp.
        series: None if the table has one series.
        numbers: of the columns of numbers; candidates if these are not named.
    """

    dates: list[int]
    series: int | None
    numbers: list[int]

    @property
    def all(self) -> list[int]:
        """Places of all columns, in this order."""
        return [*self.dates, *(() if self.series is None else (self.series,)), *self.numbers]


class SeriesRows(NamedTuple):
    """Rows of a table of series, in the order of the file.

    Attributes:
        series: number of the series of each row, (N,).
        values: (N, D); NaN where there is no number.
        times, local_times, time_kind: see Series.
    """

    series: Array
    values: Array
    times: Array
    local_times: Array
    time_kind: TimeKind = "calendar"

    def take(self, rows: Array) -> "SeriesRows":
        """Return some rows."""
        series, values = self.series[rows], self.values[rows]
        return SeriesRows(series, values, self.times[rows], self.local_times[rows], self.time_kind)


def read_rows(
    path: Path, columns: SeriesColumns, notes: list[str]
) -> tuple[SeriesRows, list[str], list[str]]:
    """Read and check a table, plain or compressed; note what was left out, with counts.

    Returns:
        The rows, the names of the columns of numbers, and the names of the series.

    Raises:
        DataError: a row cannot be used; names its line.
    """
    table = open_table(path, columns.table_format)
    rows = _RowReader(table, columns)
    for start, piece in _read_pieces(table, rows.places.all):
        rows.add(start, piece)
    result, numbers = rows.finish(notes)
    return result, numbers, list(rows.names) or [path.name]


def _read_pieces(table: Table, places: Sequence[int]) -> Iterator[tuple[int, list[Cells]]]:
    """Yield the cells of each piece with the number of its first row, with a progress bar."""
    from rich.progress import Progress, TextColumn

    start = 0
    column = TextColumn("reading {task.completed:,.0f} rows")
    with Progress(column, transient=True) as bar:
        task = bar.add_task("")
        for piece in table.pieces(places):
            yield start, piece
            start += len(piece[0])
            bar.advance(task, len(piece[0]))


class _RowReader:
    """Rows of a table, which are added in pieces.

    Attributes:
        places: of the columns.
        names: number of each series by its name.
    """

    def __init__(self, table: Table, columns: SeriesColumns) -> None:
        self.table, self.columns = table, columns
        self.places = columns.select(table)
        self.names: dict[str, int] = {}
        self._dates = open_dates(columns.dates, columns.date_format, columns.day_first)
        self._series = list[Array]()
        self._numbers = [
            NumberColumn(table.header[place], columns.number_style) for place in self.places.numbers
        ]

    def add(self, start: int, piece: Sequence[Cells]) -> None:
        """Append a piece of the columns, whose first row has the number `start`.

        Raises:
            DataError: a cell is not a date or not a number.
        """
        cells = iter(piece)
        if self._dates:
            dates = pd.DataFrame({name: next(cells) for name in self.columns.dates})
            self._dates.add(dates, lambda row: self.table.name_row(start + row))
        series = np.zeros(len(piece[0]), dtype=np.int64)
        if self.places.series is not None:
            labels = cell_texts(next(cells))
            codes = [self.names.setdefault(name, len(self.names)) for name in labels]
            series = np.array(codes, dtype=np.int64)
        self._series.append(series)
        for number, numbers in zip(self._numbers, cells, strict=True):
            number.add(numbers)
            if self.columns.values and number.invalid:
                raise self._invalid(number, number.invalid)

    def finish(self, notes: list[str]) -> tuple[SeriesRows, list[str]]:
        """Return all rows and the names of the columns of numbers, and note what was left out.

        Raises:
            DataError: there are no rows, or a column is neither numbers nor text.
        """
        if not self._series:
            raise DataError(f"{self.table.path}: has a header but no rows")
        notes += self.table.repairs
        numbers = self._numbers if self.columns.values else self._choose_numbers(notes)
        for number in numbers:
            if problem := number.find_problem():
                raise self._invalid(number, problem)
        notes += _describe_missing(self.table.path.name, numbers)
        values = np.column_stack([number.values for number in numbers])
        steps = np.arange(len(values))
        axis = self._dates.finish(notes) if self._dates else TimeAxis(steps, steps, "steps")
        rows = SeriesRows(np.concatenate(self._series), values, *axis)
        return rows, [number.name for number in numbers]

    def _choose_numbers(self, notes: list[str]) -> list[NumberColumn]:
        """Return the columns of numbers of a table whose columns are not named in the settings.

        Raises:
            DataError: there are none; or a column of numbers has no name.
        """
        numbers, reasons = list[NumberColumn](), dict[str, list[str]]()
        for place, number in zip(self.places.numbers, self._numbers, strict=True):
            if reason := self._find_omission(place, number):
                reasons.setdefault(reason, []).append(number.name)
            else:
                numbers.append(number)
        file = self.table.path.name
        notes += [
            f"{reason} of {file} were left out: {', '.join(names)}"
            for reason, names in reasons.items()
        ]
        if not numbers:
            raise DataError(f"{self.table.path}: there is no column of numbers to forecast")
        for number in numbers:
            find_column(self.table, number.name, NAMES)  # two columns may have one name
        return numbers

    def _find_omission(self, place: int, number: NumberColumn) -> str:
        """Return why a column is not one of the numbers; empty if it is."""
        if number.is_text:
            return "columns of text"
        if place not in self.table.nameless and not PANDAS_INDEX.fullmatch(number.name):
            return ""
        if number.invalid is None:
            if np.isnan(number.values).all():
                return "empty columns without a name"
            if place == 0 and (number.values % 1 == 0).all():
                return "row numbers without a name"
        raise DataError(
            f"{self.table.path}, line 1: column {place + 1} has no name, but it has numbers. Name "
            "it, or choose the columns with data.target_columns"
        )

    def _invalid(self, number: NumberColumn, cell: InvalidCell) -> DataError:
        return DataError(
            f"{self.table.name_row(cell.row)}, column {number.name!r}: {excerpt(cell.text)} "
            f"{cell.reason}"
        )


def _describe_missing(file: str, numbers: Sequence[NumberColumn]) -> list[str]:
    """Return a note on the words that are read as missing values, beside the usual ones."""
    words = sum((number.missing for number in numbers), Counter[str]())
    words = Counter({w: n for w, n in words.items() if w.lower() not in EMPTY | INFINITIES})
    counts = ", ".join(f"{word} {count:,}" for word, count in words.most_common())
    return [f"cells of {file} read as missing values: {counts}"] if words else []
