"""Names of the files and folders of a split."""

from pathlib import Path

import pytest

from rnnlab.data.sources.split_names import describe_unused, file_stem, find_splits
from rnnlab.errors import DataError


def find_names(folder: Path, *names: str) -> dict[str, str]:
    """Create empty files of these names, and return those of the splits."""
    for name in names:
        (folder / name).touch()
    stems = {folder / name: file_stem(folder / name) for name in names}
    return {split: path.name for split, path in find_splits(folder, stems).items()}


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "development", "Dev"])
def test_all_usual_names_of_validation(name: str, tmp_path: Path) -> None:
    assert find_names(tmp_path, "training.csv", f"{name}.csv", "my_test.tsv.gz") == {
        "train": "training.csv",
        "val": f"{name}.csv",
        "test": "my_test.tsv.gz",
    }


@pytest.mark.parametrize("name", ["contrasting.txt", "latest.txt", "devil.txt", "trainer.txt"])
def test_a_name_that_only_contains_the_word_is_another(name: str, tmp_path: Path) -> None:
    assert find_names(tmp_path, name) == {}


def test_two_names_of_one_split_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"several files of the val split: dev\.csv, valid\.csv"):
        find_names(tmp_path, "train.csv", "valid.csv", "dev.csv")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("test.en", "newstest.en"), {"test": "test.en", "val": "newstest.en"}),
        (("newstest2014.en",), {"test": "newstest2014.en"}),
        (
            ("newstest2012.en", "newstest2014.en", "newstest2013.en"),
            {"test": "newstest2014.en", "val": "newstest2013.en"},
        ),
        (("newstest2014.en", "dev.en", "test.en"), {"val": "dev.en", "test": "test.en"}),
    ],
)
def test_newstest_sets_fill_missing_splits_newest_first(
    names: tuple[str, ...], expected: dict[str, str], tmp_path: Path
) -> None:
    assert find_names(tmp_path, *names) == expected


def test_unused_files_and_folders_are_listed_but_no_documentation(tmp_path: Path) -> None:
    names = ["train.csv", ".cache", "README.md", "LICENSE", *(f"{i}.md" for i in range(12))]
    for name in names:
        (tmp_path / name).touch()
    notes = describe_unused(tmp_path, [tmp_path / "train.csv"])
    listed = "0.md, 1.md, 10.md, 11.md, 2.md, 3.md, 4.md, 5.md, 6.md, 7.md and 2 more"
    assert notes == [f"not read in {tmp_path.name}: {listed}"]
    assert describe_unused(tmp_path, [tmp_path / name for name in names]) == []
