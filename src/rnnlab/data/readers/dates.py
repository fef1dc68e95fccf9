"""Dates of time series as seconds since 1970, and back as text."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MAX_EXCERPT = 60  # characters of a cell or line in an error


def parse_dates(
    cells: "pd.Series[Any]", date_format: str | None, locate: Callable[[int], str]
) -> NDArray[np.int64]:
    """Return seconds since 1970; dates with a time zone are converted to UTC.

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
    naive = dates.dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
    seconds: NDArray[np.int64] = naive.astype(np.int64)
    return seconds


def format_date(seconds: int) -> str:
    """Return a time as text.

    >>> format_date(86400)
    '1970-01-02 00:00:00'
    """
    return str(np.datetime64(int(seconds), "s")).replace("T", " ")


def format_duration(seconds: int) -> str:
    """Return a duration in the largest unit that divides it.

    >>> format_duration(600), format_duration(86400)
    ('10 min', '1 d')
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def excerpt(text: str) -> str:
    """Return a part of a file as errors show it: quoted, and at most one line long.

    >>> excerpt("1.5 m ")
    "'1.5 m'"
    """
    text = text.strip()
    return repr(text if len(text) <= MAX_EXCERPT else f"{text[: MAX_EXCERPT - 3]}...")
