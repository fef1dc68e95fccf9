"""Tables of users that were once read wrongly or not at all: read, or rejected with a setting."""

from pathlib import Path

import pytest

from rnnlab.errors import DataError
from tests.helpers.cases import open_case


def test_words_for_missing_values_are_counted(series_cases: Path) -> None:
    data = open_case(series_cases / "NA-cells")
    rows = (series_cases / "NA-cells" / "na.csv").read_text().splitlines()[1:]
    count = sum(row.endswith(",NA") for row in rows)
    assert count
    assert len(data.targets) == len(rows)
    assert int((~data.observed).sum()) == count
    assert f"cells of na.csv read as missing values: NA {count}" in data.provenance.notes


def test_a_decimal_comma_has_a_setting(series_cases: Path) -> None:
    case = series_cases / "decimal-comma"
    with pytest.raises(DataError, match=r"line 2, column 'sales': '50,346' .* data.decimal=comma"):
        open_case(case)
    data = open_case(case, "data.decimal=comma", "data.report_in=original")
    rows = [row.split(";")[1] for row in (case / "dc.csv").read_text().splitlines()[1:]]
    assert data.targets[:, 0].tolist() == [float(row.replace(",", ".")) for row in rows]


def test_columns_that_are_not_read_may_have_no_name(series_cases: Path) -> None:
    data = open_case(series_cases / "double-unused-column")
    assert data.variables == ["sales"]
    assert len(data.targets) == 120


def test_a_file_without_a_header_keeps_its_first_row(series_cases: Path) -> None:
    case = series_cases / "no-header"
    with pytest.raises(DataError, match=r"line 1: .*data.header=false .* column1 ... column3"):
        open_case(case)
    data = open_case(case, "data.header=false")
    assert len(data.targets) == 120
    assert data.variables == ["column1", "column2", "column3"]


def test_a_parquet_file_is_a_table(series_cases: Path) -> None:
    data = open_case(series_cases / "parquet-as-text")
    assert data.variables == ["sales"]


@pytest.mark.parametrize(("name", "cells"), [("quoted_many.csv", 4), ("quoted_few.csv", 2)])
def test_rows_of_quoted_cells_are_counted(series_cases: Path, name: str, cells: int) -> None:
    case = series_cases / "quoted-row-cells"
    with pytest.raises(DataError, match=f"line 102: {cells} cells, but the header has 3"):
        open_case(case, f"data.path={case / name}")


def test_columns_of_text_are_left_out(series_cases: Path) -> None:
    data = open_case(series_cases / "text-column-all")
    assert data.variables == ["sales"]
    assert "columns of text of tx.csv were left out: sky" in data.provenance.notes


@pytest.mark.parametrize("case", ["unnamed-0-forecast", "unnamed-index-column"])
def test_row_numbers_without_a_name_are_not_forecast(series_cases: Path, case: str) -> None:
    data = open_case(series_cases / case)
    assert data.variables == ["sales"]
    assert any(note.startswith("row numbers without a name") for note in data.provenance.notes)
