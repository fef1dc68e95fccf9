"""Tables written in parts."""

from pathlib import Path

import pandas as pd
import pytest

from rnnlab.data.table_writer import FORMATS, TableWriter
from rnnlab.errors import ConfigError

PARTS = [
    pd.DataFrame({"date": pd.to_datetime(["2024-01-31"]), "text": ['a "b", ü'], "x": [1 / 3]}),
    pd.DataFrame({"date": pd.to_datetime(["2024-02-29"]), "text": ["c\nd"], "x": [2.0e-9]}),
]


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True, dtype=False, precise_float=True)
    return pd.read_csv(path, parse_dates=["date"], sep="\t" if path.suffix == ".tsv" else ",")


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_written_in_parts_is_read_as_one_table(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"table{suffix}"
    with TableWriter(path) as writer:
        for part in PARTS:
            writer.write(part)
            assert not path.exists(), "it is not complete yet"
    assert writer.rows == 2
    written = read(path)
    expected = pd.concat(PARTS, ignore_index=True)
    assert written["text"].tolist() == expected["text"].tolist()
    assert written["x"].to_numpy() == pytest.approx(expected["x"].to_numpy(), rel=1e-12, abs=1e-15)
    assert pd.to_datetime(written["date"]).dt.strftime("%F").tolist() == [
        "2024-01-31",
        "2024-02-29",
    ]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_interrupted_table_leaves_no_file(suffix: str, tmp_path: Path) -> None:
    def write_a_part() -> None:
        with TableWriter(tmp_path / f"table{suffix}") as writer:
            writer.write(PARTS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_a_part()
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"'\.txt' is no format; did you mean \.tsv\? choices: \.csv, \.jsonl"
    ):
        TableWriter(tmp_path / "table.txt")
    for suffix in FORMATS:
        path = tmp_path / "nowhere" / f"table{suffix}"
        with pytest.raises(ConfigError, match="cannot be written"), TableWriter(path) as writer:
            writer.write(PARTS[0])
