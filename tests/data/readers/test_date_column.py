"""Dates of a column: one format fits all rows, or the error shows the readings and settings."""

import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnlab.data.readers.date_column import DateColumn, TimeAxis
from rnnlab.errors import ConfigError, DataError
from tests.helpers.date_formats import AMBIGUOUS_FORMATS, CERTAIN_FORMATS


def read(
    cells: list[Any], notes: list[str] | None = None, size: int = 1000, **settings
) -> TimeAxis:
    """Read a column of text in pieces."""
    column = DateColumn(["date"], **settings)
    for start in range(0, len(cells), size):
        piece = cells[start : start + size]
        texts = all(isinstance(cell, str) for cell in piece)
        column.add(
            [piece if texts else pd.Series(piece)],
            lambda row, start=start: f"a.csv, line {start + row + 2}",
        )
    return column.finish([] if notes is None else notes)


def dates(axis: TimeAxis) -> list[str]:
    """Return the times of the wall clock as text."""
    texts = np.asarray(axis.local_times).astype("datetime64[us]").astype("datetime64[s]")
    return [str(text).replace("T", " ").removesuffix(" 00:00:00") for text in texts]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2020-01-31", "2020-02-29"], ["2020-01-31", "2020-02-29"]),
        (["2020-1-5 6:05"], ["2020-01-05 06:05:00"]),
        (["2020-01-01", "2020-01-01 06:00"], ["2020-01-01", "2020-01-01 06:00:00"]),
        (["2020-01-01T24:00"], ["2020-01-02"]),
        (["2020-01", "2020-12"], ["2020-01-01", "2020-12-01"]),
        (["1749", "2008"], ["1749-01-01", "2008-01-01"]),
        (["2020-W01", "2020-W53"], ["2019-12-30", "2020-12-28"]),
        (["2020W011"], ["2019-12-30"]),
        (["2020-W01-7"], ["2020-01-05"]),
        (["2020-001", "2020-366"], ["2020-01-01", "2020-12-31"]),
        (["2021365"], ["2021-12-31"]),
        (["2020Q1", "2020Q4"], ["2020-01-01", "2020-10-01"]),
        (["2020-Q2"], ["2020-04-01"]),
        (["Q3 2020"], ["2020-07-01"]),
        (["202001", "202112"], ["2020-01-01", "2021-12-01"]),
        (["2020M07"], ["2020-07-01"]),
        (["Jan 2020", "Sept 2020"], ["2020-01-01", "2020-09-01"]),
        (["January 2020", "May 2020"], ["2020-01-01", "2020-05-01"]),
        (["2020-Mar"], ["2020-03-01"]),
        (["01/2020", "12/2020"], ["2020-01-01", "2020-12-01"]),
        (["13/01/2020", "02/02/2020"], ["2020-01-13", "2020-02-02"]),
        (["02/02/2020", "01/13/2020"], ["2020-02-02", "2020-01-13"]),
        (["31.12.2020 00:00"], ["2020-12-31"]),
        (["31.12.2020 18.00.00"], ["2020-12-31 18:00:00"]),
        (["1/13/2020, 1:00:00 PM"], ["2020-01-13 13:00:00"]),
        (["1/13/2020 12:30 a.m."], ["2020-01-13 00:30:00"]),
        (["Mon, 06 Jan 2020 10:00:00 GMT"], ["2020-01-06 10:00:00"]),
        (["2020010100", "2020010123"], ["2020-01-01", "2020-01-01 23:00:00"]),
        (["1577836800", "1577840400"], ["2020-01-01", "2020-01-01 01:00:00"]),
        (["1577836800.0", "1577840400.0"], ["2020-01-01", "2020-01-01 01:00:00"]),
        (["1577836800000"], ["2020-01-01"]),
        (["1577836800000000"], ["2020-01-01"]),
        (["1577836800000000000"], ["2020-01-01"]),
        (["31.12.2020 00:00 - 31.12.2020 01:00"], ["2020-12-31"]),
        ([20200131, 20200201], ["2020-01-31", "2020-02-01"]),
        ([1577836800.0, 1577840400.0], ["2020-01-01", "2020-01-01 01:00:00"]),
    ],
)
def test_the_only_reading_is_read(cells: list[Any], expected: list[str]) -> None:
    axis = read(cells)
    assert dates(axis) == expected
    assert axis.time_kind == "calendar"


def test_fractions_of_a_second_are_exact_to_a_microsecond() -> None:
    axis = read(["2020-01-01 00:00:00.1", "2020-01-01 00:00:00.000001", "2020-01-01T00:00:00,25"])
    assert (axis.times - axis.times[1]).tolist() == [99_999, 0, 249_999]
    assert np.diff(read(["1577836800.5", "1577836801.25"]).times).tolist() == [750_000]
    assert np.diff(read(["1577836800123", "1577836800124"]).times).tolist() == [1000]


@pytest.mark.parametrize(
    ("cells", "settings", "readings"),
    [
        (["01/02/2020", "02/03/2020"], {}, ["2020-02-01 (data.day_first=true)"]),
        (["01/02/2020", "02/03/2020"], {}, ["2020-01-02 (data.day_first=false)"]),
        (["01.02.2020 10:00"], {}, ["2020-02-01 10:00:00 (data.day_first=true)"]),
        (["01/01/2020", "01/02/2020"], {}, ["line 3, column 'date': '01/02/2020'"]),
        (["Jan-10", "Feb-10"], {}, ["2010-01-01 (data.date_format=%b-%y)", "10 January without"]),
        (["10-Jan"], {}, ["2010-01-01 (data.date_format=%y-%b)", "10 January without a year"]),
        (["01/10"], {}, ["%m/%y", "%y/%m", "1 October without", "10 January without"]),
        (["01/02/20"], {}, ["2020-02-01 (data.date_format=%d/%m/%y)", "%m/%d/%y", "%y/%m/%d"]),
        (["31/12/20"], {}, ["has a year of two digits: 2020-12-31 (data.date_format=%d/%m/%y)"]),
        (["31/12/20"], {"day_first": True}, ["(data.date_format=%d/%m/%y)"]),
        (["201001", "201002"], {}, ["2010-01-01 (data.date_format=%Y%m)", "%y%m%d", "%d%m%y"]),
        (["01022020"], {}, ["2020-02-01 (data.day_first=true)"]),
        (["2001010203"], {}, ["2001-01-02 03:00:00 (data.date_format=%Y%m%d%H)", "%y%m%d%H%M"]),
        (["43831", "43832"], {}, ["data.date_format=excel, ", "=mjd, ", "data.date_format=steps"]),
        (["58849.5"], {}, ["data.date_format=excel, data.date_format=mjd"]),
        (["1958.2027"], {}, ["data.date_column=null"]),
    ],
)
def test_several_readings_are_shown_with_their_settings(cells, settings, readings) -> None:
    with pytest.raises(DataError) as caught:
        read(cells, **settings)
    for text in readings:
        assert text in str(caught.value)
    assert len(str(caught.value)) < 500


def typed_settings(error: str) -> list[dict[str, Any]]:
    """Return the settings that an error names, as the shell and Hydra pass them."""
    found = []
    for word in re.findall(r"'data\.\w+=[^']+'|data\.\w+=[^\s,;)]+", error):
        (argument,) = shlex.split(word)
        name, value = argument.removeprefix("data.").split("=", 1)
        found.append({name: {"true": True, "false": False}.get(value, value.strip('"'))})
    return [setting for setting in found if setting.keys() <= {"date_format", "day_first"}]


@pytest.mark.parametrize("format", AMBIGUOUS_FORMATS)
def test_an_ambiguous_column_is_rejected_and_a_named_setting_reads_it(format: str) -> None:
    moments = [datetime(2009, month, 3, 5) for month in range(4, 11)]
    cells = [moment.strftime(format) for moment in moments]
    expected = [datetime.strptime(cell, format) for cell in cells]
    with pytest.raises(DataError) as caught:
        read(cells)
    axes = [read(cells, **setting) for setting in typed_settings(str(caught.value))]
    times = [to_microseconds(moment) for moment in expected]
    assert any(axis.times.tolist() == times for axis in axes)
    assert read(cells, date_format=format).times.tolist() == times


def to_microseconds(moment: datetime) -> int:
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // (
        timedelta(microseconds=1)
    )


@pytest.mark.parametrize("format", CERTAIN_FORMATS)
def test_a_certain_format_is_read_without_settings(format: str) -> None:
    moments = [datetime(2009, 1, 1) + timedelta(hours=7 * i, seconds=i) for i in range(60)]
    cells = [moment.strftime(format) for moment in moments]
    axis = read(cells, size=7)
    zones = {"+01:00": 3_600_000_000}
    offset = next((zones[zone] for zone in zones if format.endswith(zone)), 0)
    plain = format.removesuffix("+01:00").removesuffix(" +0000")
    expected = [to_microseconds(datetime.strptime(m.strftime(plain), plain)) for m in moments]
    assert axis.local_times.tolist() == expected
    assert (axis.local_times - axis.times).tolist() == [offset] * 60


def test_pieces_have_one_format() -> None:
    """The format that only the last row decides is that of all rows."""
    cells = ["01/02/2020", "02/02/2020", "03/02/2020", "01/13/2020"]
    notes: list[str] = []
    assert dates(read(cells, notes, size=2)) == [f"2020-0{m}-02" for m in (1, 2, 3)] + [
        "2020-01-13"
    ]
    assert notes == ["the dates of date are read as %m/%d/%Y: 2020-01-02 to 2020-03-02"]


@pytest.mark.parametrize(
    ("cells", "settings", "message"),
    [
        (
            ["2020-01-01", "2020-02-30"],
            {},
            "line 3, column 'date': '2020-02-30' is not a date like",
        ),
        (["13/01/2020", "01/13/2020"], {}, "line 3.*'01/13/2020' is not a date like %d/%m/%Y"),
        (["01/02/2020", "13/02/2020", "01/13/2020"], {}, r"line 4.*line 3.*'13/02/2020' is not"),
        (["2020-01-01", ""], {}, "line 3, column 'date': '' is not a date"),
        (["yesterday"], {}, "'yesterday' is not a date. .*data.date_format"),
        (["2020-01-01 00:00Z", "2020-01-01 01:00"], {}, "line 3.* is not a date like"),
        (["1/1/2020 1:00 PM", "1/13/2020 2:00"], {}, "line 3.* is not a date like"),
        (["Tue, 06 Jan 2020"], {}, "is not a date"),
        (["2020-W54"], {}, "is not a date"),
        (["2021-366"], {}, "is not a date"),
        (["01", "02"], {}, "'01' is not a date"),
        (["9999-12-31"], {}, "is not a date"),
        (["2020-01-01 " + "0" * 10_000], {}, "is not a date"),
        (["2020-01-01 \U0001f600"], {}, "is not a date"),
        (
            ["2020-W01"],
            {"date_format": "%Y-%m-%d"},
            "'2020-W01' is not a date with data.date_format=%Y-%m-%d",
        ),
        (
            ["12/13/2020"],
            {"day_first": True},
            "'12/13/2020' is not a date with data.day_first=true",
        ),
        (["Jan-49", "Dec-70"], {"date_format": "%b-%y"}, "1969 to 2068.*four digits"),
        ([pd.Timestamp("2020-01-01"), pd.NaT], {}, "line 3, column 'date': is empty"),
    ],
)
def test_a_cell_that_is_no_date_is_named(cells, settings, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(cells, **settings)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "format", ["%s", "%Q", "%d/%m/%m", "%H:%M", "%b-%d", "%I:%M %Y", "%", "(", "%Y %H", "%Y %d"]
)
def test_a_format_that_is_none_is_an_error_in_words(format: str) -> None:
    with pytest.raises((ConfigError, DataError)):
        read(["2020-01-01"], date_format=format)


def test_an_order_beside_a_format_is_rejected() -> None:
    with pytest.raises(ConfigError, match=r"drop data\.day_first"):
        read(["01/02/2020"], date_format="%d/%m/%Y", day_first=True)


@pytest.mark.parametrize(
    ("cells", "settings", "times"),
    [
        (["1", "2", "10"], {}, [1, 2, 10]),
        (["0", "3600", "7200"], {}, [0, 3600, 7200]),
        (["d_1", "d_2", "d_10"], {}, [1, 2, 10]),
        (["-1", "0", "1"], {}, [-1, 0, 1]),
        ([1.0, 2.0], {}, [1, 2]),
        (["43831", "43832"], {"date_format": "steps"}, [43831, 43832]),
        (["0001", "0002"], {"date_format": "steps"}, [1, 2]),
    ],
)
def test_an_integer_index_counts_steps(cells, settings, times: list[int]) -> None:
    axis = read(cells, **settings)
    assert axis.time_kind == "steps"
    assert axis.times.tolist() == axis.local_times.tolist() == times


def test_serial_days_are_read_where_they_are_named() -> None:
    assert dates(read(["43831", "43831.25"], date_format="excel")) == [
        "2020-01-01",
        "2020-01-01 06:00:00",
    ]
    assert dates(read(["58849.5"], date_format="mjd")) == ["2020-01-01 12:00:00"]


def test_the_wall_clock_is_kept_beside_utc() -> None:
    notes: list[str] = []
    axis = read(["2020-10-25T02:30:00+02:00", "2020-10-25T02:30:00+01:00"], notes)
    assert dates(axis) == ["2020-10-25 02:30:00"] * 2
    assert np.diff(axis.times).tolist() == [3_600_000_000]
    assert "offsets +01:00, +02:00 of UTC (daylight saving)" in notes[0]


def test_typed_dates_with_a_zone_keep_the_wall_clock() -> None:
    moments = pd.Series(pd.to_datetime(["2020-07-01 06:00", "2020-12-01 06:00"]))
    axis = read(list(moments.dt.tz_localize("Europe/Berlin")))
    assert dates(axis) == ["2020-07-01 06:00:00", "2020-12-01 06:00:00"]
    assert ((axis.local_times - axis.times) // 3_600_000_000).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"Date": ["16/12/2006"], "Time": ["17:24:00"]}, "2006-12-16 17:24:00"),
        ({"Date": ["2006-12-16 00:00:00"], "Time": ["17:24:00"]}, "2006-12-16 17:24:00"),
        ({"Date": ["2006-12-16"], "Hour": ["7"]}, "2006-12-16 07:00:00"),
        ({"year": ["2010"], "month": ["1"], "day": ["2"], "hour": ["3"]}, "2010-01-02 03:00:00"),
        ({"Year": [2010], "Mo": [12]}, "2010-12-01"),
        ({"day": ["31/12/2010"], "hour": ["1"]}, "2010-12-31 01:00:00"),
        ({"YEAR": ["2020"], "DOY": ["60"]}, "2020-02-29"),
        ({"year": ["2020"], "month": ["Feb"]}, "2020-02-01"),
        ({"year": ["2020"], "week": ["1"]}, "2019-12-30"),
        ({"day": ["2"], "month": ["1"], "year": ["2010"]}, "2010-01-02"),
        ({"date": ["3-Jan"], "year": ["2010"]}, "2010-01-03"),
    ],
)
def test_several_columns_form_a_date(columns: dict[str, list[Any]], expected: str | None) -> None:
    column = DateColumn(list(columns))
    column.add([pd.Series(cells) for cells in columns.values()], lambda row: f"line {row + 2}")
    if expected:
        assert dates(column.finish([])) == [expected]


def test_a_large_column_is_read() -> None:
    count = 200_000
    cells = pd.date_range("2006-12-16", periods=count, freq="min").strftime("%d/%m/%Y %H:%M")
    axis = read(list(cells), size=count)
    assert np.unique(np.diff(axis.times)).tolist() == [60_000_000]
