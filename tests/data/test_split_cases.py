"""Labelled texts of users that were once split wrongly."""

from pathlib import Path
from typing import Any

import pytest

from rnnlab.data.text_classification import TextClassificationDataModule

CASES = Path(__file__).parents[3] / "shared" / "cases" / "text"


def open_texts(path: Path, **settings: Any) -> TextClassificationDataModule:
    """Return the data set of a file or folder, prepared with these settings."""
    data = TextClassificationDataModule(path=str(path), **settings)
    data.setup()
    return data


def open_case(name: str, **settings: Any) -> TextClassificationDataModule:
    """Return the data set of a case, with the settings of conf/data/text_classification.yaml."""
    if not (CASES / name).exists():
        pytest.skip("the cases of users are not in this checkout")
    return open_texts(CASES / name, **{"stratify": True, **settings})


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("dev_split_ignored/dev", (100, 30, 30)),
        ("dev_split_ignored/valid", (100, 30, 30)),
        ("validation_file_ignored/valid_name", (80, 20, 20)),
        ("validation_file_ignored/valid_csv", (80, 20, 20)),
        ("validation_file_ignored/dev_name", (80, 20, 20)),
        ("validation_file_ignored/cf_valid", (60, 20, 20)),
    ],
)
def test_a_validation_split_of_any_name_is_read(name: str, sizes: tuple[int, ...]) -> None:
    assert tuple(open_case(name).provenance.sizes.values()) == sizes


def test_tables_that_are_not_read_are_listed_even_if_the_cache_is_hit(tmp_path: Path) -> None:
    rows = "".join(f"text {chr(97 + i)},{i % 2}\n" for i in range(20))
    (tmp_path / "train.csv").write_text(f"text,label\n{rows}")
    (tmp_path / "test.csv").write_text("text,label\nanother,1\n")
    assert open_texts(tmp_path).provenance.notes == []
    (tmp_path / "extra.csv").write_text("text,label\n")
    assert open_texts(tmp_path).provenance.notes == [f"not read in {tmp_path.name}: extra.csv"]


def test_class_folders_that_are_not_read_are_listed(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        for label in ("good", "bad"):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            for i in range(4):
                (folder / f"{i}.txt").write_text(f"{split} {label} {chr(97 + i)}")
    (tmp_path / "train" / "raw").mkdir()
    (tmp_path / "extra").mkdir()
    data = open_texts(tmp_path)
    assert data.provenance.sizes == {"train": 8, "val": 8, "test": 8}
    assert data.provenance.notes == [
        f"not read in {tmp_path.name}: extra",
        "not read in train: raw",
    ]
