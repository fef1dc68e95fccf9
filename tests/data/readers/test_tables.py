import bz2
import gzip
import json
import lzma
import sys
import zipfile

import pandas as pd
import pytest

from rnnlab.data.readers.cells import is_missing
from rnnlab.data.readers.delimited import TableFormat
from rnnlab.data.readers.files import check_file, file_format
from rnnlab.data.readers.tables import find_table, read_table, row_name
from rnnlab.errors import ConfigError, DataError

TEXT = 'good, "very" good\nin two lines'
ROWS = [
    {"text": TEXT, "label": "1", "movie": "tt1"},
    {"text": "schlecht, aber sch\u00f6n", "label": "0", "movie": "NA"},
]
CSV = b"text,label\na,1\nb,0\n"

WRITERS = {
    "csv": lambda table, path: table.to_csv(path, index=False),
    "tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "json": lambda table, path: table.to_json(path, orient="records"),
    "jsonl": lambda table, path: table.to_json(path, orient="records", lines=True),
    "parquet": lambda table, path: table.to_parquet(path),
    "feather": lambda table, path: table.to_feather(path),
    "xlsx": lambda table, path: table.to_excel(path, index=False),
}


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, notes=None, **settings):
    return read_table(path, ["text", "label"], (), TableFormat(**settings), notes)


def cells(path, **settings):
    return read(path, **settings).to_numpy().tolist()


COMPRESSORS = {".gz": gzip.compress, ".xz": lzma.compress}


@pytest.fixture(params=[(name, packed) for name in WRITERS for packed in ("", *COMPRESSORS)])
def table_file(request, tmp_path):
    name, packed = request.param
    path = tmp_path / f"reviews.{name}"
    WRITERS[name](pd.DataFrame(ROWS), path)
    if not packed:
        return path
    return write(tmp_path / f"reviews.{name}{packed}", COMPRESSORS[packed](path.read_bytes()))


def test_every_kind_of_file_is_read_alike(table_file):
    table = read_table(table_file, ["label", "text"], optional=["movie", "rating"])
    assert table.to_dict("records") == ROWS
    assert list(table.columns) == ["label", "text", "movie"]


@pytest.mark.parametrize("pack", ["bz2", "zip"])
def test_other_compressions(tmp_path, pack):
    path = tmp_path / f"reviews.csv.{pack}"
    if pack == "bz2":
        write(path, bz2.compress(CSV))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("reviews.csv", CSV)
    assert cells(path) == [["a", "1"], ["b", "0"]]


def test_endings_may_be_in_capitals(tmp_path):
    assert cells(write(tmp_path / "REVIEWS.CSV.GZ", gzip.compress(CSV))) == [["a", "1"], ["b", "0"]]


@pytest.mark.parametrize("kind", WRITERS)
def test_missing_cells_are_empty_and_numbers_are_text(tmp_path, kind):
    table = pd.DataFrame({"text": ["a", None, "NA"], "label": [1, 2, 3]})
    path = tmp_path / f"reviews.{kind}"
    WRITERS[kind](table, path)
    assert cells(path) == [["a", "1"], ["", "2"], ["NA", "3"]]


@pytest.mark.parametrize("kind", WRITERS)
def test_text_that_looks_like_a_number_or_a_date_stays_as_it_is(tmp_path, kind):
    path = tmp_path / f"reviews.{kind}"
    WRITERS[kind](pd.DataFrame({"text": ["1.50", "2020-01-01"], "label": ["01", "1e3"]}), path)
    assert cells(path) == [["1.50", "01"], ["2020-01-01", "1e3"]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\na,1\n"),
        ("quoted.csv", '"text","label"\n"a",1\n'),
        ("a.tsv", "text\tlabel\na\t1\n"),
        ("a.json", '[{"text": "a", "label": 1}]'),
        ("a.jsonl", '{"text": "a", "label": 1}\n'),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path, name, content):
    path = write(tmp_path / name, content.encode("utf-8-sig"))
    assert cells(path) == [["a", "1"]]
    assert cells(path, encoding="UTF8") == [["a", "1"]]


def test_blank_lines_are_no_rows(tmp_path):
    assert cells(write(tmp_path / "a.csv", "text,label\r\na,1\r\n\r\nb,0\r\n")) == [
        ["a", "1"],
        ["b", "0"],
    ]


# What is refused, and in which words.


def refused(path, message, **settings):
    """The error's text, which opens with the file."""
    with pytest.raises(DataError, match=message) as caught:
        read(path, **settings)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert text == text.strip()
    return text


def test_a_missing_file(tmp_path):
    refused(tmp_path / "none.csv", "there is no such file")


def test_an_empty_file(tmp_path):
    refused(write(tmp_path / "a.csv", ""), "the file is empty")
    refused(write(tmp_path / "b.csv", "\n\n"), "the file is empty")


def test_a_folder_in_place_of_a_file(tmp_path):
    refused(tmp_path, "is a folder")
    assert check_file(write(tmp_path / "a.csv", CSV)) == tmp_path / "a.csv"


def test_a_header_alone(tmp_path):
    refused(write(tmp_path / "a.csv", "text,label\n"), "has a header but no rows")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("txt,label", r"no column 'text'; did you mean txt\? choices: label, txt"),
        ("text,Label", r"no column 'label'; did you mean Label\? choices: Label, text"),
        ("review,stars", r"no column 'text'; choices: review, stars"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest_and_all(tmp_path, header, message):
    path = write(tmp_path / "a.csv", f"{header}\na,1\n")
    assert "data.text_column and data.label_column" in refused(path, message)


def test_another_separator_shows_in_the_names_of_the_columns(tmp_path):
    refused(write(tmp_path / "a.csv", "text;label\na;1\n"), "no column 'text'; .*text;label")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "csv.gz"])
@pytest.mark.parametrize("rows_before", [0, 60_000])
def test_another_encoding_is_refused_with_the_place_and_read_when_it_is_named(
    tmp_path, ending, rows_before
):
    separator = "\t" if ending == "tsv" else ","
    if ending == "jsonl":
        header, line = "", '{"text": "abc", "label": 1}\n'
        foreign = '{"text": "caf\u00e9", "label": 1}\n'
    else:
        header, line = f"text{separator}label\n", f"abc{separator}1\n"
        foreign = f"caf\u00e9{separator}1\n"
    raw = f"{header}{line * rows_before}{foreign}".encode("cp1252")
    byte, number = raw.index(b"\xe9"), rows_before + (2 if header else 1)
    path = write(tmp_path / f"a.{ending}", gzip.compress(raw, 1) if ending.endswith("gz") else raw)
    message = refused(path, rf"byte {byte} \(0xe9, in line {number}\) is not utf-8\.")
    assert "data.encoding=cp1252" in message
    assert cells(path, encoding="cp1252")[-1] == ["caf\u00e9", "1"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_an_unknown_encoding(tmp_path, name):
    path = write(tmp_path / name, CSV if name == "a.csv" else b'{"text": "a", "label": 1}\n')
    with pytest.raises(ConfigError, match=r"data\.encoding=utf-9: .* utf-8 and cp1252"):
        read(path, encoding="utf-9")


def damaged(content):
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(255 - byte for byte in content[middle : middle + 8])
        + (content[middle + 8 :])
    )


LONG = b"text,label\n" + b"".join(b"text %d,%d\n" % (i * i, i % 2) for i in range(3000))


@pytest.mark.parametrize("pack", [lzma, gzip, bz2], ids=lambda pack: pack.__name__)
@pytest.mark.parametrize(
    "damage",
    [lambda raw: raw[: len(raw) // 2], damaged, lambda raw: LONG],
    ids=["cut", "hit", "not"],
)
def test_a_damaged_compressed_file(tmp_path, pack, damage):
    ending = {lzma: "xz", gzip: "gz", bz2: "bz2"}[pack]
    path = write(tmp_path / f"a.csv.{ending}", damage(pack.compress(LONG)))
    refused(path, "cannot be read: .")


def test_a_damaged_archive(tmp_path):
    refused(write(tmp_path / "a.csv.zip", CSV), "cannot be read: .*zip")


@pytest.mark.parametrize("sheets", [0, 2])
def test_an_excel_file_needs_one_sheet_with_content(tmp_path, sheets):
    path = tmp_path / "a.xlsx"
    table = pd.DataFrame({"text": ["a"], "label": [1]})
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame().to_excel(writer, sheet_name="empty", index=False)
        table.to_excel(writer, sheet_name="one", index=False)
    assert cells(path) == [["a", "1"]]
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame().to_excel(writer, sheet_name="empty", index=False)
        for name in ["one", "two"][:sheets]:
            table.to_excel(writer, sheet_name=name, index=False)
    refused(path, "exactly one sheet .* there are " + ("2: one, two" if sheets else "0"))


def test_an_excel_file_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    refused(write(tmp_path / "a.xlsx", CSV), r"openpyxl: pip install 'rnnlab\[xlsx\]'$")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("c,0\na,b,1\n", "line 3: 3 cells, but the header has 2: 'a,b,1'. Quote cells"),
        ("a,b,1\nc,0\n", "line 2: 3 cells, but the header has 2"),
        ("a,b,1\nc,d,0\n", "line 2: 3 cells, but the header has 2"),
        ("a,1,\nc,0,\n", "line 2: 3 cells, but the header has 2"),
    ],
)
def test_rows_with_too_many_cells(tmp_path, rows, message):
    refused(write(tmp_path / "a.csv", f"text,label\n{rows}"), message)


def test_a_row_with_too_few_cells_is_named_with_its_line(tmp_path):
    refused(write(tmp_path / "a.csv", "text,label\na\nb,1\n"), "line 2: 1 cells, .* header has 2")
    lines = ["text,label", *(f"text {i},{i % 2}" for i in range(20_000))]
    lines[10_000] = "one column short"
    path = write(tmp_path / "long.csv", "\n".join(lines))
    refused(path, r"long\.csv, line 10,001: 1 cells, but the header has 2: 'one column short'")


def test_the_line_is_that_of_the_file_whatever_stands_above_it(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\r\n"a\r\nb",1\r\n\r\n"c\r\nd"\r\n')
    refused(path, "line 5: 1 cells")


def test_empty_lines_are_counted(tmp_path):
    notes = []
    path = write(tmp_path / "a.csv", "text,label\n\na,1\n  \n,2\n\n")
    assert read(path, notes=notes).to_numpy().tolist() == [["a", "1"], ["", "2"]]
    assert notes == ["3 empty lines of a.csv were left out"]


def test_a_quote_that_is_never_closed_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\n"a\nb",1\n"c,0\nd,1\n')
    refused(path, r"the quotation mark that opens in line 4 is never closed: '\"c,0")


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_another_delimiter_is_named_and_read_when_it_is_said(tmp_path, sign):
    path = write(tmp_path / "a.csv", f"text{sign}label\na, b{sign}1\n")
    message = refused(path, r"is separated by \w+ \('.+'\), not by comma: set data.delimiter=\w+$")
    assert cells(path, delimiter=message.rsplit("=", 1)[1]) == [["a, b", "1"]]


def test_a_cell_of_a_megabyte_and_emoji_are_read(tmp_path):
    long = "word " * 200_000 + "\U0001f600"
    path = write(tmp_path / "a.csv", f"text,label\r\n{long},1\r\n\U0001f602,0\r\n")
    assert cells(path) == [[long, "1"], ["\U0001f602", "0"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '[{"text": "a"', "line 1, column 14: cannot be read as JSON, Expecting ','"),
        ("a.json", "3", "a list of objects is expected, but this is a number"),
        ("a.json", '["a", "b"]', "row 1: an object .* is expected, but this is a text: '\"a\"'"),
        ("a.json", '[{"text": "a"}, [1]]', r"row 2: an object .* this is a list: '\[1\]'"),
        ("a.json", '{"text": ["a"], "label": [1, 2]}', "cannot be read as a table, ."),
        ("a.jsonl", '{"text": "a", "label": 1}\n\n3\n', "line 3: an object .* this is a number"),
        ("a.jsonl", '[{"text": "a"},\n{"text": "b"}]', r"one JSON document .* extension \.json$"),
        ("a.json", json.dumps({"data": [{"txt": "a", "label": 1}]}), "choices: label, txt"),
        ("a.json", json.dumps({"data": [{"text": "a"}, 5]}), "row 2: an object .* is a number"),
        ("a.json", json.dumps({str(i): [i] for i in range(120)}), "8, 80 and 20 more"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"te', "line 2, column 2: cannot be read as JSON"),
        ("a.parquet", "PAR1", "cannot be read as parquet: ."),
        ("a.feather", "FEA1", "cannot be read as feather: ."),
        ("a.xlsx", "PK no archive", "cannot be read: File is not a zip file"),
        ("a.xlsx", b"PK\x05\x06" + bytes(18), "cannot be read as xlsx: ."),
    ],
)
def test_a_malformed_file(tmp_path, name, content, message):
    refused(write(tmp_path / name, content), message)


@pytest.mark.parametrize("name", ["a.ods", "a.txt.gz", "a", "a.gz"])
def test_an_unknown_ending(tmp_path, name):
    message = refused(
        write(tmp_path / name, CSV), f"format '{file_format(tmp_path / name)}' are not supp"
    )
    assert ".csv, .tsv, .json, .jsonl, .parquet, .feather, .xlsx" in message


# Small things.


def test_find_table_takes_any_ending(tmp_path):
    for name in ["train.csv.xz", "test.parquet", "train.md", "training.csv"]:
        (tmp_path / name).touch()
    assert find_table(tmp_path, "train") == tmp_path / "train.csv.xz"
    assert find_table(tmp_path, "test") == tmp_path / "test.parquet"
    assert find_table(tmp_path, "val") is None


def test_row_name_counts_from_one():
    assert row_name("a.csv", 0) == "a.csv, row 1"


@pytest.mark.parametrize(
    ("cell", "missing"), [("", True), (" NaN ", True), ("0", False), ("x", False)]
)
def test_is_missing(cell, missing):
    assert is_missing(cell) is missing
