"""Steps between the times of series: of one duration, months, business days; daylight saving.

N times, of which some neighbours belong to different series.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from rnnlab.data.readers.dates import DAY, HOUR, TimeKind, format_duration, format_time
from rnnlab.spec import Array, Ints

MONTH = 28 * DAY  # the shortest one
SUNDAY = 6
SPRING_MONTHS, AUTUMN_MONTHS = {3, 4, 9, 10}, {3, 4, 9, 10, 11}  # of both hemispheres


class StepRule(NamedTuple):
    """A rule that the times of a regular series follow.

    Attributes:
        name: of the usual step.
        irregular: steps that break the rule, (N - 1,).
        advance: function from a local time and numbers of steps, (K,), to the times after them.
    """

    name: str
    irregular: Array
    advance: Callable[[int, Ints], Ints]


def note_irregular_steps(
    file: str, times: Array, local_times: Array, inside: Array, kind: TimeKind
) -> list[str]:
    """Return a note on steps that break the rule that fits best, if there are some.

    `inside` is whether a step is within one series, (N - 1,).
    """
    if not inside.any():
        return []
    rules = find_rules(times, local_times, inside, kind)
    rule = min(rules, key=lambda rule: rule.irregular.sum())
    count = int(rule.irregular.sum())
    if not count:
        return []
    first = int(np.argmax(rule.irregular))
    skips = int((rule.irregular & skips_an_hour(times, local_times, inside)).sum())
    saving = f"; {skips:,} skip the hour of daylight saving" if skips else ""
    return [
        f"{count:,} of {inside.sum():,} steps of {file} are not the usual {rule.name} (first after "
        f"{format_time(local_times[first], kind)}{saving}): rows are taken as equidistant"
    ]


def find_rules(times: Array, local_times: Array, inside: Array, kind: TimeKind) -> list[StepRule]:
    """Return the rules that the steps may follow, with those that break them."""
    usual = most_frequent(np.diff(times)[inside])
    name = format_duration(usual) if kind == "calendar" else f"step of {usual:,}"
    rules = [duration_rule(name, times, inside, usual)]
    is_month = kind == "calendar" and usual >= MONTH
    if kind == "steps" or not (rules[0].irregular.any() or is_month):
        return rules
    if not np.array_equal(local_times, times):
        usual = most_frequent(np.diff(local_times)[inside])
        rules.append(duration_rule(format_duration(usual), local_times, inside, usual))
    if usual >= DAY and len(np.unique(local_times % DAY)) == 1:
        rules += [*month_rules(local_times, inside), business_day_rule(local_times, inside)]
    return rules


def continue_times(times: Array, local_times: Array, kind: TimeKind, count: int) -> Ints:
    """Return the local times of the next steps of one series, (count,).

    They follow the rule that fits the steps so far best. Of several, months are preferred to a
    duration of four weeks or more.

    >>> days = np.array(["2024-01-31", "2024-02-29", "2024-03-31"], dtype="datetime64[us]")
    >>> month_ends = days.astype(np.int64)
    >>> next_times = continue_times(month_ends, month_ends, "calendar", 2)
    >>> next_times.astype("datetime64[us]").astype("datetime64[D]").astype(str).tolist()
    ['2024-04-30', '2024-05-31']
    """
    rules = find_rules(times, local_times, np.ones(len(times) - 1, dtype=bool), kind)
    is_month = kind == "calendar" and most_frequent(np.diff(times)) >= MONTH
    if is_month and len(rules) > 1:
        rules = [*rules[1:], rules[0]]
    rule = min(rules, key=lambda rule: rule.irregular.sum())
    return rule.advance(int(local_times[-1]), np.arange(1, count + 1))


def duration_rule(name: str, times: Array, inside: Array, step: int) -> StepRule:
    """Return the rule of one duration."""
    irregular = inside & (np.diff(times) != step)
    return StepRule(name, irregular, lambda last, counts: last + step * counts)


def most_frequent(steps: Array) -> int:
    """Return the most frequent step.

    >>> most_frequent(np.array([1, 2, 2, 9]))
    2
    """
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def month_rules(local_times: Array, inside: Array) -> Iterator[StepRule]:
    """Yield the rules of months: on one day, or on the first or last business day of a month."""
    days = (local_times // DAY).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    steps = np.diff(months.astype(np.int64))
    usual = most_frequent(steps[inside])
    if usual < 1:
        return
    name = f"{usual // 12} y" if usual % 12 == 0 else f"{usual} month{'s' * (usual > 1)}"
    day = (days - months.astype("datetime64[D]")).astype(np.int64)
    for place in (
        partial(day_of_month, int(day.max())),
        partial(day_of_month, most_frequent(day)),
        first_business_day,
        last_business_day,
    ):
        on_day: Array = days == place(months)

        def advance(last: int, counts: Ints, place: Callable[[Array], Array] = place) -> Ints:
            month = np.datetime64(last // DAY, "D").astype("datetime64[M]")
            return place(month + usual * counts).astype(np.int64) * DAY + last % DAY

        yield StepRule(name, inside & ((steps != usual) | ~(on_day[1:] & on_day[:-1])), advance)


def day_of_month(day: int, months: Array) -> Array:
    """Return a day of each month, counted from 0, or its last one; February has no 31st."""
    starts, ends = (month.astype("datetime64[D]") for month in (months, months + 1))
    days: Array = starts + np.minimum(day, (ends - starts).astype(np.int64) - 1)
    return days


def first_business_day(months: Array) -> Array:
    """Return the first Monday to Friday of each month."""
    days: Array = np.busday_offset(months.astype("datetime64[D]"), 0, roll="forward")
    return days


def last_business_day(months: Array) -> Array:
    """Return the last Monday to Friday of each month."""
    days: Array = np.busday_offset((months + 1).astype("datetime64[D]"), -1, roll="forward")
    return days


def business_day_rule(local_times: Array, inside: Array) -> StepRule:
    """Return the rule of Mondays to Fridays."""
    days = (local_times // DAY).astype("datetime64[D]")
    steps = np.busday_count(days[:-1], days[1:])
    weekdays = np.is_busday(days)
    regular = (steps == 1) & weekdays[1:] & weekdays[:-1]

    def advance(last: int, counts: Ints) -> Ints:
        day = np.datetime64(last // DAY, "D")
        later: Array = np.busday_offset(day, counts, roll="backward")
        return later.astype(np.int64) * DAY + last % DAY

    return StepRule("business day", inside & ~regular, advance)


def skips_an_hour(times: Array, local_times: Array, inside: Array) -> Array:
    """Return which steps of local times are one hour longer, on a Sunday night, (N - 1,)."""
    steps = np.diff(times)
    usual = most_frequent(steps[inside])
    if usual > HOUR or not np.array_equal(local_times, times):
        return np.zeros(len(steps), dtype=bool)
    longer: Array = steps == usual + HOUR
    return longer & is_clock_change(local_times[:-1], SPRING_MONTHS)


def repeats_an_hour(local_times: Array) -> bool:
    """Return whether all these duplicate times are in the hour that daylight saving repeats."""
    hours = np.unique(local_times // HOUR)
    days = np.unique(local_times // DAY)
    changes = is_clock_change(local_times, AUTUMN_MONTHS)
    return bool(changes.all()) and len(hours) == len(days)


def is_clock_change(local_times: Array, months: set[int]) -> Array:
    """Return which times are between 0:00 and 4:00 on a Sunday in these months, (N,)."""
    days = local_times // DAY
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    sunday = (days + 3) % 7 == SUNDAY
    changes: Array = sunday & np.isin(month, list(months)) & (local_times % DAY < 4 * HOUR)
    return changes
