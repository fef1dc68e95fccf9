"""Units of time, and times and parts of a file as text."""

from typing import Literal

import numpy as np

SECOND = 1_000_000  # microseconds
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
TimeKind = Literal["calendar", "steps"]  # dates, or the number of a step
MAX_EXCERPT = 60  # characters of a cell or line in an error


def format_time(time: int, kind: TimeKind = "calendar") -> str:
    """Return a time as text: a date, or the number of a step.

    >>> format_time(86_400_000_000), format_time(500_000), format_time(7, "steps")
    ('1970-01-02 00:00:00', '1970-01-01 00:00:00.5', 'step 7')
    """
    if kind == "steps":
        return f"step {int(time):,}"
    text = str(np.datetime64(int(time), "us")).replace("T", " ")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0')}" if fraction.strip("0") else whole


def format_duration(microseconds: int) -> str:
    """Return a duration in the largest unit that divides it.

    >>> format_duration(600 * SECOND), format_duration(DAY), format_duration(100_000)
    ('10 min', '1 d', '100 ms')
    """
    units = {"d": DAY, "h": HOUR, "min": MINUTE, "s": SECOND, "ms": 1000}
    for unit, size in units.items():
        if microseconds and microseconds % size == 0:
            return f"{microseconds // size:,} {unit}"
    return f"{microseconds:,} us"


def excerpt(text: str) -> str:
    """Return a part of a file as errors show it: quoted, and at most one line long.

    >>> excerpt("1.5 m ")
    "'1.5 m'"
    """
    text = text.strip()
    return repr(text if len(text) <= MAX_EXCERPT else f"{text[: MAX_EXCERPT - 3]}...")
