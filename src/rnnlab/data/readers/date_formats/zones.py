"""Local times of a time zone with daylight saving, in UTC.

N rows, in the order of the file.
"""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from rnnlab.data.readers.dates import format_time
from rnnlab.errors import ConfigError, DataError
from rnnlab.spec import Array


def check_zone(zone: str | None) -> None:
    """Check that there is such a time zone.

    Raises:
        ConfigError: there is none.
    """
    try:
        ZoneInfo(zone or "UTC")
    except (ValueError, OSError, LookupError) as error:
        raise ConfigError(
            f"data.time_zone={zone}: is no time zone; examples: Europe/Berlin, America/New_York"
        ) from error


def convert_to_utc(
    local_times: Array, series: Array, zone: str, locate: Callable[[int], str]
) -> tuple[Array, list[str]]:
    """Return local times in UTC, (N,), and notes.

    An hour that daylight saving repeats is that of summer time where a series has it first, and
    that of winter time where it has it again.

    Raises:
        DataError: a time does not exist, because the clock skips it.
    """
    import pandas as pd

    moments = pd.DatetimeIndex(local_times.astype("datetime64[us]"))
    summer, winter = (_localize(moments, zone, is_summer) for is_summer in (True, False))
    missing = np.asarray(summer.isna())
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(
            f"{locate(row)}: the clock of {zone} skips {format_time(int(local_times[row]))}. If "
            "the file has the same offset all year, set data.time_zone=null"
        )
    early, late = (
        np.asarray(times, "datetime64[us]").astype(np.int64) for times in (summer, winter)
    )
    twice = np.flatnonzero(early != late)
    hours = pd.DataFrame({"series": series[twice], "time": local_times[twice]})
    if np.sign(np.diff(local_times)).sum() < 0:  # the file goes back in time
        hours = hours[::-1]
    repeats = hours.groupby(["series", "time"])
    order = repeats.cumcount().sort_index().to_numpy()
    alone = int((repeats.time.transform("size") == 1).sum())
    note = f"{alone:,} times are in an hour that {zone} has twice, but not twice in the file: "
    times = early.copy()
    times[twice] = np.where(order == 0, early[twice], late[twice])
    return times, [f"{note}they are taken as summer time"] if alone else []


def _localize(moments: Any, zone: str, is_summer: bool) -> Any:
    """Return local times in UTC; NaT where the clock skips one."""
    ambiguous = np.full(len(moments), is_summer)
    local = moments.tz_localize(zone, ambiguous=ambiguous, nonexistent="NaT")
    return local.tz_convert("UTC").tz_localize(None)
