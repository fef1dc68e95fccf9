import numpy as np
import pytest

from rnnlab.data.text.labelled_texts import (
    LabelledTexts,
    check_labels,
    drop_duplicate_texts,
    drop_empty,
    list_classes,
    normalize_text,
    remove_leakage,
)
from rnnlab.data.text.text_columns import TextColumns
from rnnlab.errors import ConfigError, DataError


def texts(*members, labels=None, groups=None):
    return LabelledTexts("a.csv", members, labels or ["0"] * len(members), groups)


def test_columns_are_read_with_the_group_where_it_exists(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("stars,review,film\n5,good,tt1\n1,bad,tt2\n")
    read = TextColumns("review", "stars", group="film").read(file)
    assert read == LabelledTexts("a.csv", ["good", "bad"], ["5", "1"], ["tt1", "tt2"])
    assert TextColumns("review", "stars", default_group="film").read(file) == read
    assert TextColumns("review", "stars", default_group="movie").read(file).groups is None
    with pytest.raises(DataError, match=r"no column 'flim'; did you mean film\? .*group_column"):
        TextColumns("review", "stars", group="flim").read(file)
    assert TextColumns("review", "stars").read(file).groups is None


@pytest.mark.parametrize("roles", [("a", "a"), ("a", "b", "a"), ("a", "b", "b")])
def test_a_column_has_one_role(roles: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"data\.\w+_column=\w: is data\.\w+_column too"):
        TextColumns(*roles)


def test_take_keeps_texts_labels_and_groups_together():
    whole = texts("a", "b", "c", labels=["0", "1", "2"], groups=["x", "y", "z"])
    chosen = whole.take(np.array([2, 0]))
    assert chosen == LabelledTexts("a.csv", ["c", "a"], ["2", "0"], ["z", "x"])


@pytest.mark.parametrize("label", ["", " ", "NaN", "nan", "null", "N/A"])
def test_a_missing_label_is_named_with_its_row(label):
    broken = texts("a", "b", "c", labels=["0", label, label])
    with pytest.raises(
        DataError, match=rf"^a\.csv, row 2: the label is '{label}' \(a total of 2 rows"
    ):
        check_labels(broken)


def test_a_label_for_every_row_is_fine():
    whole = texts("a", "b", labels=["0", "x"])
    assert check_labels(whole) is whole


@pytest.mark.parametrize(("count", "fine"), [(1000, True), (1001, False)])
def test_as_many_labels_as_a_column_of_texts_has_are_refused(count, fine):
    whole = texts(*["t"] * count, labels=[f"label {i}" for i in range(count)])
    if fine:
        check_labels(whole)
    else:
        with pytest.raises(DataError, match=r"1,001 different labels, .* data\.label_column"):
            check_labels(whole)


def test_empty_texts_are_left_out_and_counted():
    notes = []
    kept = drop_empty(texts("a", "", " \n", "b", labels=["0", "1", "2", "3"]), notes)
    assert kept == LabelledTexts("a.csv", ["a", "b"], ["0", "3"])
    assert notes == ["2 empty texts of a.csv were left out"]


def test_without_empty_texts_there_is_nothing_to_note():
    notes, whole = [], texts("a", "b")
    assert drop_empty(whole, notes) is whole
    assert notes == []


def test_texts_that_are_all_empty_are_refused():
    with pytest.raises(DataError, match=r"^a\.csv: all 2 texts are empty"):
        drop_empty(texts("", " "), [])


def test_training_texts_of_other_splits_are_left_out_and_counted():
    notes = []
    splits = {"train": texts("a", "b", "a", "c"), "val": texts("a"), "test": texts("c", "d")}
    splits_after = remove_leakage(splits, notes)
    assert splits_after["train"].texts == ["b"]
    assert (splits_after["val"], splits_after["test"]) == (splits["val"], splits["test"])
    assert notes == ["3 training texts that are in val or test too were left out"]


def test_validation_texts_of_the_test_split_are_left_out_and_counted():
    notes = []
    splits = {"train": texts("a"), "val": texts("b", "c"), "test": texts("b")}
    splits_after = remove_leakage(splits, notes)
    assert (splits_after["train"], splits_after["test"]) == (splits["train"], splits["test"])
    assert splits_after["val"].texts == ["c"]
    assert notes == ["1 validation texts that are in test too were left out"]


def test_splits_without_common_texts_stay_as_they_are():
    notes = []
    splits = {"train": texts("a"), "val": texts("b"), "test": texts("c")}
    assert remove_leakage(splits, notes) == splits
    assert notes == []


def test_a_training_split_that_is_the_test_split_too_is_refused():
    splits = {"train": texts("a", "b"), "val": texts("c"), "test": texts("b", "a")}
    with pytest.raises(DataError, match="all 2 training texts are in val or test too"):
        remove_leakage(splits, [])


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["10", "9", "-1"], ["-1", "9", "10"]),
        (["pos", "neg", "10"], ["10", "neg", "pos"]),
        (["1", "1.0", "01", "0"], ["0", "01", "1", "1.0"]),
    ],
)
def test_classes_are_sorted_and_numbers_by_value(labels, classes):
    parts = [texts("a", labels=[label]) for label in labels]
    assert list_classes(parts) == classes


def test_one_class_alone_is_refused():
    with pytest.raises(DataError, match=r"^a\.csv: all labels are 'pos'; two are needed"):
        list_classes([texts("a", "b", labels=["pos", "pos"]), texts("c", labels=["pos"])])


def test_repeated_texts_are_left_out_whatever_their_case_and_space():
    notes = []
    whole = texts("Win now", "hello", "WIN  now ", "win 2", labels=["1", "0", "1", "1"])
    assert drop_duplicate_texts(whole, notes).texts == ["Win now", "hello", "win 2"]
    assert notes == ["1 repeated texts of a.csv were left out"]


def test_equal_texts_with_other_labels_are_left_out_altogether():
    notes = []
    whole = texts("a", "b", "A", "a", "c", "c", labels=["0", "1", "1", "0", "1", "1"])
    assert drop_duplicate_texts(whole, notes).texts == ["b", "c"]
    assert notes == [
        "3 equal texts of a.csv with other labels were left out",
        "1 repeated texts of a.csv were left out",
    ]


def test_leakage_is_removed_by_what_texts_have_in_common():
    splits = {"train": texts("A", "b"), "val": texts("c"), "test": texts("a ")}
    assert remove_leakage(splits, [], normalize_text)["train"].texts == ["b"]
    assert remove_leakage(splits, [])["train"] == splits["train"]
