"""Dates of time series as microseconds since 1970, and back as text."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnlab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SECOND = 1_000_000  # microseconds
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
TimeKind = Literal["calendar", "steps"]  # dates, or the number of a step
MAX_EXCERPT = 60  # characters of a cell or line in an error


def parse_dates(
    cells: "pd.Series[Any]", date_format: str | None, locate: Callable[[int], str]
) -> NDArray[np.int64]:
    """Return microseconds since 1970; dates with a time zone are converted to UTC.

    The format of text is as in strptime; None for ISO 8601 and formats that pandas infers.

    Raises:
        DataError: a cell is no date; `locate` names its row.
    """
    import pandas as pd

    dates = pd.to_datetime(cells, format=date_format, errors="coerce", utc=True)
    invalid = np.flatnonzero(dates.isna())
    if len(invalid):
        row = int(invalid[0])
        raise DataError(
            f"{locate(row)}, column {cells.name!r}: {excerpt(str(cells.iloc[row]))} is not a date"
            f"{f' like {date_format}' if date_format else ''}. Correct it, or give the format of "
            "the dates, such as data.date_format=%d/%m/%Y"
        )
    naive = dates.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    times: NDArray[np.int64] = naive.astype(np.int64)
    return times


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
