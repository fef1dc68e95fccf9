"""Time series that continue in a second file, such as a separate test file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.data.readers.dates import format_time
from rnnlab.data.readers.series import Series, build_series
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.readers.series_rows import Labels, SeriesRows, read_rows
from rnnlab.data.readers.tables import open_table
from rnnlab.errors import DataError


def read_continued_series(
    path: Path, test_path: Path, columns: SeriesColumns, notes: list[str]
) -> Series:
    """Read the series of a table, and their continuation from a second one.

    `Series.test_starts` has the times at which the second table begins.

    Raises:
        DataError: the files do not fit together: other columns, unknown series, overlapping times.
    """
    labels: Labels = {}
    rows, numbers = read_rows(open_table(path, columns.table_format), columns, notes, labels)
    names = list(labels.get(columns.series or "", ())) or [path.name]
    test_table = open_table(test_path, columns.table_format)
    test, test_numbers = read_rows(test_table, columns, notes, labels)
    unknown = list(labels.get(columns.series or "", ()))[len(names) :]
    if unknown:
        raise DataError(
            f"{test_path}: the series {unknown[0]!r} is not in {path.name}; a test file continues "
            "the series of data.path"
        )
    if set(numbers) != set(test_numbers):
        other = min({*numbers} ^ {*test_numbers})
        raise DataError(
            f"{test_path}: the column {other!r} is in only one of this file and {path.name}; name "
            "the columns of both with data.target_columns"
        )
    order = [test_numbers.index(name) for name in numbers]
    test = test._replace(values=test.values[:, order])
    if not columns.dates:
        test = _continue_row_numbers(rows, test, len(names))
    starts = _check_order(path, test_path, rows, test, names)
    all_rows, file = join_rows(rows, test), f"{path.name} and {test_path.name}"
    series = build_series(file, all_rows, columns, numbers, labels, notes)
    return replace(series, test_starts=starts, names=series.names if columns.series else names)


def join_rows(rows: SeriesRows, others: SeriesRows) -> SeriesRows:
    """Return the rows of two tables."""
    names = ("series", "values", "times", "local_times")
    parts: dict[str, Any] = {
        name: np.concatenate([getattr(rows, name), getattr(others, name)]) for name in names
    }
    count = len(rows.numbers)

    def locate(row: int) -> str:
        """Return the name of a row of either table."""
        return str(rows.locate(row) if row < count else others.locate(row - count))

    numbers = np.concatenate([rows.numbers, others.numbers + count])
    return rows._replace(**parts, numbers=numbers, locate=locate)


def _continue_row_numbers(rows: SeriesRows, test: SeriesRows, count: int) -> SeriesRows:
    """Return the rows of the test file, numbered after those of the first one."""
    times = test.times + np.bincount(rows.series, minlength=count)[test.series]
    return test._replace(times=times, local_times=times)


def _check_order(
    path: Path, test_path: Path, rows: SeriesRows, test: SeriesRows, names: list[str]
) -> dict[str, int]:
    """Return the first time of each series in the test file; check that it is a later one.

    Raises:
        DataError: a series begins before the end of the first file, or the kinds of times differ.
    """
    if rows.time_kind != test.time_kind:
        raise DataError(
            f"{test_path}: only one of this file and {path.name} has dates; give both the same "
            "data.date_column"
        )
    starts: dict[str, int] = {}
    for code in np.unique(test.series):
        before, after = rows.take(rows.series == code), test.take(test.series == code)
        last, first = int(np.argmax(before.times)), int(np.argmin(after.times))
        if after.times[first] <= before.times[last]:
            begin = format_time(after.local_times[first], rows.time_kind)
            end = format_time(before.local_times[last], rows.time_kind)
            raise DataError(
                f"{test_path}: {names[code]!r} begins at {begin}, but {path.name} ends at {end}. A "
                "test file follows data.path in time; to split one file use data.test_from"
            )
        starts[names[code]] = int(after.times[first])
    return starts
