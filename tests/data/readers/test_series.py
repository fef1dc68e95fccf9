"""Files of series as people have them: refused with their line, or repaired and counted."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnlab.data.readers.dates import format_time
from rnnlab.data.readers.series import Series, read_series
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.errors import ConfigError, DataError

HEADER = "date,price,volume"
SEMICOLONS = "date;price;volume\n2020-01-01;1;2\n"


def rows(count: int = 10) -> list[str]:
    return [f"2020-01-{day + 1:02d},{day + 0.5},{day * 10}" for day in range(count)]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[Series, list[str]]]:
    def made(content: str | bytes | list[str], name: str = "a.csv", **settings):
        file = tmp_path / name
        if isinstance(content, list):
            content = "\n".join(content) + "\n"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        notes: list[str] = []
        return read_series(file, SeriesColumns(**settings), notes), notes

    return made


def test_a_clean_file_is_read_as_it_is(read) -> None:
    series, notes = read([HEADER, *rows()])
    assert series.columns == ["price", "volume"]
    assert series.values[:3].tolist() == [[0.5, 0], [1.5, 10], [2.5, 20]]
    assert format_time(series.times[1]) == "2020-01-02 00:00:00"
    assert series.offsets.tolist() == [0, 10]
    assert notes == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("byte order mark", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("CRLF", lambda text: text.replace("\n", "\r\n").encode()),
        ("no last line end", lambda text: text.rstrip("\n").encode()),
        ("quoted cells", lambda text: text.replace("date", '"date"').encode()),
        ("spaces", lambda text: text.replace(",", ", ").encode()),
        ("time zone", lambda text: text.replace(",", "T00:00:00Z,", 0).encode()),
    ],
)
def test_what_changes_nothing(read, name: str, change) -> None:
    text = "\n".join([HEADER, *rows()]) + "\n"
    plain, _ = read(text, "plain.csv")
    series, notes = read(change(text), "changed.csv")
    np.testing.assert_array_equal(series.values, plain.values)
    np.testing.assert_array_equal(series.times, plain.times)
    assert series.columns == plain.columns
    assert notes == []


@pytest.mark.parametrize("cell", ["", "NaN", "nan", "N/A", "null", "inf", "-inf", "-9999"])
def test_a_cell_without_a_number_takes_the_one_before_and_is_counted(read, cell: str) -> None:
    lines = [HEADER, *rows()]
    lines[4] = f"2020-01-04,{cell},30"
    series, notes = read(lines, missing_values=(-9999.0,))
    assert series.values[3].tolist() == [2.5, 30]
    assert notes == ["missing values of a.csv (price 1) were filled with the previous one"]
    with pytest.raises(DataError, match=r"price 1; first: 2020-01-04 .* data.missing=previous"):
        read(lines, missing="error", missing_values=(-9999.0,))


def test_nothing_is_filled_from_the_future(read) -> None:
    series, notes = read([HEADER, "2020-01-01,,1", "2020-01-02,,2", *rows()[2:]])
    assert series.values[0].tolist() == [2.5, 20]
    assert "2 rows of a.csv without a previous value were left out" in notes


def test_nothing_is_filled_from_another_series(read) -> None:
    lines = [
        "date,name,price",
        "2020-01-01,a,1",
        "2020-01-02,a,2",
        "2020-01-01,b,",
        "2020-01-02,b,4",
    ]
    series, notes = read(lines, series="name")
    assert series.names == ["a", "b"]
    assert series.values[:, 0].tolist() == [1, 2, 4]
    assert series.offsets.tolist() == [0, 2, 3]
    assert any("without a previous value" in note for note in notes)


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (b"", {}, "the file is empty"),
        (HEADER, {}, "has a header but no rows"),
        (
            "\n".join([HEADER, *rows()]).replace(",", ";"),
            {},
            r"'date;price;volume' is .* by semicolon \(';'\)",
        ),
        ("\n".join([HEADER, *rows()]).replace(",", "\t"), {}, "data.delimiter=tab"),
        ([HEADER, *rows(3), "2020-01-04,1,2,3"], {}, "line 5"),
        (
            [HEADER, *rows(3), "2020-01-04,twelve,2"],
            {},
            r"line 5, column 'price': 'twelve' is not a number",
        ),
        (
            [HEADER, "", *rows(3), "2020-01-04,x,2"],
            {},
            r"line 6, column 'price': 'x' is not a number",
        ),
        ([HEADER, *rows(3), "2020-01-04,1,\U0001f600"], {}, "\U0001f600.* is not a number"),
        ([HEADER, *rows(3), "04/13/20 soon,1,2"], {}, r"line 5, column 'date': .* is not a date"),
        ([HEADER, *rows(3), "yesterday,1,2"], {}, "data.date_format"),
        ([HEADER, *rows(3)], {"date": "day"}, "no column 'day'.*date, price, volume"),
        ([HEADER, *rows(3)], {"values": ("prise",)}, "did you mean price"),
        (["date,price,price", *rows(3)], {}, "line 1: there are two columns 'price'"),
        (
            [HEADER, *rows(3), rows(3)[-1]],
            {},
            r"1 rows .*first: 2020-01-03 00:00:00 in a.csv, line 4 and line 5\)"
            r".*data.duplicates=first",
        ),
        (["date,price", "2020-01-01,", "2020-01-02,"], {}, "'price' contains no number"),
        ("date,prix\n2020-01-01,1\n# caf\u00e9\n".encode("cp1252"), {}, r"line 3\).*cp1252"),
        ([HEADER, *rows(3), "2020-01-04,1." + "0" * 1_000_000 + "x,2"], {}, "line 5"),
        ([HEADER, *rows(3)], {"encoding": "utf-99"}, "data.encoding=utf-99"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(read, content, settings, message) -> None:
    with pytest.raises((ConfigError, DataError), match=message) as caught:
        read(content, **settings)
    assert "a.csv" in str(caught.value) or "data.encoding" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_row_one_cell_short_far_below_is_named(read) -> None:
    lines = [HEADER, *(f"{i},{i},{i}" for i in range(20_000))]
    lines[10_000] = "9999,9999"
    with pytest.raises(DataError, match=r"line 10,001: 2 cells, but the header has 3: '9999,9999'"):
        read(lines, date=None, values=("price", "volume"))


def test_a_long_line_of_a_million_digits_is_a_number_all_the_same(read) -> None:
    series, _ = read([HEADER, *rows(3), "2020-01-04,1." + "0" * 1_000_000 + ",2"])
    assert series.values[3].tolist() == [1, 2]


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder, but a file is expected"):
        read_series(tmp_path, SeriesColumns(), [])


def test_a_damaged_archive_is_refused(read) -> None:
    with pytest.raises(DataError, match=r"a.csv.gz: cannot be read"):
        read(b"\x1f\x8b\x08\x00damaged", "a.csv.gz")


def test_windows_1252_is_read_where_it_is_said(read) -> None:
    series, _ = read("date,t\u00e9mp\n2020-01-01,1\n".encode("cp1252"), encoding="cp1252")
    assert series.columns == ["t\u00e9mp"]


def test_empty_lines_are_left_out_and_counted(read) -> None:
    series, notes = read([HEADER, "", *rows(), "", ""])
    assert len(series.values) == 10
    assert notes == ["3 empty lines of a.csv were left out"]


def test_rows_out_of_order_are_sorted_and_counted(read) -> None:
    series, notes = read([HEADER, *rows()[::-1]])
    assert series.values[:, 0].tolist() == [i + 0.5 for i in range(10)]
    assert notes == [
        "9 rows of a.csv came before an earlier one (first: a.csv, line 3); sorted by date"
    ]


@pytest.mark.parametrize(
    ("choice", "kept"), [("first", [1, 2]), ("last", [1, 3]), ("keep", [1, 2, 3])]
)
def test_rows_of_the_same_time(read, choice: str, kept: list[int]) -> None:
    lines = ["date,price", "2020-01-01,1", "2020-01-02,2", "2020-01-02,3"]
    series, notes = read(lines, duplicates=choice)
    assert series.values[:, 0].tolist() == kept
    assert f"duplicates={choice}" in notes[0]


def test_irregular_steps_are_reported(read) -> None:
    _, notes = read([HEADER, *rows(5), "2020-01-09,1,2"])
    assert notes == [
        "1 of 5 steps of a.csv are not the usual 1 d (first after 2020-01-05 00:00:00): rows are "
        "taken as equidistant"
    ]


def test_dates_are_read_as_they_are_said_to_be(read) -> None:
    lines = ["date,price", "02/01/2020,1", "13/01/2020,2"]
    series, _ = read(lines, date_format="%d/%m/%Y")
    assert format_time(series.times[0]) == "2020-01-02 00:00:00"


def test_the_repeated_hour_of_daylight_saving_is_named(read) -> None:
    lines = ["date,price", "2020-10-25 01:00,1", "2020-10-25 02:00,2", "2020-10-25 02:00,3"]
    with pytest.raises(DataError, match=r"the hour that daylight saving repeats.*data\.duplicates"):
        read(lines)


def hours_of_berlin(step: str = "15min") -> list[str]:
    """The autumn of 2020, when the hour from 2:00 is repeated, and the following spring."""
    parts = [("2020-10-24", "2020-10-27"), ("2021-03-27", "2021-03-30")]
    return [
        str(time)
        for begin, end in parts
        for time in pd.date_range(begin, end, freq=step, tz="Europe/Berlin").tz_localize(None)
    ]


@pytest.mark.parametrize("backwards", [False, True])
def test_times_of_a_zone_keep_the_repeated_hour(read, backwards: bool) -> None:
    times = hours_of_berlin()
    rows = [f"{time},{name},{i}" for i, time in enumerate(times) for name in "ab"]
    lines = ["date,name,price", *(rows[::-1] if backwards else rows)]
    with pytest.raises(DataError, match=r"daylight saving repeats.*data.time_zone=Europe/Berlin"):
        read(lines, series="name")
    series, notes = read(lines, series="name", time_zone="Europe/Berlin")
    assert series.values[: len(times), 0].tolist() == list(range(len(times)))
    assert [format_time(time) for time in series.local_times[: len(times)]] == times
    assert np.unique(np.diff(series.times[: len(times)]))[0] == 900_000_000
    assert [note for note in notes if "sorted" not in note] == [
        "2 of 1,154 steps of a.csv are not the usual 15 min (first after 2020-10-27 00:00:00): "
        "rows are taken as equidistant"
    ]


def test_times_that_a_zone_does_not_have_are_named(read) -> None:
    lines = ["date,price", "2021-03-28 01:30,1", "2021-03-28 02:30,2"]
    with pytest.raises(DataError, match="line 3: the clock of Europe/Berlin skips 2021-03-28 02"):
        read(lines, time_zone="Europe/Berlin")
    with pytest.raises(DataError, match=r"set data.time_zone=null"):
        read(["date,price", "2021-03-28 01:30+01:00,1"], time_zone="UTC")
    with pytest.raises(DataError, match=r"set data.time_zone=null"):
        read(["date,price", "1,1", "2,2"], time_zone="UTC")


def test_numbers_out_of_order_may_not_be_steps(read) -> None:
    lines = ["date,price", "1,1", "12020,2", "2,3"]
    with pytest.raises(DataError, match=r"a.csv, line 4\).*data.date_format=steps"):
        read(lines)
    series, notes = read(lines, date_format="steps")
    assert series.values[:, 0].tolist() == [1, 3, 2]
    assert (series.time_kind, series.times.tolist()) == ("steps", [1, 2, 12020])
    assert any("sorted" in note for note in notes)


def test_rows_of_several_series_out_of_order_are_counted(read) -> None:
    lines = ["date,name,price", "2020-01-02,a,1", "2020-01-01,b,2", "2020-01-01,a,3"]
    series, notes = read([*lines, "2020-01-02,b,4"], series="name")
    assert series.values[:, 0].tolist() == [3, 1, 2, 4]
    assert notes == [
        "1 rows of a.csv came before an earlier one (first: a.csv, line 4); sorted by date"
    ]


def test_date_and_time_in_two_columns(read) -> None:
    lines = ["Date,Time,price", "16/12/2006,17:24:00,1", "16/12/2006,17:25:00,2"]
    series, _ = read(lines, date_columns=("Date", "Time"))
    assert series.columns == ["price"]
    assert format_time(series.times[1]) == "2006-12-16 17:25:00"


def test_series_in_one_file_are_told_apart(read) -> None:
    lines = ["date,name,price"]
    lines += [f"2020-01-{day:02d},{name},{day}" for day in range(1, 6) for name in ("b", "a")]
    series, notes = read(lines, series="name")
    assert series.names == ["b", "a"]
    assert series.offsets.tolist() == [0, 5, 10]
    assert series.values[:5, 0].tolist() == series.values[5:, 0].tolist() == [1, 2, 3, 4, 5]
    assert notes == []


def test_pieces_make_no_difference(read, monkeypatch) -> None:
    whole, _ = read([HEADER, *rows()], "whole.csv")
    monkeypatch.setattr("rnnlab.data.readers.delimited.CHUNK_ROWS", 3)
    pieces, _ = read([HEADER, *rows()], "pieces.csv")
    np.testing.assert_array_equal(whole.values, pieces.values)
    np.testing.assert_array_equal(whole.times, pieces.times)
    bad = [HEADER, *rows(8), "2020-01-09,x,2"]
    with pytest.raises(DataError, match="line 10, column 'price'"):
        read(bad)


# Formats other than CSV.

TABLE = pd.DataFrame(
    {
        "date": [f"2020-01-{day:02d}T06:00:00" for day in (1, 2, 3, 1, 2, 3)],
        "name": ["a"] * 3 + ["b"] * 3,
        "price": [0.1, 1 / 3, None, 2.5, 1e-7, 3.0],
        "volume": [1, 2, 3, 4, 5, 6],
    }
)


def records(table: pd.DataFrame) -> list[dict[str, object]]:
    """The rows as JSON has them; pandas itself would write 15 digits of a number."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "csv.gz": lambda table, path: table.to_csv(path, index=False),
    "tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "txt": lambda table, path: table.to_csv(path, index=False),
    "json": lambda table, path: path.write_text(json.dumps(records(table))),
    "jsonl": lambda table, path: path.write_text("\n".join(map(json.dumps, records(table)))),
    "parquet": lambda table, path: table.to_parquet(path),
    "feather": lambda table, path: table.to_feather(path),
    "xlsx": lambda table, path: table.to_excel(path, index=False),
}


def write(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".xlsx":
        pytest.importorskip("openpyxl")
    WRITERS[path.name.split(".", 1)[1]](table, path)
    return path


@pytest.mark.parametrize("extension", WRITERS)
def test_every_format_gives_the_series_of_the_csv_file(tmp_path: Path, extension: str) -> None:
    columns = SeriesColumns(series="name")
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    notes: dict[str, list[str]] = {"csv": [], extension: []}
    expected = read_series(tmp_path / "a.csv", columns, notes["csv"])
    series = read_series(write(TABLE, tmp_path / f"a.{extension}"), columns, notes[extension])
    np.testing.assert_array_equal(series.values, expected.values)
    np.testing.assert_array_equal(series.times, expected.times)
    assert (series.names, series.columns) == (["a", "b"], ["price", "volume"])
    assert series.offsets.tolist() == [0, 3, 6]
    assert [note.replace(f"a.{extension}", "a.csv") for note in notes[extension]] == notes["csv"]
    assert "price 1" in notes["csv"][0]


@pytest.mark.parametrize("extension", ["parquet", "feather"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_typed_dates_and_nullable_numbers(tmp_path: Path, extension: str, zone: str | None) -> None:
    dates = pd.to_datetime(TABLE["date"]).dt.tz_localize(zone)
    numbers = TABLE["volume"].astype("Int64").mask(TABLE["volume"] == 2)
    table = TABLE.assign(date=dates, volume=numbers)
    path = write(table, tmp_path / f"a.{extension}")
    series = read_series(path, SeriesColumns(series="name"), [])
    hour = 6 if zone is None else 5  # dates with a time zone become UTC
    assert format_time(series.times[0]) == f"2020-01-01 0{hour}:00:00"
    assert series.values[:3, 1].tolist() == [1, 1, 3]


@pytest.mark.parametrize("extension", ["json", "parquet", "xlsx"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": [1, 2, "two", 4, 5, 6]}, r"row 3, column 'price': 'two' is not a number"),
        ({"volume": [True, 1, *["no"] * 4]}, r"row 1, column 'volume': 'True' is not a number"),
        ({"date": ["2020-01-01", "soon", *["2020-01-03"] * 4]}, "row 2, column 'date': 'soon' is"),
        ({"date": [0.5] * 6}, "row 1, column 'date': '0.5' is a number"),
        ({"date": ["2020-01-01"] * 6}, r"data.duplicates=first"),
    ],
)
def test_cells_of_other_formats_are_checked_too(
    tmp_path: Path, extension: str, changes: dict[str, list[object]], message: str
) -> None:
    table = TABLE.assign(**changes)
    if extension == "parquet":  # a column has one type
        table = table.map(lambda cell: str(cell) if "date" not in changes else cell)
    path = write(table, tmp_path / f"a.{extension}")
    with pytest.raises(DataError, match=message):
        read_series(path, SeriesColumns(series="name"), [])


def test_missing_columns_of_other_formats_are_named(tmp_path: Path) -> None:
    path = write(TABLE, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"no column 'day'.*date, name, price, volume"):
        read_series(path, SeriesColumns(date="day"), [])
    empty = write(TABLE[:0], tmp_path / "empty.parquet")
    with pytest.raises(DataError, match=r"empty.parquet: has a header but no rows"):
        read_series(empty, SeriesColumns(), [])
