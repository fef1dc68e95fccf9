"""Windows on series: what was read, and the values that follow.

S series of different lengths stand one after the other in one array, N steps in all, D columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.errors import ConfigError, did_you_mean

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Floating = NDArray[Any]  # of either precision


@dataclass(frozen=True)
class Windows:
    """Targets in a set of series, each with the steps before it.

    What is forecast is given by `first` alone, so it stays the same whatever the length of the
    window that is read before it.

    Attributes:
        values: what is forecast, (N, V).
        first: the step of the first value to forecast, (M,).
        horizon: values to forecast.
    """

    values: Floating
    first: Ints
    horizon: int

    @classmethod
    def all_of(cls, values: Floats, first_target: int, horizon: int) -> "Windows":
        """Every target from step `first_target` on, in every series of (S, N, V)."""
        count, steps, variables = values.shape
        first = np.arange(first_target, steps - horizon + 1)
        starts = np.arange(count)[:, None] * steps
        return cls(values.reshape(-1, variables), (starts + first).ravel(), horizon)

    def __len__(self) -> int:
        return len(self.first)

    def inputs(self, rows: Ints, seq_len: int) -> Floating:
        """The `seq_len` values before each target, (B, seq_len, V)."""
        chosen: Floating = self.values[self.first[rows, None] + np.arange(-seq_len, 0)]
        return chosen

    def targets(self, rows: Ints) -> Floating:
        """The values to forecast, (B, horizon, V)."""
        chosen: Floating = self.values[self.first[rows, None] + np.arange(self.horizon)]
        return chosen


def first_targets(
    starts: Ints, borders: Sequence[Ints], seq_len: int, horizon: int
) -> dict[str, Ints]:
    """Where the targets of each split begin: none of them reaches over a border.

    The window that is read before a target of validation or test may reach into the part before.

    Args:
        starts: first step of each series that may be read, (S,).
        borders: end of training, of validation and of the test in each series, (S,) each.
        seq_len: steps that are read before a target.
        horizon: steps of a target.
    """
    train, val, test = borders
    begins = {"train": starts + seq_len, "val": train, "test": val}
    ends = {"train": train, "val": val, "test": test}
    return {
        split: np.concatenate(
            [
                np.arange(begin, end - horizon + 1)
                for begin, end in zip(begins[split], ends[split], strict=True)
            ]
        )
        for split in begins
    }


def standard(values: Floating, ranges: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Mean and standard deviation of each series over its own training steps.

    Args:
        values: (N, V).
        ranges: first step and end of training in each series.

    Returns:
        (2, S, V); a constant variable has the deviation 1.
    """
    parts = [np.asarray(values[begin:end], dtype=np.float64) for begin, end in ranges]
    means = np.stack([part.mean(axis=0) for part in parts])
    deviations = np.stack([part.std(axis=0) for part in parts])
    return np.stack([means, np.where(deviations > 1e-12, deviations, 1.0)])


def differences(values: Floating, starts: Ints) -> NDArray[np.float64]:
    """Value minus the one before; zero at the start of each series. (N, V) -> (N, V)."""
    steps = np.diff(np.asarray(values, dtype=np.float64), axis=0, prepend=values[:1])
    steps[starts] = 0.0
    return steps


# Calendar.

SECONDS_A_DAY = 86_400
Phase = Callable[[NDArray[np.int64]], NDArray[np.float64]]
CALENDAR: dict[str, Phase] = {  # seconds since 1970 -> where in its round a time stands, 0..1
    "hour": lambda t: (t % SECONDS_A_DAY) / SECONDS_A_DAY,
    "weekday": lambda t: ((t // SECONDS_A_DAY + 3) % 7) / 7,  # 1970-01-01 was a Thursday
    "year": lambda t: (t / SECONDS_A_DAY / 365.2425) % 1,
}


def calendar_features(times: NDArray[np.int64], names: Sequence[str]) -> Floats:
    """Sine and cosine of where in the day, the week or the year each step stands.

    Args:
        times: seconds since 1970, (N,).
        names: of hour | weekday | year.

    Returns:
        (N, 2 * names): known in advance, so that nothing leaks.
    """
    angles = [2 * np.pi * CALENDAR[name](times) for name in names]
    columns = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    empty = np.empty((len(times), 0))
    return np.column_stack(columns or [empty]).astype(np.float32)


def check_calendar(names: Sequence[str]) -> list[str]:
    """The names as they are, if all are known.

    Raises:
        ConfigError: one is not.
    """
    for name in names:
        if name not in CALENDAR:
            raise ConfigError(f"data.calendar: {name!r}; {did_you_mean(name, CALENDAR)}")
    return list(names)


# What a network reads and forecasts instead of the values themselves; the way back is in
# rnnlab.tasks.forecasting.

Change = Callable[[Floating, Ints], Floating]


def log_returns(values: Floating, starts: Ints) -> Floating:
    """log(value / the one before); zero at the start of each series."""
    return differences(np.log(values), starts)


CHANGES: Mapping[str, Change] = {
    "none": lambda values, starts: values,
    "last": lambda values, starts: values,  # the last value of a window is subtracted in gather
    "difference": differences,
    "log_return": log_returns,
}
