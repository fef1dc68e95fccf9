"""Random tables: what is read equals what was written, or the file is rejected."""

import csv
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnlab.data.readers.delimited import DELIMITERS, TableFormat
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.readers.series_rows import read_rows
from rnnlab.data.readers.tables import open_table, read_table
from rnnlab.errors import DataError
from rnnlab.spec import Array
from tests.helpers.date_formats import DATE_FORMATS

MISSING_WORDS = [
    "",
    "NA",
    "NaN",
    "nan",
    "N/A",
    "null",
    "NULL",
    "None",
    "?",
    "-",
    ".",
    "#N/A",
    "<NA>",
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "iso8859-15"]
QUOTINGS = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]
NAMES = ["price", "CO(GT)", "t\u00e9mp [\u00b0C]", "a, b", 'the "best"', "x;y|z", "Unnamed: 0", "1"]
THOUSANDS = {"comma": ",", "dot": ".", "space": " ", "apostrophe": "'"}
QUOTED = re.compile(r'"(?:[^"]|"")*"')
ROUNDS = [pytest.param(200, id="fast"), pytest.param(2000, id="slow", marks=pytest.mark.slow)]
Row = list[str]


@dataclass
class Written:
    """A table and how it was written.

    Attributes:
        header, rows: cells as text.
        delimiter, encoding, quoting, line_end: of the file.
        by_pandas: writer, pandas or csv.
    """

    header: Row
    rows: list[Row]
    delimiter: str
    encoding: str
    quoting: int
    line_end: str
    by_pandas: bool

    def save(self, folder: Path, name: str = "a.csv") -> Path:
        path = folder / name
        sign = DELIMITERS[self.delimiter]
        if self.by_pandas:
            pd.DataFrame(self.rows, columns=self.header, dtype=object).to_csv(
                path,
                index=False,
                sep=sign,
                encoding=self.encoding,
                quoting=self.quoting,
                lineterminator=self.line_end,
            )
            return path
        with path.open("w", encoding=self.encoding, newline="") as file:
            writer = csv.writer(
                file, delimiter=sign, quoting=self.quoting, lineterminator=self.line_end
            )
            writer.writerows([self.header, *self.rows])
        return path


@st.composite
def layouts(draw: Callable[..., Any]) -> dict[str, Any]:
    return {
        "delimiter": draw(st.sampled_from(list(DELIMITERS))),
        "encoding": draw(st.sampled_from(ENCODINGS)),
        "quoting": draw(st.sampled_from(QUOTINGS)),
        "line_end": draw(st.sampled_from(["\n", "\r\n"])),
        "by_pandas": draw(st.booleans()),
    }


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.integers(-(10**6), 10**6).map(float),
    st.decimals(0, 10**6, places=3).map(float),
)


@st.composite
def number_styles(draw: Callable[..., Any]) -> tuple[Callable[[float], str], dict[str, Any]]:
    """A function that writes a number, and the settings that read it."""
    decimal = draw(st.sampled_from(["dot", "comma"]))
    others = [name for name in THOUSANDS if name != decimal]
    thousands = draw(st.sampled_from([None, None, *others]))
    sign = draw(st.sampled_from(["", "", "", "%", "\u20ac", "$"]))
    trim = draw(st.booleans())

    def write(value: float) -> str:
        text = repr(value)
        text = text.removesuffix(".0") if trim else text
        if thousands and "e" not in text:
            whole, point, rest = text.partition(".")
            text = f"{int(whole):,}".replace(",", "\0") + point + rest
            text = ("-" if whole.startswith("-0") else "") + text
        mark = THOUSANDS[thousands] if thousands else ""
        text = text.replace(".", "," if decimal == "comma" else ".").replace("\0", mark)
        return f"{sign}{text}" if sign == "$" else f"{text}{sign}"

    style = {"decimal": decimal, "thousands": thousands, "strip_signs": bool(sign)}
    return write, style


@dataclass
class SeriesTable:
    """A table of series.

    Attributes:
        written: the table.
        values: its numbers, (N, D); NaN for a missing one.
        times: wall clock in microseconds since 1970.
        format: of the dates.
        style: settings that read the numbers.
    """

    written: Written
    values: Array
    times: list[int]
    format: str
    style: dict[str, Any]


@st.composite
def series_tables(draw: Callable[..., Any]) -> SeriesTable:
    count = draw(st.integers(1, 12))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    write, style = draw(number_styles())
    format = draw(st.sampled_from(DATE_FORMATS))
    start = datetime(2000, 1, 1) + timedelta(hours=draw(st.integers(0, 200_000)))
    step = timedelta(seconds=draw(st.sampled_from([1, 60, 3600, 86_400, 31 * 86_400])))
    dates = [(start + i * step).strftime(format) for i in range(count)]
    missing = draw(st.sampled_from(MISSING_WORDS))
    row = st.tuples(*[NUMBERS | st.just(math.nan)] * len(names))
    values = draw(st.lists(row, min_size=count, max_size=count))
    rows = [
        [date, *(missing if math.isnan(value) else write(value) for value in row)]
        for date, row in zip(dates, values, strict=True)
    ]
    times = [parse_moment(date, format) for date in dates]
    written = Written(["date", *names], rows, **draw(layouts()))
    return SeriesTable(written, np.array(values), times, format, style)


def read_or_reject(read: Callable[[], Any], message: str) -> Any:
    """Return what is read; None if the file is rejected with this message."""
    try:
        return read()
    except DataError as error:
        text = str(error)
    assert message in text
    return None


def parse_moment(cell: str, format: str) -> int:
    """Return the wall clock of a cell in microseconds since 1970."""
    moment = datetime.strptime(cell, format).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def check_series(folder: Path, table: SeriesTable, given_format: bool, given_style: bool) -> None:
    """Without the settings of its numbers or dates a table may be rejected."""
    written, names = table.written, table.written.header[1:]
    if table.style["thousands"] == "dot" and written.delimiter != "semicolon" and not given_style:
        return  # 1.234 in a file with commas is one and a bit
    columns = SeriesColumns(
        delimiter=written.delimiter,
        encoding=written.encoding,
        values=tuple(names) if given_format and given_style else None,
        date_format=table.format if given_format else None,
        **(table.style if given_style else {}),
    )
    result = read_or_reject(
        lambda: read_rows(open_table(written.save(folder), columns.table_format), columns, [], {}),
        "a.csv",
    )
    if result is None:
        assert not (given_format and given_style)
        return
    rows, columns_read = result
    indices = [names.index(name) for name in columns_read]
    np.testing.assert_array_equal(rows.values, table.values[:, indices])
    assert set(names) - set(columns_read) <= {"Unnamed: 0"}
    assert rows.local_times.tolist() == table.times


PROSE = st.text(st.sampled_from('ab \u00e9.\'""",;\t|\n1'), max_size=8)
PHRASES = st.sampled_from(["NA", 'he said "hi"', '"quoted"', "two\nlines", "a, b\nc", "fine"])
MARKS = st.sampled_from(['"open', 'end"', "fine", 'he said "hi"', '"quoted"'])
LABELS = st.sampled_from(["pos", "neg", "0", "1", "NA", "don't", 'a "b"'])


@st.composite
def text_tables(draw: Callable[..., Any]) -> Written:
    """A table of texts and labels, in either order, perhaps with another column."""
    names = draw(st.permutations(["text", "label", "note"]))
    names = names if draw(st.booleans()) else [name for name in names if name != "note"]
    texts = draw(st.sampled_from([PROSE, PHRASES, MARKS]))
    cells = {"text": texts, "label": LABELS, "note": texts}
    row = st.tuples(*(cells[name] for name in names)).map(list)
    return Written(names, draw(st.lists(row, min_size=1, max_size=8)), **draw(layouts()))


def read_texts(path: Path, written: Written, **settings: Any) -> list[Row]:
    table_format = TableFormat(written.encoding, written.delimiter, **settings)
    return read_table(path, written.header, (), table_format).to_numpy().tolist()


def save_plain(written: Written, folder: Path) -> tuple[Path, list[Row]]:
    """Write a table without quoting; return the rows that can be written so.

    No cell begins with a space: a comma and a space are also those of a sentence.
    """
    sign = DELIMITERS[written.delimiter]
    rows = [[cell.lstrip(" ") for cell in row] for row in written.rows]
    rows = [row for row in rows if not any(set(f"{sign}\n") & set(cell) for cell in row)]
    path = folder / "plain.csv"
    lines = [sign.join(row) for row in [written.header, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding=written.encoding, newline="")
    return path, rows


def unquote(cell: str) -> str:
    """Return a cell as every reader of CSV files takes it, if quotation marks enclose it."""
    return cell[1:-1].replace('""', '"') if QUOTED.fullmatch(cell) else cell


def check_texts(folder: Path, written: Written) -> None:
    """Quoted cells are read as written; a file that may have no quoting is read or rejected."""
    path = written.save(folder)
    assert read_texts(path, written, quoting="standard") == written.rows
    assert read_or_reject(lambda: read_texts(path, written), "quoting=standard") in (
        None,
        written.rows,
    )
    path, rows = save_plain(written, folder)
    if not rows:
        return
    assert read_texts(path, written, quoting="none") == rows
    enclosed = [list(map(unquote, row)) for row in rows]
    result = read_or_reject(lambda: read_texts(path, written), "quoting=none")
    is_mixed = any('"' in cell and not QUOTED.fullmatch(cell) for row in rows for cell in row)
    assert result in ((None, rows) if is_mixed else (None, rows, enclosed))


@pytest.mark.parametrize("examples", ROUNDS)
def test_texts_are_read_as_written_or_rejected(tmp_path: Path, examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(written=text_tables())
    def check(written: Written) -> None:
        check_texts(tmp_path, written)

    check()


@pytest.mark.parametrize("examples", ROUNDS)
def test_series_are_read_as_written_or_rejected(tmp_path: Path, examples: int) -> None:
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(table=series_tables(), given_format=st.booleans(), given_style=st.booleans())
    def check(table: SeriesTable, given_format: bool, given_style: bool) -> None:
        check_series(tmp_path, table, given_format, given_style)

    check()
