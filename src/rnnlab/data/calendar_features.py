"""Calendar features of time stamps: hour of the day, day of the week, time of the year."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.readers.dates import DAY
from rnnlab.errors import ConfigError, unknown_name

Phase = Callable[[NDArray[np.int64]], NDArray[np.float64]]
CYCLES: Mapping[str, Phase] = {  # microseconds since 1970 -> position in the cycle, 0..1
    "hour": lambda times: (times % DAY) / DAY,
    "weekday": lambda times: ((times // DAY + 3) % 7) / 7,  # 1970-01-01 was a Thursday
    "year": lambda times: (times / DAY / 365.2425) % 1,
}


def calendar_features(times: NDArray[np.int64], cycles: Sequence[str]) -> NDArray[np.float32]:
    """Return sine and cosine of the position of each time stamp in each cycle, (N, 2 * cycles).

    The times are microseconds since 1970 in the wall clock of the file, (N,). The features are
    known in advance, so they leak nothing.
    """
    angles = [2 * np.pi * CYCLES[name](times) for name in cycles]
    columns = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    empty = np.empty((len(times), 0))
    return np.column_stack(columns or [empty]).astype(np.float32)


def calendar_names(cycles: Sequence[str]) -> list[str]:
    """Return the name of each calendar feature, 2 per cycle."""
    return [f"{name} {wave}" for name in cycles for wave in ("sine", "cosine")]


def check_calendar(cycles: Sequence[str]) -> list[str]:
    """Return the names unchanged if all of them exist.

    Raises:
        ConfigError: one does not.
    """
    for name in cycles:
        if name not in CYCLES:
            raise ConfigError(unknown_name(f"data.calendar: {name!r}; ", name, CYCLES))
    return list(cycles)
