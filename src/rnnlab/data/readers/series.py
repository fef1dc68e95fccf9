"""Series in CSV files: read piece by piece, every cell checked, every repair counted.

N rows, D columns of numbers, S series.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.io.common import get_handle

from rnnlab.data.readers.files import DAMAGE, check_file, encoding_error
from rnnlab.data.readers.tables import DELIMITERS, Delimiter, is_missing
from rnnlab.errors import DataError, did_you_mean

Array = NDArray[Any]
CHUNK_ROWS = 200_000
Duplicates = Literal["error", "first", "last", "keep"]
Gaps = Literal["previous", "error"]


@dataclass(frozen=True)
class SeriesColumns:
    """What stands in which column, and what is done about cells that hold no number.

    Attributes:
        date: column of the time stamps; None where rows are taken as equidistant.
        values: columns of numbers; None for all others.
        series: column that says which series a row belongs to; None for one series.
        delimiter: between cells: comma | semicolon | tab | pipe.
        encoding: of the file.
        date_format: as in strptime, such as %d/%m/%Y; None for ISO 8601 and what pandas infers.
        missing_values: numbers that stand for no value, such as -9999.
        missing: previous fills a missing value with the one before it, in time and series; error
            refuses it.
        duplicates: rows of one series with one time: error | first | last | keep.
    """

    date: str | None = "date"
    values: tuple[str, ...] | None = None
    series: str | None = None
    delimiter: Delimiter = "comma"
    encoding: str = "utf-8"
    date_format: str | None = None
    missing_values: tuple[float, ...] = ()
    missing: Gaps = "previous"
    duplicates: Duplicates = "error"

    @property
    def mark(self) -> str:
        """What stands between cells."""
        return DELIMITERS[self.delimiter]


@dataclass(frozen=True)
class Series:
    """Several series, one after the other, each in the order of time.

    Attributes:
        values: (N, D), float64.
        times: seconds since 1970, (N,); the number of the row where there are no dates.
        offsets: where each series begins, and where the last ends, (S + 1,).
        columns: names of the columns, D.
        names: of the series, S.
    """

    values: Array
    times: Array
    offsets: Array
    columns: list[str]
    names: list[str]

    def column(self, *names: str) -> Array:
        """The values of these columns, (N, names)."""
        values: Array = np.asarray(self.values)[:, [self.columns.index(name) for name in names]]
        return values

    def take(self, chosen: Array) -> "Series":
        """The same with these series alone."""
        begins, ends = self.offsets[chosen], self.offsets[chosen + 1]
        rows = np.concatenate([np.arange(i, j) for i, j in zip(begins, ends, strict=True)])
        offsets = np.concatenate([[0], np.cumsum(ends - begins)])
        names = [self.names[i] for i in chosen]
        return Series(self.values[rows], self.times[rows], offsets, self.columns, names)


def read_series(path: Path, columns: SeriesColumns, notes: list[str]) -> Series:
    """Read a CSV file, also a compressed one.

    Args:
        path: of the file.
        columns: what stands where.
        notes: what was repaired is added here, with counts.

    Raises:
        DataError: what cannot be used, with file and line.
    """
    check_file(path)
    header = read_header(path, columns)
    wanted = columns.values or tuple(
        name for name in header if name not in (columns.date, columns.series)
    )
    check_columns(path, header, [columns.date, columns.series, *wanted])
    blank = check_rows(path, columns, len(header))
    if blank:
        notes.append(f"{len(blank):,} empty lines of {path.name} were left out")
    table = _read_pieces(path, columns, wanted, blank)
    return arrange(path.name, table, columns, list(wanted), notes)


@dataclass(frozen=True)
class Table:
    """The rows as they stand in the file.

    Attributes:
        series: number of the series of each row, (N,).
        times: (N,).
        values: (N, D).
        names: of the series.
    """

    series: Array
    times: Array
    values: Array
    names: list[str]

    def take(self, rows: Array) -> "Table":
        """The same with these rows alone."""
        return Table(self.series[rows], self.times[rows], self.values[rows], self.names)


def read_header(path: Path, columns: SeriesColumns) -> list[str]:
    """Names of the columns.

    Raises:
        DataError: the header has one column only, but another separator stands in it.
    """
    with _opened(path, columns.encoding) as lines:
        first = next(lines, "").lstrip("\ufeff")
    header = next(csv.reader([first], delimiter=columns.mark), [])
    others = [name for name, mark in DELIMITERS.items() if mark in first]
    if len(header) < 2 and others:
        raise DataError(
            f"{path}, line 1: one column {shown(first)}: the cells seem to be separated by "
            f"{DELIMITERS[others[0]]!r}; say so with data.delimiter={others[0]}"
        )
    return [name.strip() for name in header]


def check_columns(path: Path, header: Sequence[str], wanted: Sequence[str | None]) -> None:
    """Whether all columns are there, each once.

    Raises:
        DataError: one is not.
    """
    for column in wanted:
        if column is not None and column not in header:
            raise DataError(
                f"{path}: there is no column {column!r}; {did_you_mean(column, header)}. Name the "
                "right ones with data.date_column, data.target_columns and data.series_column"
            )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path}, line 1: the column {twice[0]!r} stands there twice; rename one")


def check_rows(path: Path, columns: SeriesColumns, width: int) -> list[int]:
    """The numbers of the empty lines, if each row has as many cells as the header.

    Raises:
        DataError: one has not.
    """
    blank: list[int] = []
    with _opened(path, columns.encoding) as lines:
        for number, line in enumerate(lines, start=1):
            cells = line.count(columns.mark) + 1
            if cells == width and width > 1:
                continue
            if not line.strip():
                blank.append(number)
            elif cells != width and '"' not in line:  # a quoted cell may hold separators
                raise DataError(
                    f"{path}, line {number:,}: {cells} cells, but the header has {width}: "
                    f"{shown(line)}. Mend the row or take it out"
                )
    return blank


def shown(text: str) -> str:
    """A piece of a file as an error shows it: quoted, and not longer than a line.

    >>> shown("1.5 m ")
    "'1.5 m'"
    """
    text = text.strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


class _opened:  # noqa: N801, used like a function
    """The lines of a text file, also of a compressed one; errors of reading in words."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.path, self.encoding = path, encoding

    def __enter__(self) -> Iterator[str]:
        try:
            self._handles = get_handle(
                self.path, "r", encoding=self.encoding, compression="infer", errors="strict"
            )
        except LookupError as error:
            raise DataError(f"data.encoding={self.encoding}: {error}") from error
        except PermissionError as error:
            raise DataError(f"{self.path}: may not be read by this user") from error
        lines: IO[Any] = self._handles.handle
        return iter(lines)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._handles.close()
        if isinstance(error, UnicodeDecodeError):
            raise encoding_error(self.path, self.encoding) from error
        if isinstance(error, (OSError, *DAMAGE)) and not isinstance(error, DataError):
            raise DataError(f"{self.path}: cannot be read: {error}") from error


def _read_pieces(
    path: Path, columns: SeriesColumns, wanted: Sequence[str], blank: list[int]
) -> Table:
    """All rows, 200,000 at a time, so that the text never stands in memory as a whole."""
    from rich.progress import Progress, TextColumn

    pieces, done = [], 0
    names: dict[str, int] = {}

    def where(row: int) -> str:
        """How an error names a row: by its line, counted from 1, the header and empty ones too."""
        line = row + 2
        for number in blank:
            line += number <= line
        return f"{path}, line {line:,}"

    shown = TextColumn("reading {task.completed:,.0f} rows")
    with Progress(shown, transient=True) as bar:
        task = bar.add_task("")
        for chunk in _chunks(path, columns, wanted):
            pieces.append(_convert(columns, wanted, chunk, names, partial(_shifted, where, done)))
            done += len(chunk)
            bar.advance(task, len(chunk))
    if not pieces or not sum(len(piece[1]) for piece in pieces):
        raise DataError(f"{path}: has a header but no rows")
    series, times, values = (np.concatenate(part) for part in zip(*pieces, strict=True))
    times = times if columns.date else np.arange(len(times))
    return Table(series, times, values, list(names) or [path.name])


def _shifted(where: Callable[[int], str], done: int, row: int) -> str:
    return where(done + row)


def _chunks(path: Path, columns: SeriesColumns, wanted: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Pieces of the table, all cells as text where one is not a number."""
    used = [name for name in (columns.date, columns.series) if name] + list(wanted)
    settings: dict[str, Any] = {
        "sep": columns.mark,
        "usecols": used,
        "encoding": columns.encoding,
        "dtype": str,
        "na_filter": False,
        "skipinitialspace": True,
        "chunksize": CHUNK_ROWS,
    }
    try:
        with pd.read_csv(path, **settings) as reader:
            yield from reader
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table: {str(error).strip()}") from error


def _convert(
    columns: SeriesColumns,
    wanted: Sequence[str],
    chunk: pd.DataFrame,
    names: dict[str, int],
    where: Callable[[int], str],
) -> tuple[Array, Array, Array]:
    """Series, times and values of one piece."""
    codes = np.zeros(len(chunk), dtype=np.int64)
    if columns.series:
        codes = chunk[columns.series].map(lambda n: names.setdefault(n, len(names))).to_numpy()
    times = np.zeros(len(chunk), dtype=np.int64)
    if columns.date:
        times = _to_seconds(chunk[columns.date], columns, where)
    values = np.column_stack([_to_numbers(chunk[name], columns, where) for name in wanted])
    return codes, times, values


def _to_seconds(cells: Any, columns: SeriesColumns, where: Callable[[int], str]) -> Array:
    parsed = pd.to_datetime(cells, format=columns.date_format, errors="coerce", utc=True)
    wrong = np.flatnonzero(parsed.isna())
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{where(row)}, column {columns.date!r}: {shown(cells.iloc[row])} is not a date"
            f"{f' like {columns.date_format}' if columns.date_format else ''}. Correct it, or say "
            "how dates are written, such as data.date_format=%d/%m/%Y"
        )
    seconds: Array = parsed.dt.tz_localize(None).to_numpy(dtype="datetime64[s]").astype(np.int64)
    return seconds


def _to_numbers(cells: Any, columns: SeriesColumns, where: Callable[[int], str]) -> Array:
    """Numbers as float64; NaN where there is none."""
    numbers: Array = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    for row in np.flatnonzero(np.isnan(numbers)):
        if not is_missing(cells.iloc[row]):
            raise DataError(
                f"{where(int(row))}, column {cells.name!r}: {shown(cells.iloc[row])} is no number. "
                "Correct it, or leave the cell empty"
            )
    numbers[~np.isfinite(numbers) | np.isin(numbers, columns.missing_values)] = np.nan
    return numbers


def joined(parts: Sequence[tuple[str, Series]], keep_names: bool) -> Series:
    """Series of several files as one.

    Args:
        parts: a name and what was read, for each file.
        keep_names: take the names of the series within the files, not those of the files.
    """
    lengths = [np.diff(part.offsets) for _, part in parts]
    names = [known for name, part in parts for known in (part.names if keep_names else [name])]
    return Series(
        np.concatenate([part.values for _, part in parts]),
        np.concatenate([part.times for _, part in parts]),
        np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
        parts[0][1].columns,
        names,
    )


# From rows to series.


def arrange(
    file: str, table: Table, columns: SeriesColumns, wanted: list[str], notes: list[str]
) -> Series:
    """Rows put in order by series and time, without doubles and gaps.

    Args:
        file: its name, for errors and notes.
        table: the rows as they were read.
        columns: what is done about doubles and gaps.
        wanted: names of the columns of values.
        notes: what was repaired is added here.
    """
    table = in_order(file, table, notes)
    table = without_doubles(file, table, columns, notes)
    values = without_gaps(file, table, columns, wanted, notes)
    kept = ~np.isnan(values).any(axis=1)
    if not kept.all():
        notes.append(f"{(~kept).sum():,} rows of {file} with nothing before them were left out")
    series, times, values = table.series[kept], table.times[kept], values[kept]
    codes, starts = np.unique(series, return_index=True)
    if columns.date:
        notes += irregular_steps(file, times, series)
    names = [table.names[code] for code in codes]
    return Series(values, times, np.append(starts, len(times)), wanted, names)


def in_order(file: str, table: Table, notes: list[str]) -> Table:
    """The rows of each series together and in the order of time; what moved is counted."""
    back = (np.diff(table.times) < 0) & (np.diff(table.series) == 0)
    if back.any():
        notes.append(
            f"{back.sum():,} rows of {file} came before an earlier one (first in row "
            f"{int(np.flatnonzero(back)[0]) + 2:,}); sorted by date"
        )
    order = np.lexsort((table.times, table.series))
    return table.take(order)


def without_doubles(file: str, table: Table, columns: SeriesColumns, notes: list[str]) -> Table:
    """One row for each time of a series; see SeriesColumns.duplicates.

    Raises:
        DataError: there are doubles, and they are an error.
    """
    double = (np.diff(table.times) == 0) & (np.diff(table.series) == 0)
    if not double.any():
        return table
    first = as_date(table.times[1:][double][0])
    found = f"{double.sum():,} rows of {file} have the time of another one (first: {first})"
    if columns.duplicates == "error":
        raise DataError(
            f"{found}. Say which to take with data.duplicates=first or last; if the file holds "
            "several series, name their column with data.series_column"
        )
    notes.append(f"{found}: duplicates={columns.duplicates}")
    if columns.duplicates == "keep":
        return table
    keep = ~np.append(False, double) if columns.duplicates == "first" else ~np.append(double, False)
    return table.take(keep)


def without_gaps(
    file: str, table: Table, columns: SeriesColumns, wanted: list[str], notes: list[str]
) -> Array:
    """Values with each missing one filled by the one before it: nothing of the future is used.

    Raises:
        DataError: there are gaps, and they are an error; or a column has no value at all.
    """
    missing = np.isnan(table.values)
    if not missing.any():
        return table.values
    counts = {name: int(n) for name, n in zip(wanted, missing.sum(axis=0), strict=True) if n}
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    empty = [name for name, count in counts.items() if count == len(missing)]
    if empty:
        raise DataError(f"{file}: the column {empty[0]!r} holds no number at all; leave it out")
    if columns.missing == "error":
        first = as_date(table.times[missing.any(axis=1)][0])
        raise DataError(
            f"{file}: missing values ({listed}; first: {first}). Fill them in, or choose "
            "data.missing=previous"
        )
    notes.append(f"missing values of {file} ({listed}) were filled with the one before")
    frame = pd.DataFrame(table.values)
    filled: Array = frame.groupby(table.series, sort=False).ffill().to_numpy()
    return filled


def irregular_steps(file: str, times: Array, series: Array) -> list[str]:
    """A note on steps that are longer or shorter than the usual one."""
    steps = np.diff(times)[np.diff(series) == 0]
    if not len(steps):
        return []
    usual = int(np.median(steps))
    other = int((steps != usual).sum())
    if not other:
        return []
    place = int(np.flatnonzero((np.diff(series) == 0) & (np.diff(times) != usual))[0])
    return [
        f"{other:,} of {len(steps):,} steps of {file} are not the usual {in_units(usual)} (first "
        f"after {as_date(times[place])}): rows are taken as equidistant"
    ]


def as_date(seconds: int) -> str:
    """A time in words.

    >>> as_date(86400)
    '1970-01-02 00:00:00'
    """
    return str(np.datetime64(int(seconds), "s")).replace("T", " ")


def in_units(seconds: int) -> str:
    """A duration in the largest unit that fits.

    >>> in_units(600), in_units(86400)
    ('10 min', '1 d')
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
