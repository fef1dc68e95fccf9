"""Tables that are read in parts are those that are read whole."""

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rnnlab.data.readers.delimited import TableFormat
from rnnlab.data.readers.tables import StreamedTable, find_column, open_stream
from rnnlab.errors import DataError

FORMAT = TableFormat()
SUFFIXES = ["jsonl", "jsonl.gz", "parquet"]


def write_rows(rows: list[dict[str, Any]], file: Path) -> Path:
    """Write a table of some rows."""
    if file.suffix == ".parquet":
        pd.DataFrame(rows).convert_dtypes().to_parquet(file)
        return file
    content = ("\n".join(map(json.dumps, rows)) + "\n").encode()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


def read_parts(file: Path, size: int) -> list[pd.DataFrame]:
    """The parts of all columns."""
    table = open_stream(file, FORMAT)
    assert isinstance(table, StreamedTable)
    parts = table.pieces(range(table.width), size)
    return [pd.concat(map(pd.Series, part), axis=1, keys=table.header) for part in parts]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_parts_have_the_cells_and_the_columns_of_the_whole(suffix: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": f"t{i}", "stars": i} for i in range(25)]
    rows[13] |= {"stars": None, "late": "new"}
    parts = read_parts(write_rows(rows, tmp_path / f"rows.{suffix}"), 10)
    assert [len(part) for part in parts] == [10, 10, 5]
    whole = pd.concat(parts, ignore_index=True)
    assert list(whole) == ["text", "stars", "late"]
    assert whole["text"].tolist() == [f"t{i}" for i in range(25)]
    assert whole["stars"].drop(13).astype(str).tolist() == [str(i) for i in range(25) if i != 13]
    assert whole["stars"].isna().sum() == 1, "the numbers beside a missing one stay whole numbers"
    assert whole["late"].dropna().tolist() == ["new"]


def test_dates_in_the_index_are_a_column(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=5, name="day")
    pd.DataFrame({"text": list("abcde")}, days).to_parquet(tmp_path / "rows.parquet")
    (first, *_) = read_parts(tmp_path / "rows.parquet", 2)
    assert list(first) == ["day", "text"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"body": "x"}, "row 21, column 'text': is an object"),
        (["a"], "row 21, column 'text': is a list"),
    ],
)
def test_errors_name_the_row_of_the_file(cell: Any, message: str, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": f"t{i}"} for i in range(25)]
    rows[20]["text"] = cell
    table = open_stream(write_rows(rows, tmp_path / "rows.jsonl"), FORMAT)
    table._checks[0] = "data.text_column"  # type: ignore[union-attr]
    with pytest.raises(DataError, match=message):
        list(table.pieces([0], 10))


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": b"t"} for _ in range(25)]
    rows[20]["text"] = b"\xff"
    with pytest.raises(DataError, match="row 21, column 'text': byte 0 is not utf-8"):
        read_parts(write_rows(rows, tmp_path / "rows.parquet"), 10)


def test_an_invalid_line_is_found_before_the_first_part(tmp_path: Path) -> None:
    file = write_rows([{"text": f"t{i}"} for i in range(2500)], tmp_path / "rows.jsonl")
    with file.open("a") as stream:
        stream.write("{text\n")
    with pytest.raises(DataError, match=r"line 2,501, column 2: cannot be read as JSON"):
        open_stream(file, FORMAT)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(DataError, match="cannot be read as parquet"):
        open_stream(tmp_path / "rows.parquet", FORMAT)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_field_of_objects_is_a_column(suffix: str, tmp_path: Path) -> None:
    rows = [{"body": {"text": f"t{i}"}} for i in range(5)]
    table = open_stream(write_rows(rows, tmp_path / f"rows.{suffix}"), FORMAT)
    place = find_column(table, "body.text", "data.text_column")
    (cells,) = (part[0] for part in table.pieces([place], 10))
    assert list(cells) == [f"t{i}" for i in range(5)]
