"""Rows of tables of time series, in any format of tables; every cell is checked.

CSV and TSV files are read in pieces, so that their text is never in memory as a whole.

N rows, D columns of numbers.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from rnnlab.data.readers.cells import (
    EMPTY,
    INFINITIES,
    Cells,
    InvalidCell,
    NumberColumn,
    cell_texts,
    infer_type,
    is_missing,
)
from rnnlab.data.readers.date_column import TimeAxis, open_dates
from rnnlab.data.readers.date_formats.zones import convert_to_utc
from rnnlab.data.readers.dates import TimeKind, excerpt
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.readers.tables import Table, find_column, read_pieces
from rnnlab.errors import DataError
from rnnlab.spec import Array

Labels = dict[str, dict[str, int]]  # column of texts -> text -> its number
FLAGS = {"true": "1", "false": "0"}  # of covariates, such as holidays
PANDAS_INDEX = re.compile(r"Unnamed: \d+(_level_\d+)?")  # header of an index without a name
RESET_INDEX = ("index", "level_0")  # ... after reset_index()


class SeriesRows(NamedTuple):
    """Rows of a table of series.

    Attributes:
        series: number of the series of each row, (N,).
        values: (N, D); NaN where there is no number.
        times, local_times, time_kind: see Series.
        numbers: of the rows in the table, counted from 0, (N,).
        locate: function from the number of a row to its name in errors.
    """

    series: Array
    values: Array
    times: Array
    local_times: Array
    time_kind: TimeKind
    numbers: Array
    locate: Callable[[int], str]

    def take(self, rows: Array) -> "SeriesRows":
        """Return some rows."""
        names = ("series", "values", "times", "local_times", "numbers")
        return self._replace(**{name: getattr(self, name)[rows] for name in names})


def read_rows(
    table: Table, columns: SeriesColumns, notes: list[str], labels: Labels
) -> tuple[SeriesRows, list[str]]:
    """Read and check a table; note what was left out, with counts.

    `labels` has the number of each text of the columns of series and static texts, and receives new
    ones.

    Returns:
        The rows, and the names of the columns of `values`: targets, covariates, known and static.

    Raises:
        DataError: a row cannot be used; names its line.
    """
    rows = _RowReader(table, columns, labels)
    start = 0
    for piece in read_pieces(table, rows.places.all):
        rows.add(start, [infer_type(cells) for cells in piece])
        start += len(piece[0])
    return rows.finish(notes)


class _RowReader:
    """Rows of a table, which are added in pieces.

    Attributes:
        places: of the columns.
        labels: number of each text of the columns of series and static texts.
    """

    def __init__(self, table: Table, columns: SeriesColumns, labels: Labels) -> None:
        self.table, self.columns, self.labels = table, columns, labels
        self.places = columns.select(table)
        self._dates = open_dates(columns.dates, columns.date_format, columns.day_first)
        self._series = list[Array]()
        self._targets, self._inputs = (
            [NumberColumn(table.header[place], columns.number_style) for place in places]
            for places in (self.places.targets, self.places.inputs)
        )
        self._static: dict[str, list[Array]] = {name: [] for name in columns.static}

    def add(self, start: int, piece: Sequence[Cells]) -> None:
        """Append a piece of the columns, whose first row has the number `start`.

        Raises:
            DataError: a cell is not a date or not a number, or the name of a series is missing.
        """
        cells = iter(piece)
        if self._dates:
            dates = [next(cells) for _ in self.columns.dates]
            self._dates.add(dates, lambda row: self.table.name_row(start + row))
        series = np.zeros(len(piece[0]), dtype=np.int64)
        if self.places.series is not None:
            series = self._series_codes(start, next(cells))
        self._series.append(series)
        for number in self._targets:
            number.add(next(cells))
            if number.invalid and self.columns.values:
                raise self._invalid(number, number.invalid)
        for number in self._inputs:
            number.add(convert_flags(next(cells)))
            if number.invalid:
                raise self._invalid(number, number.invalid)
        for name, codes in self._static.items():
            is_series = name == self.columns.series
            codes.append(series * 1.0 if is_series else self._codes(name, next(cells), is_missing))

    def _series_codes(self, start: int, cells: Cells) -> Array:
        """Return the number of the series of each row; "NA" is a name too.

        Raises:
            DataError: a cell is empty.
        """
        name = str(self.columns.series)
        codes = self._codes(name, cells, lambda text: not text)
        for row in np.flatnonzero(np.isnan(codes))[:1]:
            raise DataError(
                f"{self.table.name_row(start + int(row))}, column {name!r}: no name of a series. "
                "Complete the cell or remove the row"
            )
        return codes.astype(np.int64)

    def _codes(self, column: str, cells: Cells, is_empty: Callable[[str], bool]) -> Array:
        """Return the number of the text of each cell, float64; NaN where there is none."""
        names = self.labels.setdefault(column, {})
        texts = [text.strip() for text in cell_texts(cells)]
        codes = {
            text: np.nan if is_empty(text) else names.setdefault(text, len(names))
            for text in dict.fromkeys(texts)
        }
        return np.array([codes[text] for text in texts], dtype=np.float64)

    def finish(self, notes: list[str]) -> tuple[SeriesRows, list[str]]:
        """Return all rows and the names of their columns, and note what was left out.

        Raises:
            DataError: there are no rows, or a column is neither numbers nor text.
        """
        import pandas as pd

        if not self._series:
            raise DataError(f"{self.table.path}: has a header but no rows")
        notes += self.table.repairs
        targets = self._targets if self.columns.values else self._choose_targets(notes)
        numbers = [*targets, *self._inputs]
        self._check_numbers(numbers)
        notes += _describe_missing(self.table.path.name, numbers)
        static = [np.concatenate(parts) for parts in self._static.values()]
        values = np.column_stack([*(number.values for number in numbers), *static])
        series = np.concatenate(self._series)
        steps = pd.Series(series).groupby(series).cumcount().to_numpy(np.int64)  # of each series
        axis = self._dates.finish(notes) if self._dates else TimeAxis(steps, steps, "steps")
        if self.columns.time_zone:
            axis = self._convert_to_utc(axis, series, self.columns.time_zone, notes)
        names = [*(number.name for number in numbers), *self._static]
        rows = SeriesRows(series, values, *axis, np.arange(len(values)), self.table.name_row)
        return rows, names

    def _check_numbers(self, numbers: Sequence[NumberColumn]) -> None:
        """Check that all cells are numbers that can be read in one way alone.

        Raises:
            DataError: a cell is not.
        """
        for number in numbers:
            if problem := number.find_problem():
                raise self._invalid(number, problem)
        if any(number.has_decimals for number in numbers):
            return
        for number in numbers:
            if problem := number.find_doubtful_dot(self.columns.delimiter == "semicolon"):
                raise self._invalid(number, problem)

    def _convert_to_utc(
        self, axis: TimeAxis, series: Array, zone: str, notes: list[str]
    ) -> TimeAxis:
        """Return the times of data.time_zone in UTC.

        Raises:
            DataError: there are no dates, or they have a time zone.
        """
        if axis.time_kind == "steps" or not np.array_equal(axis.times, axis.local_times):
            raise DataError(
                f"{self.table.path}: data.time_zone={zone} is for dates without a time zone; set "
                "data.time_zone=null"
            )
        times, zone_notes = convert_to_utc(axis.local_times, series, zone, self.table.name_row)
        notes += zone_notes
        return axis._replace(times=times)

    def _choose_targets(self, notes: list[str]) -> list[NumberColumn]:
        """Return the columns of numbers of a table whose columns are not named in the settings.

        Raises:
            DataError: there are none; or a column of numbers has no name.
        """
        numbers, reasons = list[NumberColumn](), dict[str, list[str]]()
        for place, number in zip(self.places.targets, self._targets, strict=True):
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
            raise DataError(
                f"{self.table.path}: there is no column of numbers to forecast; name one with "
                "data.target_columns"
            )
        for number in numbers:
            find_column(self.table, number.name, "data.target_columns")  # its name may be twice
        first = numbers[0]
        if first.name == self.table.header[0] and len(numbers) > 1 and _counts_rows(first):
            notes.append(
                f"column {first.name} of {file} counts the rows, and is forecast too; "
                "data.target_columns chooses the columns"
            )
        return numbers

    def _find_omission(self, place: int, number: NumberColumn) -> str:
        """Return why a column is not one of the numbers; empty if it is."""
        if number.is_text:
            return "columns of text"
        if place == 0 and number.name in RESET_INDEX and _counts_rows(number):
            return "row numbers"
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


def _counts_rows(number: NumberColumn) -> bool:
    """Return whether a column has the numbers of the rows, from 0 or 1."""
    values = number.values
    return bool(values[0] in (0, 1) and (np.diff(values) == 1).all() and len(values) > 2)


def convert_flags(cells: Cells) -> Cells:
    """Return 1 and 0 for true and false, if there are no other words; else the cells.

    >>> convert_flags(["True", "false", ""]), convert_flags(["True", "2"])
    (['1', '0', ''], ['True', '2'])
    """
    if not isinstance(cells, list) and cells.dtype.kind in "iuf":
        return cells
    texts = cell_texts(cells)
    words = {text.strip().lower() for text in set(texts)}
    if not words & FLAGS.keys() or words - FLAGS.keys() - EMPTY:
        return cells
    return [FLAGS.get(text.strip().lower(), "") for text in texts]


def _describe_missing(file: str, numbers: Sequence[NumberColumn]) -> list[str]:
    """Return a note on the words that are read as missing values, beside the usual ones."""
    words = sum((number.missing for number in numbers), Counter[str]())
    words = Counter({w: n for w, n in words.items() if w.lower() not in EMPTY | INFINITIES})
    counts = ", ".join(f"{word} {count:,}" for word, count in words.most_common())
    return [f"cells of {file} read as missing values: {counts}"] if words else []
