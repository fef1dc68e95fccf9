"""Dates of a table: one format for all rows, chosen when all rows are read.

Every format that fits the first row is a candidate until a row does not fit. A single reading that
is left is certain. Several are an error that shows them: dates are never guessed.

N cells of a piece of the table, W bytes each.
"""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rnnlab.data.readers.cells import Cells, cell_texts
from rnnlab.data.readers.date_formats.fields import MONTH_NAMES, ParsedDates
from rnnlab.data.readers.date_formats.formats import DateFormat, compile_format, find_layouts
from rnnlab.data.readers.date_formats.numbers import NUMBER_UNITS, NumberFormat, possible_units
from rnnlab.data.readers.dates import DAY, HOUR, MINUTE, TimeKind, excerpt, format_time
from rnnlab.errors import ConfigError, DataError
from rnnlab.spec import Array

if TYPE_CHECKING:
    import pandas as pd

CellFormat = DateFormat | NumberFormat
MAX_WIDTH = 64  # characters of a date; a longer cell fits no format
TWO_DIGIT_SPAN = 60 * 365 * DAY  # a file that spans more has years of both centuries
PARTS: Mapping[str, str] = {  # name of a column with a part of a date -> directive
    name: directive
    for directive, names in {
        "%Y": "year yyyy yr jahr",
        "%m": "month mm mon mo mnth monat",
        "%d": "day dd dy mday day_of_month tag",
        "%j": "doy day_of_year dayofyear yday",
        "%q": "quarter qtr",
        "%V": "week",
        "%H": "hour hh hr stunde",
        "%M": "minute min",
        "%S": "second sec",
    }.items()
    for name in names.split()
}
MAX_READINGS = 4  # that an error shows
DIGIT_TO_ZERO = bytes(ord("0") if chr(byte).isdigit() else byte for byte in range(256))


class TimeAxis(NamedTuple):
    """Times of all rows; see Series."""

    times: Array
    local_times: Array
    time_kind: TimeKind


class DateCells(NamedTuple):
    """Dates of a piece of the table.

    Attributes:
        texts: (N,).
        characters: (N, W), ASCII.
        shapes: each shape with its rows, in the order of their first rows.
    """

    texts: Array
    characters: Array
    shapes: list[tuple[str, Array]]


class Reading:
    """A format, and the dates that the rows so far have with it.

    Attributes:
        format: of the cells.
        name: the format as in strptime, with the time of day; of the longest cell.
        parts: what the cells are as numbers, for each piece of the table.
        kind: whether the cells lack a time zone, whether they lack am and pm, and their prefix.
    """

    def __init__(self, format: CellFormat) -> None:
        self.format, self.name = format, format.text
        self.parts: list[ParsedDates] = []
        self._longest = 0
        self.kind: tuple[bool, bool, str | None] | None = None

    def parse(self, cells: DateCells) -> int | None:
        """Read the next cells; return the first row that does not fit, or None."""
        local = np.zeros(len(cells.texts), dtype=np.int64)
        offset, valid = np.zeros_like(local), np.zeros(len(local), dtype=bool)
        for shape, rows in cells.shapes:
            match = self.format.pattern.fullmatch(shape)
            if match is None or not self._accept(match, cells.texts[rows[0]]):
                break
            local[rows], offset[rows], valid[rows] = self.format.parse(
                match, cells.characters[rows]
            )
        self.parts.append(ParsedDates(local, offset, valid))
        return None if valid.all() else int(np.argmin(valid))

    def _accept(self, match: "re.Match[str]", text: str) -> bool:
        """Return whether a shape has a time zone, am or pm and a prefix if the others have."""
        groups = match.groupdict()
        kind = groups.get("z") is None, groups.get("p") is None, groups.get("prefix")
        self.kind = self.kind or kind
        if len(text) > self._longest:
            self._longest, self.name = len(text), self.format.describe(match, text)
        return kind == self.kind

    def result(self) -> ParsedDates:
        """Return the dates of all rows."""
        return ParsedDates(*map(np.concatenate, zip(*self.parts, strict=True)))

    def show(self, part: int, row: int) -> str:
        """Return the date of a row as errors show it."""
        time = int(self.parts[part].local[row])
        if not self.format.has_year:
            month = np.datetime64(time, "us").astype("datetime64[M]").astype(int) % 12
            day = np.datetime64(time, "us").astype(object).day
            return f"{day} {MONTH_NAMES.split()[month].capitalize()} without a year"
        return format_time(time).removesuffix(" 00:00:00")


class DateColumn:
    """Dates of one column of a table, or of several that form them together.

    Args:
        columns: their names.
        date_format, day_first: see rnnlab.data.readers.series_columns.SeriesColumns.

    Raises:
        ConfigError: the format is none, or excludes the other setting.
    """

    def __init__(
        self,
        columns: Sequence[str],
        date_format: str | None = None,
        day_first: bool | None = None,
    ) -> None:
        if date_format and day_first is not None:
            raise ConfigError(
                f"data.date_format={date_format} has the order of day and month: drop "
                "data.day_first"
            )
        self.name = ", ".join(columns)
        texts = formats_of_parts(columns) if date_format is None else [date_format]
        self.fixed = [_fixed_format(text) for text in texts]
        self.setting = f"data.date_format={date_format}" if date_format else ""
        if day_first is not None:
            self.setting = f"data.day_first={str(day_first).lower()}"
        self.day_first = day_first
        self.readings: list[Reading] | None = None
        self.failures: list[tuple[int, str, Reading]] = []  # row, description
        self.examples: dict[tuple[str, str], tuple[str, int, int]] = {}  # place, part and row
        self.first, self.count = "", 0
        self._typed: list[TimeAxis] = []

    def add(self, columns: Sequence[Cells], locate: Callable[[int], str]) -> None:
        """Read the cells of the next rows in each column; `locate` names one of the rows.

        Raises:
            DataError: a cell fits no format that all cells before it fit.
        """
        import pandas as pd

        cells = columns[0]
        if not len(cells):
            return
        if len(columns) == 1 and pd.api.types.is_datetime64_any_dtype(cells):
            self._typed.append(_read_typed(cells, lambda row: self._place(locate, row)))
            return
        dates = split_shapes(join_texts([to_date_texts(cells) for cells in columns]))
        if self.readings is None:
            self.readings = self._first_readings(dates.shapes[0][0])
            self.first = f"{self._place(locate, 0)}: {excerpt(dates.texts[0])}"
        for reading in list(self.readings):
            row = reading.parse(dates)
            if row is not None:
                self.readings.remove(reading)
                self.failures.append(
                    (self.count + row, self._describe(dates, row, locate), reading)
                )
        if not self.readings:
            self._reject(self._describe(dates, 0, locate))
        self._add_examples(dates, locate)
        self.count += len(dates.texts)

    def _first_readings(self, shape: str) -> list[Reading]:
        formats = self.fixed or [*find_layouts(), NumberFormat()]
        fits = [format for format in formats if format.pattern.fullmatch(shape)]
        return [Reading(format) for format in fits if self._has_order(format)]

    def _has_order(self, format: CellFormat) -> bool:
        """Return whether data.day_first permits a format."""
        return None in (format.day_first, self.day_first) or format.day_first == self.day_first

    def _place(self, locate: Callable[[int], str], row: int) -> str:
        return f"{locate(row)}, column {self.name!r}"

    def _describe(self, dates: DateCells, row: int, locate: Callable[[int], str]) -> str:
        return f"{self._place(locate, row)}: {excerpt(dates.texts[row])} is not a date"

    def _reject(self, first: str) -> None:
        """Raise an error about the row at which the format that fits the most rows fails.

        `first` describes the first row, which is wrong if no format fits any row.
        """
        message = f"{first} with {self.setting}" if self.setting else first
        failures = sorted((each for each in self.failures if each[0]), key=lambda each: each[0])
        if failures:
            message = f"{failures[-1][1]} like {failures[-1][2].name}"
            others = [each for each in failures if each[0] < failures[-1][0]]
            message += f" (and {others[-1][1]} like {others[-1][2].name})" if others else ""
        advice = "give the format of the dates, such as data.date_format=%d/%m/%Y"
        if self.setting:
            advice = f"change {self.setting.partition('=')[0]}"
        raise DataError(f"{message}. Correct it, or {advice}")

    def _add_examples(self, dates: DateCells, locate: Callable[[int], str]) -> None:
        """Keep the first row in which two readings differ, for each two of them."""
        for first, second in combinations(self.readings or (), 2):
            pair = (first.format.text, second.format.text)
            a, b = first.parts[-1], second.parts[-1]
            different = (a.local - a.offset) != (b.local - b.offset)
            if pair not in self.examples and different.any():
                row = int(np.argmax(different))
                place = f"{self._place(locate, row)}: {excerpt(dates.texts[row])}"
                self.examples[pair] = place, len(first.parts) - 1, row

    def finish(self, notes: list[str]) -> TimeAxis:
        """Return the times of all rows, and note the format if it is not ISO 8601.

        Raises:
            DataError: the rows have several readings, or years of two digits.
        """
        if self._typed:
            times, local_times = (
                np.concatenate([getattr(part, name) for part in self._typed])
                for name in ("times", "local_times")
            )
            return TimeAxis(times, local_times, "calendar")
        readings = self.readings or []
        dates = [reading for reading in readings if isinstance(reading.format, DateFormat)]
        if not dates:
            return self._read_numbers(readings[0], notes)
        if not self.fixed:
            self._check_readings(dates)
        reading = dates[0]
        local, offset, _ = reading.result()
        if reading.format.has("y") and np.ptp(local) > TWO_DIGIT_SPAN:
            raise DataError(
                f"{self.first}: years of two digits are 1969 to 2068, and the dates range from "
                f"{format_time(local.min())} to {format_time(local.max())}. Write the years with "
                "four digits"
            )
        if not reading.name.startswith("%Y-%m-%d"):
            notes.append(_note_format(self.name, reading.name, local))
        notes += _note_offsets(self.name, offset)
        return TimeAxis(local - offset, local, "calendar")

    def _check_readings(self, readings: list[Reading]) -> None:
        pairs = [_texts(pair) for pair in combinations(readings, 2)]
        examples = [self.examples[pair] for pair in pairs if pair in self.examples]
        two_digits = [reading.format.has("y") for reading in readings]
        if not any(two_digits) and not examples:
            return
        place, part, row = examples[0] if examples else (self.first, 0, 0)
        readings = sorted(
            readings, key=lambda each: (not each.format.has_year, each.format.has("y"))
        )
        options = {reading.show(part, row): _setting(reading, readings) for reading in readings}
        alone = all(two_digits) or not examples
        reason = "a year of two digits" if alone else "several readings that fit all rows"
        choices = [f"{text} ({setting})" for text, setting in options.items()]
        raise DataError(
            f"{place} has {reason}: {' or '.join(choices[:MAX_READINGS])}. Choose one with its "
            "setting"
        )

    def _read_numbers(self, reading: Reading, notes: list[str]) -> TimeAxis:
        """Return the times of numbers: steps, or the unit that is given or that the range has."""
        whole, part, _ = reading.result()
        prefix = not reading.format.text and bool(reading.kind and reading.kind[2])
        units = [reading.format.text or "steps"] if self.fixed or prefix else []
        units = units or possible_units(whole, part)
        if len(units) != 1:
            settings = [f"data.date_format={name}" for name in units]
            raise DataError(
                f"{self.first} is a number: is it a date or a step? Choose one of "
                f"{', '.join(settings)}, or a format such as data.date_format=%Y%m%d; or set "
                "data.date_column=null if the rows are equidistant"
            )
        times = NUMBER_UNITS[units[0]](whole, part)
        if units[0] == "steps":
            return TimeAxis(times, times, "steps")
        notes.append(_note_format(self.name, units[0], times))
        return TimeAxis(times, times, "calendar")


def open_dates(
    columns: Sequence[str], date_format: str | None, day_first: bool | None
) -> DateColumn | None:
    """Return the dates of some columns; None if there are no columns."""
    return DateColumn(columns, date_format, day_first) if columns else None


def split_shapes(texts: Array) -> DateCells:
    """Return the characters of cells, and their shapes.

    >>> split_shapes(np.array(["1/2/20", "3/4/21"], dtype=object)).shapes
    [('0/0/00', array([0, 1]))]
    """
    characters = to_ascii(texts)
    shapes = np.frombuffer(characters.tobytes().translate(DIGIT_TO_ZERO), characters.dtype)
    names, first, inverse = np.unique(shapes, return_index=True, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(inverse, minlength=len(names)))[:-1])
    by_first = [(names[i].decode("ascii"), groups[i]) for i in np.argsort(first)]
    matrix = characters.view(np.uint8).reshape(len(texts), -1)
    return DateCells(texts, matrix, by_first)


def to_ascii(texts: Array) -> Array:
    """Return the cells as bytes; other characters than those of ASCII become ?."""
    width = f"S{MAX_WIDTH}"
    try:
        characters = texts.astype(width)
    except UnicodeEncodeError:
        spaces = str.maketrans("\u00a0\u202f", "  ")
        codes = [text.translate(spaces).encode("ascii", "replace") for text in texts]
        characters = np.array(codes, dtype=width)
    longest = int(np.char.str_len(characters).max(initial=1))
    return characters.astype(f"S{max(longest, 1)}")


def to_date_texts(cells: Cells) -> Array:
    """Return cells as text, (N,); whole numbers without a point, and missing ones empty."""
    import pandas as pd

    if isinstance(cells, list):
        return _drop_point(np.array(cells, dtype=object))
    if pd.api.types.is_float_dtype(cells) and not (cells.dropna() % 1).any():
        cells = cells.astype("Int64")
    return _drop_point(np.array(cell_texts(cells), dtype=object))


def _drop_point(texts: Array) -> Array:
    """Return numbers such as 2020.0 without the point if the first cell is one."""
    if len(texts) and re.fullmatch(r"\s*\d+\.0\s*", texts[0]):
        texts = np.array([text.strip().removesuffix(".0") for text in texts], dtype=object)
    return texts


def join_texts(columns: Sequence[Array]) -> Array:
    """Return the texts of several columns, joined by spaces; a midnight before a time is dropped.

    >>> join_texts([np.array(["2020-01-01 00:00:00"], object), np.array(["17:24"], object)])
    array(['2020-01-01 17:24'], dtype=object)
    """
    first, *others = columns
    if others and all(text.endswith(" 00:00:00") for text in first):
        first = np.array([text.removesuffix(" 00:00:00") for text in first], dtype=object)
    for texts in others:
        first = first + " " + texts
    return first


def formats_of_parts(columns: Sequence[str]) -> list[str]:
    """Return the formats of columns whose names are year and other parts of a date, or none.

    >>> formats_of_parts(["year", "Month", "day"]), formats_of_parts(["day", "hour"])
    (['%Y %m %d', '%Y %b %d'], [])
    """
    directives = [PARTS.get(name.strip().lower()) for name in columns]
    if len(columns) < 2 or "%Y" not in directives or None in directives:
        return []
    text = " ".join(map(str, directives))
    text = text.replace("%Y", "%G") if "%V" in text else text
    return [text, text.replace("%m", "%b")] if "%m" in text else [text]


def _read_typed(cells: "pd.Series[Any]", name_place: Callable[[int], str]) -> TimeAxis:
    """Return the times of typed dates, which may have a time zone.

    Raises:
        DataError: a cell is empty.
    """
    missing = cells.isna().to_numpy()
    if missing.any():
        raise DataError(f"{name_place(int(np.argmax(missing)))}: is empty. Give the row a date")
    local = cells.dt.tz_localize(None).to_numpy(dtype="datetime64[us]").astype(np.int64)
    if cells.dt.tz is None:
        return TimeAxis(local, local, "calendar")
    times = cells.dt.tz_convert(None).to_numpy(dtype="datetime64[us]").astype(np.int64)
    return TimeAxis(times, local, "calendar")


def _fixed_format(text: str) -> CellFormat:
    return NumberFormat(text) if text in NUMBER_UNITS else compile_format(text)


def _texts(pair: tuple[Reading, Reading]) -> tuple[str, str]:
    return pair[0].format.text, pair[1].format.text


def _setting(reading: Reading, readings: list[Reading]) -> str:
    """Return the setting that chooses one of several readings."""
    formats = [each.format for each in readings]
    orders = [format.day_first for format in formats]
    one_order = sorted(map(str, orders)) == ["False", "True"]
    if one_order and not any(format.has("y") for format in formats):
        return f"data.day_first={str(reading.format.day_first).lower()}"
    if not reading.format.has_year:
        return "add the column of the year with data.date_columns"
    return date_setting(reading.name)


def date_setting(format: str) -> str:
    """Return the setting of a format as typed in a shell.

    >>> print(date_setting("%d/%m/%Y"), date_setting("%b %d, %Y"))
    data.date_format=%d/%m/%Y 'data.date_format="%b %d, %Y"'
    """
    if not re.fullmatch(r"[\w%/.:+ -]*", format):
        format = f'"{format}"'
    setting = f"data.date_format={format}"
    return setting if re.fullmatch(r"[\w%/.:+=-]*", setting) else shlex.quote(setting)


def _note_format(name: str, format: str, times: Array) -> str:
    first, last = (
        format_time(time).removesuffix(" 00:00:00") for time in (times.min(), times.max())
    )
    return f"the dates of {name} are read as {format}: {first} to {last}"


def _note_offsets(name: str, offset: Array) -> list[str]:
    """Return a note on the time zones of a column if it has several."""
    offsets = np.unique(offset)
    if len(offsets) < 2:
        return []
    shown = ", ".join(
        f"{'-' if o < 0 else '+'}{abs(o) // HOUR:02d}:{abs(o) % HOUR // MINUTE:02d}"
        for o in offsets
    )
    return [
        f"the dates of {name} have the offsets {shown} of UTC (daylight saving): they are ordered "
        "in UTC, and calendar features are those of the local time"
    ]
