"""Fields of dates in cells: year, month, day, time of day and time zone as arrays.

N cells of one shape, W bytes each.
"""

import re
from typing import NamedTuple

import numpy as np

from rnnlab.data.readers.dates import DAY, HOUR, MINUTE, SECOND
from rnnlab.spec import Array

MONTH_NAMES = (
    "january february march april may june july august september october november december"
)
WEEKDAY_NAMES = "monday tuesday wednesday thursday friday saturday sunday"
TWO_DIGIT_PIVOT = 69  # as in POSIX: 69 is 1969, and 68 is 2068
LEAP_YEAR = 2000  # stands for the year of a date without one


class ParsedDates(NamedTuple):
    """Cells as numbers.

    Attributes:
        local: microseconds since 1970 in the wall clock of the cell, (N,); of numbers the
            whole part.
        offset: of its time zone to the east of UTC in microseconds, (N,); of numbers the
            fraction, in 1e-9.
        valid: False where the cell does not fit, (N,).
    """

    local: Array
    offset: Array
    valid: Array


class CellFields:
    """Numbers in the groups of a match, for all cells of its shape."""

    def __init__(self, match: re.Match[str], cells: Array) -> None:
        self.match, self.cells = match, cells

    def has(self, name: str) -> bool:
        """Return whether the cells have a group."""
        return group(self.match, name) is not None

    def number(self, name: str, places: int | None = None, default: int = 0) -> Array:
        """Return the number in a group; with `places`, its digits behind the decimal point."""
        if not self.has(name):
            return np.full(len(self.cells), default)
        start, end = self.match.span(name)
        width = end - start if places is None else min(end - start, places)
        digits = self.cells[:, start : start + width].astype(np.int64) - ord("0")
        number: Array = digits @ 10 ** np.arange(width)[::-1]
        return number if places is None else number * 10 ** (places - width)

    def name(self, name: str, names: str) -> int:
        """Return the position of the name in a group."""
        words = [word[:3] for word in names.split()]
        return words.index(str(group(self.match, name))[:3].lower())

    def days(self, years: tuple[int, int]) -> tuple[Array, Array]:
        """Return the days since 1970, (N,), and whether they exist."""
        year = self.number("G" if self.has("G") else "Y", default=LEAP_YEAR)
        if self.has("y"):
            year = self.number("y")
            year = year + np.where(year >= TWO_DIGIT_PIVOT, 1900, 2000)
        in_range = (year >= years[0]) & (year <= years[1])
        parts = {"G": self._week_days, "j": self._ordinal_days}
        convert = next((parts[name] for name in parts if self.has(name)), self._month_days)
        days, valid = convert(np.where(in_range, year, LEAP_YEAR))
        if self.has("a"):
            valid = valid & ((days + 3) % 7 == self.name("a", WEEKDAY_NAMES))
        return days, valid & in_range

    def _month_days(self, year: Array) -> tuple[Array, Array]:
        month = self.number("m", default=1)
        if self.has("b"):
            month = np.full_like(month, self.name("b", MONTH_NAMES) + 1)
        if self.has("q"):
            month = 3 * self.number("q") - 2
        day, valid = self.number("d", default=1), (month >= 1) & (month <= 12)
        start, end = first_days(year, month), first_days(year, month + 1)
        return start + day - 1, valid & (day >= 1) & (day <= end - start)

    def _ordinal_days(self, year: Array) -> tuple[Array, Array]:
        start, end, day = first_days(year), first_days(year + 1), self.number("j")
        return start + day - 1, (day >= 1) & (day <= end - start)

    def _week_days(self, year: Array) -> tuple[Array, Array]:
        week, day = self.number("V"), self.number("u", default=1)
        start, end = first_mondays(year), first_mondays(year + 1)
        days = start + 7 * (week - 1) + day - 1
        return days, (week >= 1) & (day >= 1) & (day <= 7) & (days - day < end - 1)

    def clock(self) -> tuple[Array, Array]:
        """Return the time of day in microseconds, (N,), and whether it exists; 24:00 does."""
        hour, minute, second = (self.number(name) for name in "HMS")
        valid = (hour <= 24) & (minute <= 59) & (second <= 59)
        if self.has("p"):
            valid &= (hour >= 1) & (hour <= 12)
            hour = hour % 12 + 12 * (str(group(self.match, "p"))[0].lower() == "p")
        time = hour * HOUR + minute * MINUTE + second * SECOND + self.number("f", 6)
        return time, valid & (time <= DAY)

    def offset(self) -> tuple[Array, Array]:
        """Return the offset of the time zone to the east of UTC, (N,), and whether it exists."""
        zone = group(self.match, "z") or ""
        if zone[:1] not in ("+", "-") or not zone:
            return np.zeros(len(self.cells), np.int64), np.ones(len(self.cells), dtype=bool)
        start, end = self.match.span("z")
        hours, minutes = (
            self.cells[:, [i, i + 1]].astype(np.int64) @ [10, 1] - 11 * ord("0")
            for i in (start + 1, end - 2)
        )
        minutes = minutes if end - start > 3 else np.zeros_like(hours)
        offset = hours * HOUR + minutes * MINUTE
        return offset * (-1 if zone[0] == "-" else 1), (hours <= 14) & (minutes <= 59)


def group(match: re.Match[str], name: str) -> str | None:
    """Return the text of a group; None if the format does not have it, or it is empty."""
    return match[name] if name in match.re.groupindex else None


def first_days(year: Array, month: Array | int = 1) -> Array:
    """Return the first day of months in days since 1970; month 13 is the next January."""
    months = (year - 1970) * 12 + month - 1
    days: Array = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days


def first_mondays(year: Array) -> Array:
    """Return the Monday of the first ISO week, which contains January 4, in days since 1970."""
    fourth = first_days(year) + 3
    mondays: Array = fourth - (fourth + 3) % 7
    return mondays
