"""Regular calendars are no irregularity; truly irregular steps are counted with their place."""

import numpy as np
import pandas as pd
import pytest

from rnnlab.data.readers.time_steps import note_irregular_steps, repeats_an_hour


def note(moments: pd.DatetimeIndex | list[str], series: list[int] | None = None) -> list[str]:
    local = np.asarray(pd.DatetimeIndex(moments).tz_localize(None), "datetime64[us]").astype(int)
    utc = (
        np.asarray(pd.DatetimeIndex(moments).tz_convert(None), "datetime64[us]").astype(int)
        if (pd.DatetimeIndex(moments).tz)
        else local.copy()
    )
    inside = np.diff(series if series is not None else np.zeros(len(local))) == 0
    return note_irregular_steps("a.csv", utc, local, inside, "calendar")


@pytest.mark.parametrize(
    "frequency",
    [
        *(
            "ms",
            "s",
            "15min",
            "h",
            "D",
            "W",
            "2W",
            "B",
            "MS",
            "ME",
            "BMS",
            "BME",
            "2MS",
            "QS",
            "QE",
        ),
        *("BQE", "6MS", "YS", "YE", "BYE", "10YS"),
    ],
)
@pytest.mark.parametrize("start", ["2010-01-01", "2012-02-29", "2013-08-31 06:00"])
def test_a_regular_calendar_is_not_reported(frequency: str, start: str) -> None:
    assert note(pd.date_range(start, periods=40, freq=frequency)) == []


@pytest.mark.parametrize("day", [1, 15, 28, 30, 31])
def test_the_same_day_of_every_month_is_regular(day: int) -> None:
    first = pd.Timestamp(f"2010-01-{day}")
    assert note(pd.DatetimeIndex([first + pd.DateOffset(months=i) for i in range(40)])) == []


@pytest.mark.parametrize(
    ("frequency", "name"),
    [("D", "1 d"), ("B", "business day"), ("ME", "1 month"), ("QS", "3 months"), ("YE", "1 y")],
)
def test_a_missing_row_is_reported_with_its_place(frequency: str, name: str) -> None:
    moments = pd.date_range("2010-01-01", periods=40, freq=frequency)
    before = str(moments[19])
    (text,) = note(moments.delete(20))
    assert text.startswith(
        f"1 of 38 steps of a.csv are not the usual {name} (first after {before}): rows are"
    )


def test_a_wrong_day_of_a_month_is_irregular() -> None:
    (text,) = note(
        ["2010-01-15", "2010-02-15", "2010-03-16", "2010-04-15", "2010-05-15", "2010-06-15"]
    )
    assert "2 of 5 steps of a.csv are not the usual 1 month (first after 2010-02-15" in text


def test_local_days_and_hours_with_a_time_zone_are_regular() -> None:
    for frequency in ("D", "h", "15min"):
        assert (
            note(pd.date_range("2020-01-01", periods=9000, freq=frequency, tz="Europe/Berlin"))
            == []
        )


def test_the_hour_that_daylight_saving_skips_is_named() -> None:
    moments = pd.date_range("2020-03-01", periods=1000, freq="h", tz="Europe/Berlin")
    (text,) = note(moments.tz_localize(None))
    assert "1 of 999 steps of a.csv are not the usual 1 h (first after 2020-03-29 01:00:00" in text
    assert "1 skip the hour of daylight saving" in text


def test_the_hour_that_daylight_saving_repeats_is_recognized() -> None:
    repeat = np.array(["2020-10-25T02:00", "2020-10-25T02:15"], "datetime64[us]").astype(int)
    assert repeats_an_hour(repeat)
    assert not repeats_an_hour(repeat - 24 * 3_600_000_000)
    assert not repeats_an_hour(np.append(repeat, repeat[:1] + 3_600_000_000))


def test_several_series_have_one_rule() -> None:
    days = list(pd.date_range("2010-01-01", periods=5))
    assert note(pd.DatetimeIndex(days * 2), [0] * 5 + [1] * 5) == []
    (text,) = note(pd.DatetimeIndex(days + days[:3] + days[4:]), [0] * 5 + [1] * 4)
    assert text.startswith("1 of 7 steps of a.csv")
