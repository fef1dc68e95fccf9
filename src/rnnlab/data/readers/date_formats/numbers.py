"""Numbers that stand for times: steps, seconds since 1970, days of Excel.

N cells.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rnnlab.data.readers.date_formats.fields import CellFields, ParsedDates
from rnnlab.data.readers.dates import DAY, SECOND
from rnnlab.spec import Array

FRACTION_DIGITS = 9  # of a number behind the point; further ones are shorter than a microsecond
EXCEL_START = -25_569 * DAY  # 1899-12-30, day 0 of Excel
MJD_START = -40_587 * DAY  # 1858-11-17, day 0 of the modified Julian date
NUMBER_UNITS: Mapping[
    str, Callable[[Array, Array], Array]
] = {  # whole part, fraction in 1e-9 -> times
    "epoch_s": lambda whole, part: whole * SECOND + part // 1000,
    "epoch_ms": lambda whole, part: whole * 1000 + part // 1_000_000,
    "epoch_us": lambda whole, part: whole,
    "epoch_ns": lambda whole, part: whole // 1000,
    "excel": lambda whole, part: EXCEL_START + whole * DAY + _day_part(part),
    "mjd": lambda whole, part: MJD_START + whole * DAY + _day_part(part),
    "steps": lambda whole, part: whole,
}
LIMITS = {"epoch_us": 9 * 10**18, "epoch_ns": 2**63 - 1, "steps": 9 * 10**18}
LIMITS |= dict.fromkeys(("excel", "mjd"), 2_900_000)  # to the year 9839
EPOCH_RANGES = {  # least and greatest whole part, if nothing else is given: 1973 to 2286
    name: (10**8 * factor, 10**10 * factor - 1)
    for name, factor in (
        ("epoch_s", 1),
        ("epoch_ms", 10**3),
        ("epoch_us", 10**6),
        ("epoch_ns", 10**9 * 9 // 10),
    )
}
DAY_RANGE = (20_000, 80_000)  # days of Excel from 1954 to 2119; modified Julian dates
LARGEST_STEP, LARGEST_FIRST_STEP = 10**8 - 1, 10**4  # of an index; a larger one may be a date


@dataclass(frozen=True)
class NumberFormat:
    """Numbers of one unit.

    Attributes:
        text: one of NUMBER_UNITS; empty if it follows from the range.
        pattern: of the shapes of cells; a prefix such as d_ is the same in all cells of a column.
    """

    text: str = ""
    pattern: re.Pattern[str] = re.compile(
        r"\s*(?P<prefix>[a-z]*[ _]?)(?P<minus>-?)(?P<whole>0{1,19})(?:\.(?P<part>0+))?\s*",
        re.IGNORECASE,
    )

    day_first: None = None
    has_year: bool = True

    def has(self, directive: str) -> bool:
        """See DateFormat; numbers have no directives."""
        return False

    def parse(self, match: re.Match[str], cells: Array) -> ParsedDates:
        """Return the whole parts and the fractions, in 1e-9, of cells of one shape.

        A number with a leading zero fits only if the unit is given, because it may be a date.
        """
        fields = CellFields(match, cells)
        whole, part = fields.number("whole"), fields.number("part", FRACTION_DIGITS)
        start, end = match.span("whole")
        padding = (cells[:, start] == ord("0")) & (end - start > 1)
        strict = not self.text and not match["prefix"]
        limit = LIMITS.get(self.text, 9 * 10**12) if self.text else 2**63 - 1
        valid = ~(padding & strict) & (whole >= 0) & (whole <= limit)
        if self.text == "steps" or match["prefix"]:
            valid &= part == 0
        return ParsedDates(-whole if match["minus"] else whole, part, valid)

    def describe(self, match: re.Match[str], cell: str) -> str:
        """Return the name of the unit."""
        return self.text or "a number"


def possible_units(whole: Array, part: Array) -> list[str]:
    """Return the units that numbers may have; one if the range decides.

    >>> possible_units(np.array([1577836800]), np.array([0]))
    ['epoch_s']
    """
    least, greatest = int(whole.min()), int(whole.max())
    for name, limits in EPOCH_RANGES.items():
        if is_in(least, greatest, limits):
            return [name]
    if part.any():
        return ["excel", "mjd"] if is_in(least, greatest, DAY_RANGE) else ["epoch_s", "epoch_ms"]
    if -LARGEST_STEP <= least < LARGEST_FIRST_STEP and greatest <= LARGEST_STEP:
        return ["steps"]
    days = ["excel", "mjd"] if is_in(least, greatest, DAY_RANGE) else ["epoch_s", "epoch_ms"]
    return [*days, "steps"]


def is_in(least: int, greatest: int, limits: tuple[int, int]) -> bool:
    """Return whether two numbers are within limits, which belong to the range.

    >>> is_in(1, 2, (1, 2)), is_in(0, 2, (1, 2))
    (True, False)
    """
    return limits[0] <= least and greatest <= limits[1]


def _day_part(part: Array) -> Array:
    """Return a fraction of a day, in 1e-9, in whole milliseconds as microseconds."""
    milliseconds: Array = np.round(part * 1e-9 * (DAY // 1000)).astype(np.int64)
    return milliseconds * 1000
