"""Labelled texts of users that were once split wrongly."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rnnlab.data.text.ragged import TextStore
from rnnlab.data.text_classification import TextClassificationDataModule
from rnnlab.errors import DataError


def open_texts(path: Path, **settings: Any) -> TextClassificationDataModule:
    """Return the data set of a file or folder, prepared with these settings."""
    data = TextClassificationDataModule(path=str(path), **settings)
    data.setup()
    return data


def notes_of(data: TextClassificationDataModule) -> list[str]:
    """Return the notes of the data, without those about unknown words."""
    return [note for note in data.provenance.notes if not note.startswith("<unk>")]


def write_texts(path: Path, rows: Sequence[tuple[str, ...]], header: str = "text,label") -> Path:
    """Write a table of texts without commas."""
    path.write_text("\n".join([header, *map(",".join, rows)]) + "\n")
    return path


def sizes_of(path: Path, **settings: Any) -> tuple[int, ...]:
    """Return the sizes of train, val and test, stratified like conf/data/text_classification."""
    return tuple(open_texts(path, **{"stratify": True, **settings}).provenance.sizes.values())


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
def test_a_validation_split_of_any_name_is_read(
    name: str, sizes: tuple[int, ...], text_cases: Path
) -> None:
    assert sizes_of(text_cases / name) == sizes


def test_tables_that_are_not_read_are_listed_even_if_the_cache_is_hit(tmp_path: Path) -> None:
    rows = "".join(f"text {chr(97 + i)},{i % 2}\n" for i in range(20))
    (tmp_path / "train.csv").write_text(f"text,label\n{rows}")
    (tmp_path / "test.csv").write_text("text,label\nanother,1\n")
    assert notes_of(open_texts(tmp_path)) == []
    (tmp_path / "extra.csv").write_text("text,label\n")
    assert notes_of(open_texts(tmp_path)) == [f"not read in {tmp_path.name}: extra.csv"]


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
    assert notes_of(data) == [
        f"not read in {tmp_path.name}: extra",
        "not read in train: raw",
    ]


# Sizes.


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("few4", (320, 40, 40)),
        ("few5", (400, 50, 50)),
        ("few6", (480, 60, 60)),
        ("tiny12", (10, 1, 1)),
        ("longtail", (2635, 329, 330)),
    ],
)
def test_many_small_classes_are_in_all_splits(
    name: str, sizes: tuple[int, ...], text_cases: Path
) -> None:
    file = text_cases / "few_texts_of_each_class" / f"{name}.csv"
    train, *held_out = sizes_of(file)
    assert (train, *sorted(held_out)) == sizes  # a tie is decided by the seed


@pytest.mark.parametrize(
    ("name", "tests"), [("two", {40}), ("few4", {80}), ("longtail", {658, 659})]
)
def test_folds_of_small_classes_have_equal_sizes(
    name: str, tests: set[int], text_cases: Path
) -> None:
    file = text_cases / "few_texts_of_each_class" / f"{name}.csv"
    assert {sizes_of(file, folds=5, fold=fold)[2] for fold in range(5)} == tests


@pytest.mark.parametrize("count", [6, 8, 13])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stratify": False},
        {"folds": 9},
        {"folds": 2},
        {"val_fraction": 0.5, "test_fraction": 0.5},
    ],
)
def test_an_empty_split_is_an_error_with_settings_that_fill_it(
    count: int, settings: dict[str, Any], tmp_path: Path
) -> None:
    rows = [(f"text {chr(97 + i)}", str(i % 2)) for i in range(count)]
    file = write_texts(tmp_path / "a.csv", rows)
    for _ in range(2):
        try:
            assert min(sizes_of(file, **settings)) > 0
            return
        except DataError as error:
            advice = str(error).split("or set ")[1].split()
            pairs = [word.removeprefix("data.").split("=") for word in advice]
            settings = settings | {name: float(value) for name, value in pairs}
            if "folds" in dict(pairs):
                settings["folds"] = int(settings["folds"])
    assert min(sizes_of(file, **settings)) > 0


# Templates and groups.


@pytest.mark.parametrize("settings", [{}, {"folds": 5}])
def test_texts_that_differ_in_numbers_only_name_the_setting_that_separates_them(
    settings: dict[str, Any], text_cases: Path
) -> None:
    file = text_cases / "texts_that_differ_in_numbers" / "nums.csv"
    with pytest.raises(
        DataError, match=r"only 1 apart from their numbers.*Set data\.group_templates=false"
    ):
        sizes_of(file, **settings)
    assert min(sizes_of(file, **settings, group_templates=False)) >= 10


def test_a_split_of_another_size_is_noted_with_the_setting(text_cases: Path) -> None:
    file = text_cases / "texts_that_differ_in_numbers" / "template.csv"
    notes = notes_of(open_texts(file, stratify=True))
    assert len(notes) == 1
    assert "instead of 12 test" in notes[0]
    assert "Set data.group_templates=false" in notes[0]
    assert notes_of(open_texts(file, stratify=True, group_templates=False)) == []


@pytest.mark.parametrize("stratify", [True, False])
def test_rows_without_a_group_are_groups_of_their_own(stratify: bool, text_cases: Path) -> None:
    file = text_cases / "group_with_missing_values" / "group.csv"
    data = open_texts(file, stratify=stratify, group_column="author")
    assert tuple(data.provenance.sizes.values()) == (96, 12, 12)
    assert notes_of(data) == ["60 texts of group.csv without a group are groups of their own"]


def test_too_few_groups_name_the_setting_of_groups(tmp_path: Path) -> None:
    rows = [(f"text {chr(97 + i)}", str(i % 2), f"author{i % 2}") for i in range(20)]
    file = write_texts(tmp_path / "a.csv", rows, "text,label,author")
    with pytest.raises(DataError, match=r"there are 2 groups.*set data\.group_column=null$"):
        open_texts(file, group_column="author")
    assert sizes_of(file) == (16, 2, 2)


# Texts that are equal to the network.


def test_texts_that_differ_in_case_only_are_no_evidence(text_cases: Path) -> None:
    data = open_texts(text_cases / "texts_equal_but_for_case_in_two_splits" / "dupcase")
    read = {s: {text.lower().strip() for text in TextStore(data.folder, s)} for s in data.labels}
    assert len(set.union(*read.values())) == sum(map(len, read.values()))
    assert sum("left out" in note for note in notes_of(data)) == 2


@pytest.mark.parametrize(
    ("tokens", "text", "leaks"),
    [
        ("words", "It, was (Great)", 1),
        ("words", "it was great!", 0),
        ("shapes", "it WAS great", 0),
        ("shapes", "it  was great", 1),
        ("characters", "It was great", 0),
    ],
)
def test_a_training_text_with_the_tokens_of_a_test_text_is_left_out(
    tokens: str, text: str, leaks: int, tmp_path: Path
) -> None:
    train = [(f"text {chr(97 + i)}", str(i % 2)) for i in range(20)]
    write_texts(tmp_path / "train.csv", [*train, (f'"{text}"', "1")])
    write_texts(tmp_path / "val.csv", [("something else", "0")])
    write_texts(tmp_path / "test.csv", [("it was great", "1")])
    data = open_texts(tmp_path, tokens=tokens)
    assert data.provenance.sizes["train"] == 21 - leaks
    notes = [f"1 training texts equal to one of val or test for data.tokens={tokens} were left out"]
    assert notes_of(data) == notes * leaks


def test_class_folders_are_checked_for_equal_texts_too(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for label in ("good", "bad"):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            (folder / "0.txt").write_text(f"{split} {label}")
            (folder / "1.txt").write_text(f"{'SAME' if split == 'train' else 'same'} {label}")
    data = open_texts(tmp_path)
    assert data.provenance.sizes == {"train": 2, "val": 2, "test": 4}
    assert notes_of(data) == [
        "2 validation texts that are in test too were left out",
        "2 training texts equal to one of val or test for data.tokens=words were left out",
    ]


def test_the_evaluation_texts_do_not_depend_on_the_tokens(tmp_path: Path) -> None:
    variants = ("Good! {}", "good! {}", "good. {}", "good {}!")
    texts = [text.format(chr(97 + i)) for i in range(20) for text in variants]
    rows = [(text, str(i % 2)) for i, text in enumerate(texts)]
    file = write_texts(tmp_path / "a.csv", rows)
    found = [open_texts(file, stratify=True, tokens=kind) for kind in ("words", "characters")]
    for split in ("val", "test"):
        words, characters = (list(TextStore(data.folder, split)) for data in found)
        assert words == characters
