"""Splits of time series: by share of the time, by date, or by a separate test file.

S series, N steps of all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from rnnlab.data.loaders.windows import Windows
from rnnlab.data.readers.dates import TimeKind, format_time
from rnnlab.data.readers.series import Series
from rnnlab.errors import ConfigError, DataError
from rnnlab.spec import Array, Ints

ShortSeries = Literal["refuse", "drop"]
Time = str | int  # an ISO date as typed, or the number of a step


@dataclass(frozen=True)
class SplitSettings:
    """Borders between training, validation and test.

    Attributes:
        val_fraction: share of the time for validation.
        test_fraction: share of the time for the test, at the end.
        val_from: first time of the validation; None for `val_fraction`.
        test_from: first time of the test; None for `test_fraction`.
    """

    val_fraction: float
    test_fraction: float
    val_from: Time | None = None
    test_from: Time | None = None

    def check(self) -> None:
        """Check the settings that need no data.

        Raises:
            ConfigError: nothing is left to train on, or a time cannot be read.
        """
        if self.val_fraction + self.test_fraction >= 1:
            raise ConfigError(
                f"data.val_fraction={self.val_fraction} and data.test_fraction="
                f"{self.test_fraction} leave nothing to train on: lower one"
            )
        for setting in ("val_from", "test_from"):
            time = getattr(self, setting)
            if time is not None and not str(time).isdecimal():
                parse_time(f"data.{setting}", time, "calendar")


def parse_time(setting: str, time: Time, kind: TimeKind) -> int:
    """Return microseconds since 1970 in the wall clock of the file, or the number of a step.

    Raises:
        ConfigError: the time is of the other kind.
    """
    text = str(time)
    if kind == "steps":
        if not text.isdecimal():
            raise ConfigError(
                f"{setting}={text}: the rows have no dates; give the number of a step, such as "
                f"{setting}=500"
            )
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ConfigError(
            f"{setting}={text}: give a date in the clock of the file, such as "
            f"{setting}=2024-01-31 or {setting}=2024-01-31T12:00"
        )
    return int(np.datetime64(moment, "us").astype(np.int64))


def observed_ends(series: Series, observed: Array) -> Ints:
    """Return the end of the last step of each series with an observed target, (S,).

    `observed` is (N, V). The rows after it are the future of the series.
    """
    steps = np.where(np.asarray(observed).any(axis=1), np.arange(1, len(observed) + 1), 0)
    last = np.maximum.reduceat(steps, series.offsets[:-1])
    ends: Ints = np.maximum(last, series.offsets[:-1])
    return ends


def find_borders(
    series: Series, ends: Ints, settings: SplitSettings, each_series: bool
) -> list[Ints]:
    """Return the ends of training, validation and test in each series, (S,) each.

    They are at the same times in all series.

    Args:
        series: the series, with all of their rows.
        ends: see observed_ends.
        settings: of the borders. With a separate test file its rows are the test split.
        each_series: the times of different series are unrelated; each has borders of its own.
    """
    groups = np.arange(len(ends))[:, None] if each_series else np.arange(len(ends))[None]
    borders = [_group_borders(series, ends, settings, group) for group in groups]
    val, test = np.concatenate(borders, axis=1)
    return [val, test, ends]


def unseen_times(series: Series, starts: Ints) -> tuple[int, ...]:
    """Return the first time after the validation of each series, S; see Series.times.

    `starts` are the steps at these times, (S,); one may be the end of its series.
    """
    times = np.asarray(series.times)
    last = series.offsets[1:] - 1
    after = times[np.minimum(starts, last)] + (starts > last)
    return tuple(after.tolist())


def _group_borders(series: Series, ends: Ints, settings: SplitSettings, group: Ints) -> Ints:
    """Return the first steps of validation and test in some series, (2, series)."""
    starts = series.offsets[group]
    ranges = list(zip(starts.tolist(), ends[group].tolist(), strict=True))
    if series.test_starts:
        first = [series.test_starts.get(series.names[i], np.iinfo(np.int64).max) for i in group]
        test = [i + _search(series.times[i:j], t) for (i, j), t in zip(ranges, first, strict=True)]
        ranges = list(zip(starts.tolist(), test, strict=True))
    rows = np.concatenate([np.arange(i, j) for i, j in ranges])
    moments = np.unique(series.times[rows])
    val_time, test_time = _border_times(series, rows, moments, settings)
    val = [i + _search(series.times[i:j], val_time) for i, j in ranges]
    if not series.test_starts:
        test = [i + _search(series.times[i:j], test_time) for i, j in ranges]
    return np.array([val, test], dtype=np.int64)


def _search(times: Array, time: int) -> int:
    return int(np.searchsorted(times, time))


def _border_times(
    series: Series, rows: Ints, moments: Ints, settings: SplitSettings
) -> tuple[int, int]:
    """Return the first times of validation and test; one after the last time for an empty split."""
    count, test_share = len(moments), 0.0 if series.test_starts else settings.test_fraction
    test = round((1 - test_share) * count)
    val = round((1 - settings.val_fraction - test_share) * count)
    if settings.test_from is not None:
        test = _position(series, rows, moments, "data.test_from", settings.test_from)
        val = max(test - round(settings.val_fraction * count), 0)
    if settings.val_from is not None:
        val = _position(series, rows, moments, "data.val_from", settings.val_from)
        if val >= test:
            raise DataError(
                f"data.val_from={settings.val_from} is not before the test, which begins at "
                f"{_name_time(series, moments, test)}: choose an earlier one, or a later "
                "data.test_from"
            )
    after = np.append(moments, moments[-1:] + 1) if count else np.zeros(1, dtype=np.int64)
    return int(after[val]), int(after[test])


def _name_time(series: Series, moments: Ints, position: int) -> str:
    time = moments[min(position, len(moments) - 1)]
    (row,) = np.flatnonzero(series.times == time)[:1]
    return format_time(series.local_times[row], series.time_kind)


def _position(series: Series, rows: Ints, moments: Ints, setting: str, time: Time) -> int:
    """Return the position in `moments` of the first one at or after a time, as typed.

    Raises:
        DataError: all are before it, or none is.
    """
    local = series.local_times[rows]
    later = local >= parse_time(setting, time, series.time_kind)
    if later.all() or not later.any():
        first, last = (format_time(t, series.time_kind) for t in (local.min(), local.max()))
        raise DataError(
            f"{setting}={time}: the rows with a target value are from {first} to {last}; choose a "
            "time between them"
        )
    return _search(moments, series.times[rows][later].min())


def select_series(
    series: Series,
    observed: Array,
    borders: Sequence[Ints],
    seq_len: int,
    horizon: int,
    policy: ShortSeries,
    source: str,
) -> tuple[Ints, list[str]]:
    """Return the indices of the series that are long enough, and notes on the others.

    A series without room for a target in each split is left out, whatever `seq_len` is. A series
    that only `seq_len` makes too short is treated by `policy`.

    Args:
        series: all series.
        observed: False where a target has no value, (N, V).
        borders: of all series; see find_borders.
        seq_len: steps of an input window.
        horizon: steps of a target.
        policy: refuse or drop a series that is too short.
        source: name of the data in errors.

    Raises:
        DataError: a series is too short and refused, or all are too short.
    """
    steps = np.diff(np.stack([series.offsets[:-1], *borders]), axis=0)  # (3, S)
    least = np.array([[2 * horizon], [horizon], [horizon]])
    need = np.array([[seq_len + horizon + 1], [horizon], [horizon]])
    empty = ~_trained(series, observed, borders[0])
    unusable: Array = np.any(steps < least, axis=0)
    short: Array = np.any(steps < need, axis=0) | empty
    if unusable.all():
        unusable = np.zeros_like(unusable)
    too_short = short & ~unusable
    if too_short.all() or (policy == "refuse" and too_short.any()):
        index = int(np.flatnonzero(too_short)[0])
        raise DataError(
            f"{source}: "
            + _describe_short(series, index, steps[:, index], need[:, 0], seq_len, horizon)
            + _advise(int(too_short.sum()), len(too_short))
        )
    notes = [*_note(series, unusable, "too short for all splits were left out")]
    reason = f"too short for data.seq_len={seq_len} or without a target value in training"
    notes += _note(series, too_short, f"{reason} were left out (data.short_series=drop)")
    return np.flatnonzero(~(unusable | too_short)), notes


def take_series(
    series: Series, borders: Sequence[Ints], indices: Ints
) -> tuple[Series, list[Ints]]:
    """Return some of the series, and their borders."""
    lengths = [border[indices] - series.offsets[indices] for border in borders]
    series = series.take(indices)
    return series, [series.offsets[:-1] + length for length in lengths]


def observed_windows(
    windows: Windows, split: str, names: Sequence[str], source: str
) -> tuple[Windows, list[str]]:
    """Return the windows with an observed target value, and notes on the others.

    `names` are those of the target variables, and `source` that of the data in errors.

    Raises:
        DataError: a variable has none.
    """
    counts = windows.count_observed()  # (M, V)
    has_value: Array = counts.max(axis=1) > 0
    empty = [name for name, count in zip(names, counts.sum(axis=0), strict=True) if not count]
    if empty:
        raise DataError(
            f"{source}: the file has no value of {', '.join(empty)} in the {split} split. Change "
            "data.val_fraction or data.test_fraction (or data.val_from and data.test_from), or "
            "choose other data.target_columns"
        )
    if windows.observed is None:
        return windows, []
    cells = windows.observed[windows.covered_steps()]
    notes = [
        f"{split}: {(~cells).sum():,} of {cells.size:,} target values are missing in the file and "
        f"are not scored; {(~has_value).sum():,} of {len(has_value):,} windows without any target "
        "value were left out"
    ]
    return windows.take(has_value), [] if cells.all() else notes


def _trained(series: Series, observed: Array, train_ends: Ints) -> Array:
    """Return whether a series has an observed training value of each target, (S,)."""
    ranges = zip(series.offsets[:-1], train_ends, strict=True)
    return np.array([np.asarray(observed[i:j]).any(axis=0).all() for i, j in ranges])


def _describe_short(
    series: Series, index: int, steps: Ints, need: Ints, seq_len: int, horizon: int
) -> str:
    name = series.names[index]
    for split, count, least in zip(("train", "val", "test"), steps, need, strict=True):
        if count < least:
            return (
                f"series {name!r} has {count:,} steps for {split}, but data.seq_len={seq_len} and "
                f"data.horizon={horizon} need {least:,}: lower one of them, give longer series, or "
                "change the split (data.val_fraction, data.test_fraction, data.val_from, "
                "data.test_from)"
            )
    return (
        f"series {name!r} has no value of a target in the training split: give it one, or change "
        "the split (data.val_fraction, data.test_fraction, data.val_from, data.test_from)"
    )


def _advise(short: int, count: int) -> str:
    if short == count:
        return f"; all {count:,} series are too short" if count > 1 else ""
    return (
        f"; {short:,} of {count:,} series are too short. Leave them out with data.short_series=drop"
    )


def _note(series: Series, flags: Array, reason: str) -> Iterator[str]:
    names = [series.names[i] for i in np.flatnonzero(flags)]
    if names:
        yield f"{len(names)} series {reason}: {', '.join(names[:5])}"
