"""Dates in files of users that were once read wrongly."""

from pathlib import Path

import numpy as np
import pytest

from rnnlab.data.readers.dates import format_time
from rnnlab.errors import ConfigError, DataError
from tests.helpers.cases import open_case


@pytest.mark.parametrize(
    ("name", "settings", "first", "last"),
    [
        ("advice-does-not-work", [], "2020-01-01 00:00:00", "2020-07-18 00:00:00"),
        ("bad-date-format-traceback", [], "2018-01-01 00:00:00", "2020-12-21 00:00:00"),
        (
            *("bad-date-format-traceback", ["data.date_format=%G-W%V"]),
            *("2018-01-01 00:00:00", "2020-12-21 00:00:00"),
        ),
        ("epoch-seconds", [], "2020-01-01 00:00:00", "2020-01-09 07:00:00"),
        ("integer-time-index", [], "step 1", "step 120"),
        ("month-steps-false-alarm", [], "2010-01-31 00:00:00", "2021-12-31 00:00:00"),
        ("sub-second", [], "2020-01-01 00:00:00", "2020-01-01 00:00:19.9"),
    ],
)
def test_the_file_of_a_user_is_read(
    series_cases: Path, name: str, settings: list[str], first: str, last: str
) -> None:
    data = open_case(series_cases / name, *settings)
    times = [format_time(time, data.time_kind) for time in data.local_times[[0, -1]]]
    assert times == [first, last]
    assert not any("not the usual" in note for note in data.provenance.notes)


def test_months_with_two_digits_are_rejected_and_read_with_the_setting(series_cases: Path) -> None:
    case = series_cases / "mmm-yy-sorted-wrong"
    with pytest.raises(DataError, match=r"'Jan-10'.*2010-01-01 \(data.date_format=%b-%y\)"):
        open_case(case)
    data = open_case(case, "data.date_format=%b-%y")
    plain = open_case(case, f"data.path={case / 'sales_iso.csv'}")
    np.testing.assert_array_equal(data.times, plain.times)
    np.testing.assert_array_equal(data.targets, plain.targets)
    assert any("are read as %b-%y" in note for note in data.provenance.notes)


def test_a_format_that_is_none_is_an_error(series_cases: Path) -> None:
    with pytest.raises(ConfigError, match=r"data.date_format=%s: .*epoch_s"):
        open_case(series_cases / "bad-date-format-traceback", "data.date_format=%s")


def test_a_calendar_without_dates_is_an_error(series_cases: Path) -> None:
    with pytest.raises(ConfigError, match="needs dates"):
        open_case(series_cases / "calendar-without-dates")


def test_the_rows_of_all_pieces_have_one_format(tmp_path: Path, monkeypatch) -> None:
    """The file is that of the case chunk-date-format, with a hundredth of its rows."""
    monkeypatch.setattr("rnnlab.data.readers.delimited.CHUNK_ROWS", 2000)
    times = np.datetime64("2020-01-09T00:00") + 7 * np.arange(2100)
    days = [f"{t[8:10]}/{t[5:7]}/{t[:4]} {t[11:16]}" for t in times.astype(str)]
    file = tmp_path / "chunk.csv"
    file.write_text("date,v\n" + "\n".join(f"{day},{i}" for i, day in enumerate(days)))
    (tmp_path / "cmd").write_text(f"data.path={file} data.seq_len=8 data.horizon=2")
    data = open_case(tmp_path)
    assert data.size("train") == 1461
    np.testing.assert_array_equal(data.times, times.astype("datetime64[us]").astype(np.int64))
