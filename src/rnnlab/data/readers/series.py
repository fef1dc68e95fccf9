"""Time series from tables: sorted, without duplicates and gaps; every repair is counted.

N rows or steps, D columns of numbers, S series.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.data.readers.dates import TimeKind, format_time
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.readers.series_rows import Labels, SeriesRows, read_rows
from rnnlab.data.readers.tables import Table, open_table
from rnnlab.data.readers.time_steps import note_irregular_steps, repeats_an_hour
from rnnlab.errors import DataError
from rnnlab.spec import Array

ARRAYS = ("values", "observed", "times", "local_times", "offsets")


@dataclass(frozen=True)
class Series:
    """Several series, one after the other, each in the order of time.

    Attributes:
        values: (N, D), float64; a gap has the previous value of its series.
        observed: False where the file has no value, (N, D).
        times: microseconds since 1970, in UTC where the file has a time zone, (N,); without dates
            the number of the step.
        local_times: the same in the wall clock of the file, (N,).
        offsets: first step of each series, and the end of the last one, (S + 1,).
        columns: names of the columns, D.
        names: of the series, S.
        labels: text of each number of the static columns, by column.
        test_starts: first time in a separate test file, by the name of the series; empty without
            such a file.
        time_kind: calendar | steps; the times of steps are numbers, not dates.
    """

    values: Array
    observed: Array
    times: Array
    local_times: Array
    offsets: Array
    columns: list[str]
    names: list[str]
    time_kind: TimeKind = "calendar"
    labels: Mapping[str, list[str]] = field(default_factory=dict)
    test_starts: Mapping[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the arrays into a folder, and return the rest as plain values."""
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ARRAYS}

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> "Series":
        """Return series from what `save` wrote and returned; the arrays stay on disk."""
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
        return cls(**{**arrays, "offsets": np.array(arrays["offsets"])}, **facts)

    def is_observed(self, *names: str) -> Array:
        """Return False where the file has no value in these columns, (N, names)."""
        flags: Array = np.asarray(self.observed)[:, [self.columns.index(name) for name in names]]
        return flags

    def column(self, *names: str) -> Array:
        """Return the values of some columns, (N, names)."""
        values: Array = np.asarray(self.values)[:, [self.columns.index(name) for name in names]]
        return values

    def take(self, indices: Array) -> "Series":
        """Return some of the series."""
        begins, ends = self.offsets[indices], self.offsets[indices + 1]
        rows = np.concatenate([np.arange(i, j) for i, j in zip(begins, ends, strict=True)])
        offsets = np.concatenate([[0], np.cumsum(ends - begins)])
        names = [self.names[i] for i in indices]
        return replace(self.take_rows(rows, offsets), names=names)

    def take_rows(self, rows: Array, offsets: Array) -> "Series":
        """Return some rows of all series, whose borders become `offsets`."""
        names = ("values", "observed", "times", "local_times")
        parts = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **parts, offsets=offsets)


def join_series(parts: Sequence[tuple[str, Series]], keep_names: bool) -> Series:
    """Join the series of several files, each with a name.

    `keep_names` keeps the names of the series within the files instead of those of the files.

    Raises:
        DataError: one file has dates, and another one the numbers of steps.
    """
    kinds = {part.time_kind: file for file, part in parts}
    if len(kinds) > 1:
        raise DataError(
            f"{kinds['calendar']} has dates, but {kinds['steps']} has numbers of steps: give all "
            "files the same kind of times"
        )
    lengths = [np.diff(part.offsets) for _, part in parts]
    return Series(
        np.concatenate([part.values for _, part in parts]),
        np.concatenate([part.observed for _, part in parts]),
        np.concatenate([part.times for _, part in parts]),
        np.concatenate([part.local_times for _, part in parts]),
        np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
        parts[0][1].columns,
        [name for file, part in parts for name in (part.names if keep_names else [file])],
        parts[0][1].time_kind,
    )


def read_series(path: Path, columns: SeriesColumns, notes: list[str]) -> Series:
    """Read the series of a table, plain or compressed, and note the repairs, with counts.

    Raises:
        DataError: the file cannot be used; names the line.
    """
    return series_of_table(open_table(path, columns.table_format), columns, notes)


def series_of_table(table: Table, columns: SeriesColumns, notes: list[str]) -> Series:
    """Read the series of an open table; see read_series."""
    labels: Labels = {}
    rows, numbers = read_rows(table, columns, notes, labels)
    return build_series(table.path.name, rows, columns, numbers, labels, notes)


def build_series(
    file: str,
    rows: SeriesRows,
    columns: SeriesColumns,
    numbers: list[str],
    labels: Labels,
    notes: list[str],
) -> Series:
    """Sort rows by series and time, and repair duplicates and gaps; note the repairs, with counts.

    `numbers` are the names of the columns of values. For `labels` see read_rows.
    """
    names = list(labels.get(columns.series or "", ())) or [file]
    texts = {name: list(labels[name]) for name in columns.static}
    static = [numbers.index(name) for name in columns.static]
    rows = rows._replace(values=spread_static(file, rows, static, texts, names))
    rows = sort_rows(file, rows, columns, notes)
    rows = drop_duplicate_times(file, rows, columns, notes)
    mask = ~np.isnan(rows.values)
    rows = rows._replace(values=fill_gaps(file, rows, columns, numbers, notes))
    complete = np.asarray(~np.isnan(rows.values).any(axis=1))
    if not complete.all():
        count = (~complete).sum()
        notes.append(f"{count:,} rows of {file} without a previous value were left out")
    rows = rows.take(complete)
    codes, starts = np.unique(rows.series, return_index=True)
    if columns.dates:
        inside = np.diff(rows.series) == 0
        notes += note_irregular_steps(file, rows.times, rows.local_times, inside, rows.time_kind)
    return Series(
        rows.values,
        mask[complete],
        rows.times,
        rows.local_times,
        np.append(starts, len(rows.times)),
        numbers,
        [names[code] for code in codes],
        rows.time_kind,
        texts,
    )


def spread_static(
    file: str,
    rows: SeriesRows,
    static: Sequence[int],
    texts: Mapping[str, list[str]],
    names: Sequence[str],
) -> Array:
    """Return the values with those of the static columns at these positions in every row.

    `texts` are those of each static column, and `names` those of the series, by number.

    Raises:
        DataError: a series has no value of such a column, or two.
    """
    import pandas as pd

    values = rows.values.copy() if static else rows.values
    for position, (column, labels) in zip(static, texts.items(), strict=True):
        groups = pd.Series(values[:, position]).groupby(rows.series)
        low, high = groups.transform("min").to_numpy(), groups.transform("max").to_numpy()
        for row in np.flatnonzero((low != high) | np.isnan(low))[:1]:
            name = names[rows.series[row]]
            if np.isnan(low[row]):
                raise DataError(
                    f"{file}: series {name!r} has no value of the static column {column!r}. "
                    "Complete it, or remove the column from data.static_columns"
                )
            raise DataError(
                f"{file}: series {name!r} has two values of the static column {column!r}, "
                f"{labels[int(low[row])]!r} and {labels[int(high[row])]!r}. A column of numbers "
                "that changes is one of data.covariate_columns or data.known_columns"
            )
        values[:, position] = low
    return values


def sort_rows(file: str, rows: SeriesRows, columns: SeriesColumns, notes: list[str]) -> SeriesRows:
    """Sort the rows by series and time, and count those that precede the row before them.

    Raises:
        DataError: rows are out of order, and their times may not be what their numbers mean.
    """
    order = np.argsort(rows.series, kind="stable")
    times = rows.times[order]
    backwards = (np.diff(times) < 0) & (np.diff(rows.series[order]) == 0)
    if backwards.any():
        first = int(order[1:][backwards].min())
        message = (
            f"{backwards.sum():,} rows of {file} came before an earlier one (first: "
            f"{locate_row(rows, rows.numbers[first])})"
        )
        if rows.time_kind == "steps" and columns.date_format is None:
            raise DataError(
                f"{message}: their numbers may not be steps. If they are, set "
                "data.date_format=steps; else give the format of the dates, or name the column of "
                "the series with data.series_column"
            )
        notes.append(f"{message}; sorted by date")
    return rows.take(np.lexsort((rows.times, rows.series)))


def drop_duplicate_times(
    file: str, rows: SeriesRows, columns: SeriesColumns, notes: list[str]
) -> SeriesRows:
    """Keep one row for each time of a series; see SeriesColumns.duplicates.

    Raises:
        DataError: there are duplicates, and these are an error.
    """
    duplicate = (np.diff(rows.times) == 0) & (np.diff(rows.series) == 0)
    if not duplicate.any():
        return rows
    first = int(np.argmax(duplicate))
    places = [locate_row(rows, row) for row in sorted(rows.numbers[first : first + 2])]
    time = format_time(rows.local_times[first], rows.time_kind)
    message = (
        f"{duplicate.sum():,} rows of {file} have the time of another one (first: {time} in "
        f"{places[0]} and {places[1].split(', ')[-1]})"
    )
    if columns.duplicates == "error":
        calendar = rows.time_kind == "calendar"
        hour = (
            "; it is the hour that daylight saving repeats: name the zone, such as "
            "data.time_zone=Europe/Berlin, to keep both"
        )
        saving = repeats_an_hour(rows.local_times[1:][duplicate]) if calendar else False
        raise DataError(
            f"{message}{hour if saving else ''}. Choose one with data.duplicates=first or last; "
            "if the file contains several series, name their column with data.series_column"
        )
    notes.append(f"{message}: duplicates={columns.duplicates}")
    if columns.duplicates == "keep":
        return rows
    last = columns.duplicates == "last"
    return rows.take(~(np.append(duplicate, False) if last else np.append(False, duplicate)))


def locate_row(rows: SeriesRows, number: int) -> str:
    """Return the name of a file without its folder, and the line of a row."""
    return Path(rows.locate(int(number))).name


def fill_gaps(
    file: str, rows: SeriesRows, columns: SeriesColumns, numbers: list[str], notes: list[str]
) -> Array:
    """Fill each missing value with the previous one of its series; future values are never used.

    Raises:
        DataError: there are gaps, and these are an error; or a column has no value at all.
    """
    import pandas as pd

    missing = np.isnan(rows.values)
    if not missing.any():
        return rows.values
    counts = {name: int(n) for name, n in zip(numbers, missing.sum(axis=0), strict=True) if n}
    summary = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    empty = [name for name, count in counts.items() if count == len(missing)]
    if empty:
        raise DataError(f"{file}: the column {empty[0]!r} contains no number; leave it out")
    if columns.missing == "error":
        first = format_time(rows.local_times[missing.any(axis=1)][0], rows.time_kind)
        raise DataError(
            f"{file}: missing values ({summary}; first: {first}). Complete them, or choose "
            "data.missing=previous"
        )
    notes.append(f"missing values of {file} ({summary}) were filled with the previous one")
    groups = pd.DataFrame(rows.values).groupby(rows.series, sort=False)
    values: Array = groups.ffill().to_numpy()
    return values
