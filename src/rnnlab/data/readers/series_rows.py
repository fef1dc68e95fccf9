"""Rows of tables of time series, in any format of tables; every cell is checked.

CSV and TSV files are read in pieces, so that their text is never in memory as a whole.

N rows, D columns of numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from rnnlab.data.readers.date_column import DateColumn, TimeAxis, open_dates
from rnnlab.data.readers.dates import TimeKind, excerpt
from rnnlab.data.readers.files import check_file, open_text
from rnnlab.data.readers.tables import (
    DELIMITERS,
    Delimiter,
    check_delimiter,
    csv_rows,
    default_delimiter,
    is_delimited,
    is_missing,
    is_table,
    load_frame,
    row_name,
)
from rnnlab.errors import DataError, did_you_mean
from rnnlab.spec import Array

Locate = Callable[[int], str]  # row, counted from 0 -> its name in errors
CHUNK_ROWS = 200_000
DuplicatePolicy = Literal["error", "first", "last", "keep"]
MissingPolicy = Literal["previous", "error"]


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
        missing_values: numbers that mark a missing value, such as -9999.
        missing: previous fills a missing value with the previous one of its series; error rejects
            it.
        duplicates: rows of one series with the same time: error | first | last | keep.
        date_columns: several columns that form the time stamp together, such as (date, time) or
            (year, month, day, hour), instead of `date`.
        day_first: whether 01/02/2020 is February 1; None if the rows decide.
    """

    date: str | None = "date"
    values: tuple[str, ...] | None = None
    series: str | None = None
    delimiter: Delimiter | None = None
    encoding: str = "utf-8"
    date_format: str | None = None
    missing_values: tuple[float, ...] = ()
    missing: MissingPolicy = "previous"
    duplicates: DuplicatePolicy = "error"
    date_columns: tuple[str, ...] = ()
    day_first: bool | None = None

    @property
    def dates(self) -> tuple[str, ...]:
        """Return the columns that form the time stamp; none if the rows are equidistant."""
        return self.date_columns or ((self.date,) if self.date else ())

    def select(self, path: Path, header: Sequence[str]) -> list[str]:
        """Return the columns of numbers; check that all columns exist, each once.

        Raises:
            DataError: one does not.
        """
        names = self.values or [name for name in header if name not in (*self.dates, self.series)]
        for column in (*self.dates, self.series, *names):
            if column is not None and column not in header:
                raise DataError(
                    f"{path}: there is no column {column!r}; {did_you_mean(column, header)}. Name "
                    "the right ones with data.date_column (or data.date_columns), "
                    "data.target_columns and data.series_column"
                )
        duplicates = sorted({name for name in header if header.count(name) > 1})
        if duplicates:
            raise DataError(f"{path}, line 1: there are two columns {duplicates[0]!r}; rename one")
        return list(names)


class RowValues(NamedTuple):
    """Rows of a table of series without their times, in the order of the file.

    Attributes:
        series: number of the series of each row, (N,).
        values: (N, D); NaN where there is no number.
    """

    series: Array
    values: Array


class SeriesRows(NamedTuple):
    """Rows of a table of series.

    Attributes:
        series, values: see RowValues.
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
    """Read and check a table, plain or compressed; note the number of empty lines.

    Extensions that are not in rnnlab.data.readers.tables, such as .txt, are read as CSV.

    Returns:
        The rows, the names of the columns of numbers, and the names of the series.

    Raises:
        DataError: a row cannot be used; names its line.
    """
    check_file(path)
    names: dict[str, int] = {}
    dates = open_dates(columns.dates, columns.date_format, columns.day_first)
    if is_table(path) and not is_delimited(path):
        frame = load_frame(path, columns.encoding)
        frame.columns = frame.columns.map(str)
        numbers = columns.select(path, list(frame.columns))
        pieces = [convert(frame, columns, numbers, names, dates, lambda row: row_name(path, row))]
    else:
        numbers, pieces = _read_delimited(path, columns, names, dates, notes)
    series, values = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    if not len(values):
        raise DataError(f"{path}: has a header but no rows")
    steps = np.arange(len(values))
    axis = dates.finish(notes) if dates else TimeAxis(steps, steps, "steps")
    return SeriesRows(series, values, *axis), numbers, list(names) or [path.name]


def _read_delimited(
    path: Path,
    columns: SeriesColumns,
    names: dict[str, int],
    dates: DateColumn | None,
    notes: list[str],
) -> tuple[list[str], list[RowValues]]:
    """Read a CSV or TSV file: names of the columns of numbers, and pieces of its rows."""
    sign = DELIMITERS[columns.delimiter or default_delimiter(path)]
    check_delimiter(path, (*columns.dates, "")[0], columns.encoding, sign)
    _, header = next(csv_rows(path, columns.encoding, sign))
    header = [name.strip() for name in header]
    numbers = columns.select(path, header)
    blank = check_widths(path, columns.encoding, sign, len(header))
    if blank:
        notes.append(f"{len(blank):,} empty lines of {path.name} were left out")
    frames = _read_frames(path, columns, numbers, sign)
    return numbers, list(_convert_pieces(path, columns, numbers, names, dates, frames, blank))


def check_widths(path: Path, encoding: str, sign: str, width: int) -> list[int]:
    """Return the numbers of the empty lines; check that the other rows have `width` cells.

    Raises:
        DataError: one has not.
    """
    blank: list[int] = []
    with open_text(path, encoding) as lines:
        for number, line in enumerate(lines, start=1):
            cells = line.count(sign) + 1
            if cells == width and width > 1:
                continue
            if not line.strip():
                blank.append(number)
            elif cells != width and '"' not in line:  # a quoted cell may contain separators
                raise DataError(
                    f"{path}, line {number:,}: {cells} cells, but the header has {width}: "
                    f"{excerpt(line)}. Complete the row or remove it"
                )
    return blank


def _read_frames(
    path: Path, columns: SeriesColumns, numbers: Sequence[str], sign: str
) -> Iterator[pd.DataFrame]:
    """Yield pieces of the table, all cells as text."""
    names = [name for name in (*columns.dates, columns.series) if name] + list(numbers)
    cells: dict[str, Any] = {"dtype": str, "na_filter": False, "skipinitialspace": True}
    with open_text(path, columns.encoding, newline="") as stream:
        try:
            yield from pd.read_csv(stream, sep=sign, usecols=names, chunksize=CHUNK_ROWS, **cells)
        except (pd.errors.ParserError, ValueError) as error:
            if isinstance(error, (DataError, UnicodeError)):
                raise
            raise DataError(f"{path}: cannot be read as a table: {str(error).strip()}") from error


def _convert_pieces(
    path: Path,
    columns: SeriesColumns,
    numbers: Sequence[str],
    names: dict[str, int],
    dates: DateColumn | None,
    frames: Iterator[pd.DataFrame],
    blank: Sequence[int],
) -> Iterator[RowValues]:
    """Yield the rows of each piece, with a progress bar."""
    from rich.progress import Progress, TextColumn

    count = 0  # rows of the pieces before

    def name_line(row: int) -> str:
        """Return the name of a row by its line; the header and empty lines count too."""
        line = count + row + 2
        for number in blank:
            line += number <= line
        return f"{path}, line {line:,}"

    column = TextColumn("reading {task.completed:,.0f} rows")
    with Progress(column, transient=True) as bar:
        task = bar.add_task("")
        for frame in frames:
            yield convert(frame, columns, numbers, names, dates, name_line)
            count += len(frame)
            bar.advance(task, len(frame))


def convert(
    frame: pd.DataFrame,
    columns: SeriesColumns,
    numbers: Sequence[str],
    names: dict[str, int],
    dates: DateColumn | None,
    locate: Locate,
) -> RowValues:
    """Convert the cells of a table, text or typed; `dates` receives the time stamps.

    `names` has the number of each series by its name, and receives new names. `locate` names a row
    in errors.

    Raises:
        DataError: a cell is not a date or not a number.
    """
    series = np.zeros(len(frame), dtype=np.int64)
    if columns.series:
        labels = _to_text(frame[columns.series])
        series = labels.map(lambda name: names.setdefault(name, len(names))).to_numpy(np.int64)
    if dates:
        dates.add(frame[list(columns.dates)], locate)
    values = [_to_numbers(frame[name], columns.missing_values, locate) for name in numbers]
    return RowValues(series, np.column_stack(values))


def _to_text(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return all cells as text; a missing one is empty."""
    if pd.api.types.is_string_dtype(cells.dtype) and cells.dtype != object:
        return cells
    return cells.astype(object).where(cells.notna(), "").map(str)


def _to_numbers(cells: "pd.Series[Any]", missing_values: Sequence[float], locate: Locate) -> Array:
    """Return the cells as float64; NaN where there is no number."""
    if not pd.api.types.is_any_real_numeric_dtype(cells):
        cells = _to_text(cells)
    numbers: Array = pd.to_numeric(cells, errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan, copy=True
    )
    if not pd.api.types.is_any_real_numeric_dtype(cells):
        for row in np.flatnonzero(np.isnan(numbers)):
            if not is_missing(cells.iloc[row]):
                raise DataError(
                    f"{locate(int(row))}, column {cells.name!r}: {excerpt(cells.iloc[row])} is not "
                    "a number. Correct it, or leave the cell empty"
                )
    numbers[~np.isfinite(numbers) | np.isin(numbers, missing_values)] = np.nan
    return numbers
