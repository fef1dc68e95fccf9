"""Rows of CSV and TSV files: read as they were written, or rejected with the line."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.data.readers.delimited import DelimitedTable, Delimiter, TableFormat
from rnnlab.data.readers.sentence_pairs import read_pair_file
from rnnlab.data.readers.series import read_series
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.readers.tables import read_table
from rnnlab.data.text.pair_columns import PairColumns
from rnnlab.errors import DataError

HEADER_ERROR = "line 1: is this a header[?] The first line looks like values: data.header=false"


def write(folder: Path, content: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(content, newline="")
    return path


def rows(path: Path, **settings: Any) -> list[list[str]]:
    return [row for _, row in DelimitedTable(path, TableFormat(**settings))]


def test_lines_are_numbered_below_cells_of_several_lines(tmp_path: Path) -> None:
    table = DelimitedTable(write(tmp_path, 'a,b\r\n"x\r\ny",1\r\n\r\nz,2\r\n'), TableFormat())
    assert list(table) == [(2, ["x\r\ny", "1"]), (5, ["z", "2"])]
    assert table.repairs == ["1 empty lines of a.csv were left out"]
    pieces = list(table.pieces([1]))
    assert pieces == [[["1", "2"]]]
    assert [table.name_row(row)[-6:] for row in (0, 1)] == ["line 2", "line 5"]


SWALLOWED = 'text\tlabel\n"was day awful\t0\nfine\t1\nthe end"\t0\n'


def test_quotation_marks_that_join_rows_are_rejected_with_both_lines(tmp_path: Path) -> None:
    path = write(tmp_path, SWALLOWED, "a.tsv")
    with pytest.raises(DataError, match=r"opens in line 2 and closes in line 4 .*quoting=none"):
        rows(path)
    assert len(rows(path, quoting="none")) == 3
    assert rows(path, quoting="standard") == [["was day awful\t0\nfine\t1\nthe end", "0"]]


WORDS = st.lists(st.sampled_from(["day", "it", "a, b", "he said"]), min_size=1, max_size=3)
MARKS = st.sampled_from(["{}", "{}", "{}", '"{}', '{}"', '"{}"', '""{}', '{} "', '"{}" he', "'{}"])


@settings(max_examples=200)
@given(
    texts=st.lists(st.tuples(MARKS, WORDS), min_size=2, max_size=12),
    sign=st.sampled_from(["\t", ";"]),
    text_first=st.booleans(),
)
def test_no_row_disappears(
    texts: list[tuple[str, list[str]]], sign: str, text_first: bool, tmp_path_factory: Any
) -> None:
    """A text with quotation marks is read, without those that enclose it, or rejected."""
    table = [[mark.format(" ".join(words)), str(i % 2)] for i, (mark, words) in enumerate(texts)]
    lines = [sign.join(cells if text_first else cells[::-1]) for cells in [["t", "l"], *table]]
    path = write(tmp_path_factory.getbasetemp(), "\n".join(lines))
    delimiter: Delimiter = "tab" if sign == "\t" else "semicolon"
    try:
        pairs = rows(path, delimiter=delimiter)
    except DataError:
        return
    found_texts = [cells[0 if text_first else 1] for cells in pairs]
    for text, (plain, _) in zip(found_texts, table, strict=True):
        assert text == plain or f'"{text}"' == plain


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            'text,label\n"a b,0\nc,1\n"d e,0\n',
            "opens a cell in line 2, .* next one in line 4: '\"d",
        ),
        ('text,label\na,0\n"c,1\n', "opens in line 3 is never closed: '\"c,1'"),
        ('text,label\n"so" he said,0\n', "line 2, but text follows the next one in line 2"),
        ('text,label\n"fine",0\nhe said "hi",1\n', "cell in line 2, but .* of a cell in line 3"),
        ("text,label\na,0\rb,1\n", "line 2: some lines end with a carriage return alone"),
        ("text\na\n\nb\n", "line 3: is empty, in a table of one column"),
    ],
)
def test_a_doubtful_file_is_rejected(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows(write(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('text,label\n"Dear all, hello\nbye",0\n', ["Dear all, hello\nbye", "0"]),
        ('text,label\n"big, nice",0\n5" screen,1\n', ["big, nice", "0"]),
        ('"text","label"\n"a ""b"" c","0"\n', ['a "b" c', "0"]),
        ("text,label\ra,0\r", ["a", "0"]),
        ("text,label\na,0\n,\n,\n", ["a", "0"]),
    ],
)
def test_a_file_of_the_usual_writers_is_read(
    tmp_path: Path, content: str, expected: list[str]
) -> None:
    assert rows(write(tmp_path, content))[0] == expected


def test_rows_of_empty_cells_at_the_end_are_counted(tmp_path: Path) -> None:
    content = "date;sales;\n2020-01-01;5;\n2020-01-02;;\n;;\n;;\n"
    notes: list[str] = []
    columns = SeriesColumns(delimiter="semicolon")
    series = read_series(write(tmp_path, content), columns, notes)
    assert series.columns == ["sales"]
    assert len(series.values) == 2
    assert notes[:2] == [
        "2 rows of empty cells at the end of a.csv were left out",
        "empty columns without a name of a.csv were left out: column3",
    ]


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("1.5,2\n3,4\n", {"date": None}, HEADER_ERROR),
        ("2020-01-01,2\n2020-01-02,4\n", {}, "no column 'date'.*data.header=false .*column2 then"),
        ("x,5.5\ny,6.5\n", {"date": None}, HEADER_ERROR),
        ("date,a,\n2020-01-01,1,2\n", {}, "line 1: column 3 has no name"),
        ("date,a,a\n2020-01-01,1,2\n", {}, "line 1: there are two columns 'a'"),
        ("date,sky\n2020-01-01,sun\n", {}, "no column of numbers"),
        ("date,a\n2020-01-01,50,346\n", {}, "line 2: 3 cells, but the header has 2"),
    ],
)
def test_series_without_a_clear_header_are_rejected(tmp_path, content, settings, message) -> None:
    with pytest.raises(DataError, match=message):
        read_series(write(tmp_path, content), SeriesColumns(**settings), [])


def test_a_table_without_a_header_is_read_with_numbered_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "2020-01-01,2\n2020-01-02,4\n")
    series = read_series(path, SeriesColumns(date="column1", header=False), [])
    assert series.values.tolist() == [[2], [4]]
    texts = write(tmp_path, "fine,1\nsad,0\n", "b.csv")
    with pytest.raises(DataError, match=r"no column .text.*data.header=false"):
        read_table(texts, ["text", "label"])
    table = read_table(texts, ["column1", "column2"], (), TableFormat(header=False))
    assert table.to_numpy().tolist() == [["fine", "1"], ["sad", "0"]]


def test_names_that_are_numbers_are_a_header_where_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "0,1\n5,6\n7,8\n")
    assert read_series(path, SeriesColumns(date=None, header=True), []).columns == ["0", "1"]
    assert read_series(path, SeriesColumns(date=None, values=("1",)), []).columns == ["1"]


@pytest.mark.parametrize("rows", [1, 2])
def test_a_series_of_one_or_two_rows_is_read(tmp_path: Path, rows: int) -> None:
    content = "date,a\n2020-01-01,1\n2020-01-02,2\n"
    path = write(tmp_path, "\n".join(content.split("\n")[: rows + 1]))
    assert len(read_series(path, SeriesColumns(), []).values) == rows


def test_sentence_pairs_with_enclosed_cells_need_a_setting(tmp_path: Path) -> None:
    content = 'A dog.\tEin Hund.\n"He said ""hi"""\t"Er sagte ""hallo"""\n'
    path = write(tmp_path, content, "pairs.tsv")

    def read(quoting: Any) -> list[tuple[str, str]]:
        return list(
            read_pair_file(path, PairColumns(("en", "de")), TableFormat(quoting=quoting)).read()
        )

    with pytest.raises(DataError, match=r"line 2: .*data.quoting=standard"):
        read("auto")
    assert read("standard")[1] == ('He said "hi"', 'Er sagte "hallo"')
    assert read("none")[1] == ('"He said ""hi"""', '"Er sagte ""hallo"""')
    path.write_text('"Who is it?" "It\'s me."\t"Wer?" "Ich."\n')
    assert read("auto") == [('"Who is it?" "It\'s me."', '"Wer?" "Ich."')]


@pytest.mark.parametrize(("name", "columns"), [("index", ["v"]), ("No", ["No", "v"])])
def test_a_column_that_counts_the_rows_is_named(tmp_path: Path, name: str, columns) -> None:
    rows = [f"{i},2020-01-{i + 1:02d},{i / 2}" for i in range(5)]
    notes: list[str] = []
    path = write(tmp_path, "\n".join([f"{name},date,v", *rows]))
    assert read_series(path, SeriesColumns(), notes).columns == columns
    assert any(name in note and "row" in note for note in notes)


def test_the_index_of_a_sheet_is_left_out_and_dates_in_an_index_are_a_column(tmp_path) -> None:
    table = pd.DataFrame({"date": [f"2020-01-0{day}" for day in range(1, 5)], "v": [1, 5, 2, 4]})
    table.to_excel(tmp_path / "a.xlsx")
    table.set_index("date").to_parquet(tmp_path / "a.parquet")
    for name in ("a.xlsx", "a.parquet"):
        series = read_series(tmp_path / name, SeriesColumns(), [])
        assert series.columns == ["v"]
        assert series.values[:, 0].tolist() == [1, 5, 2, 4]
