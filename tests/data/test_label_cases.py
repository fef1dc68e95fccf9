"""Labelled tables of users that were once read wrongly: read, or rejected with a setting."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rnnlab.data.text.ragged import TextStore
from rnnlab.errors import ConfigError, DataError
from tests.helpers.cases import open_typed

ROWS = [(f"{kind} film {chr(97 + i)}", kind) for i in range(20) for kind in ("good", "bad")]


def open_texts(path: Path, *words: str, data: str = "text_classification") -> Any:
    """Return the data set of a table and further words of a command line, with its file read."""
    return open_typed(f"data.path='{path}'", *words, data=data)


def rejection(path: Path, *words: str, data: str = "text_classification") -> str:
    """Return the error for a table."""
    with pytest.raises((ConfigError, DataError)) as info:
        open_texts(path, *words, data=data)
    return str(info.value)


def advice_of(message: str) -> list[str]:
    """Return the settings that an error names, as a shell passes them to a program."""
    words = [word for word in shlex.split(message) if word.startswith("data.") and "=" in word]
    return [word.rstrip(".,") for word in words]


def classes_of(data: Any) -> tuple[str, ...]:
    return tuple(data.spec.class_names)


def size_of(data: Any) -> int:
    return sum(data.provenance.sizes.values())


def texts_of(data: Any) -> list[str]:
    return sorted(
        text for split in ("train", "val", "test") for text in TextStore(data.folder, split)
    )


def write_csv(path: Path, rows: list[tuple[Any, ...]], header: str = "text,label") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


# Labels.


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("space_label.csv", ("neg", "pos")),
        ("mixed_num.csv", ("0", "1")),
        ("m_floatlabel", ("0", "1")),
        ("m_space", ("neg", "pos")),
    ],
)
def test_labels_that_differ_in_white_space_or_decimals_are_one_class(
    name: str, classes: tuple[str, ...], text_cases: Path
) -> None:
    data = open_texts(text_cases / "labels_that_differ_in_writing" / name)
    assert classes_of(data) == classes
    assert any("differ in writing only were joined" in note for note in data.provenance.notes)


@pytest.mark.parametrize(("name", "classes"), [("m_boollabel", "01"), ("m_case", ("neg", "pos"))])
def test_labels_that_may_be_one_class_are_joined_on_request(
    name: str, classes: str | tuple[str, ...], text_cases: Path
) -> None:
    path = text_cases / "labels_that_differ_in_writing" / name
    message = rejection(path)
    assert "differ in writing only" in message
    loose, exact = advice_of(message)
    assert classes_of(open_texts(path, loose)) == tuple(classes)
    assert "no label of the test split occurs in training" in rejection(path, exact)


def test_a_test_split_without_a_training_label_is_rejected(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ROWS)
    write_csv(tmp_path / "test.csv", [(f"no {text}", f"{label}ness") for text, label in ROWS])
    message = rejection(tmp_path)
    assert "test.csv: no label of the test split occurs in training" in message
    assert "training has 'bad', 'good'" in message


def test_labels_that_only_training_or_test_has_are_noted(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", [*ROWS, *((f"x {i}", "unsup") for i in range(9))])
    write_csv(tmp_path / "test.csv", [("a", "good"), ("b", "bad"), ("c", "odd")])
    notes = open_texts(tmp_path).provenance.notes
    assert {"no training text has the label odd", "no test text has the label unsup"} <= set(notes)


@pytest.mark.parametrize("label", ["NA", "<na>", "#N/A"])
def test_a_label_that_may_be_a_missing_value_is_rejected(label: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [*ROWS, ("other", label), ("more", label)])
    message = rejection(path)
    assert f"the label '{label}' (2 texts) may be a missing value" in message
    assert label in classes_of(open_texts(path, *advice_of(message)))


# Settings.


@pytest.mark.parametrize(
    ("name", "words", "classes"),
    [
        ("ok.csv", ["data.positive_class=1"], ("0", "1")),
        ("ok.csv", ["data.positive_class=true"], ("0", "1")),
        ("ok.csv", ["data.class_names={0: ham, 1: spam}"], ("ham", "spam")),
        ("ok.csv", ["data.class_names={0:ham,1:spam}", "data.positive_class=1"], ("ham", "spam")),
        ("ok.csv", ['data.class_names={"0": ham, "1": spam}'], ("ham", "spam")),
        ("ok.csv", ["data.class_names={'0':not spam,'1':spam}"], ("not spam", "spam")),
        ("ok.csv", ["data.class_names={1.0:yes,0.0:no}"], ("no", "yes")),
        ("boollabel.jsonl", ["data.positive_class=True"], ("False", "True")),
        ("boollabel.jsonl", ["data.class_names={true:spam,false:ham}"], ("ham", "spam")),
        ("num_cols.csv", ["data.text_column=0", "data.label_column=1"], ("0", "1")),
    ],
)
def test_labels_and_columns_are_typed_as_they_are(
    name: str, words: list[str], classes: tuple[str, ...], text_cases: Path
) -> None:
    data = open_texts(text_cases / "labels_0_1_in_settings" / name, *words)
    assert classes_of(data) == classes
    has_positive = any(word.startswith("data.positive_class") for word in words)
    assert data.spec.positive_class == (1 if has_positive else None)


def test_class_names_that_a_shell_expands_are_rejected_with_what_to_type(text_cases: Path) -> None:
    path = text_cases / "labels_0_1_in_settings" / "ok.csv"
    message = rejection(path, "data.class_names=0:ham", "data.class_names=1:spam")
    assert classes_of(open_texts(path, advice_of(message)[-1]))[1] == "spam"


def test_classes_have_different_names(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ROWS)
    message = rejection(path, "data.class_names={good: bad}")
    assert "the labels bad, good have one name, bad" in message


def test_class_names_without_a_label_are_noted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ROWS)
    data = open_texts(path, "data.class_names={good: fine, god: x}")
    assert classes_of(data) == ("bad", "fine")
    assert "data.class_names: no label is god" in data.provenance.notes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("donn\u00e9es.csv", []),
        ("\u6570\u636e.csv", []),
        ("a=b/r.csv", []),
        ("r#1.csv", []),
        ("uni_cols.csv", ["data.text_column=\u6587\u672c", "data.label_column=\u00e9tiquette"]),
        ("odd_cols.csv", ["data.text_column=Review Text (en)", "data.label_column=is spam?"]),
    ],
)
def test_paths_and_columns_of_any_script_are_typed_as_they_are(
    name: str, words: list[str], text_cases: Path
) -> None:
    path = text_cases / "non_ascii_on_the_command_line" / name
    data = open_typed(f"data.path={path}", *words, data="text_classification")
    assert data.provenance.sizes == {"train": 96, "val": 12, "test": 12}


# Columns.


@pytest.mark.parametrize("setting", ["text_column", "label_column", "group_column"])
def test_every_column_that_is_named_must_exist(setting: str, tmp_path: Path) -> None:
    rows = [(text, label, "ann") for text, label in ROWS]
    path = write_csv(tmp_path / "a.csv", rows, "text,label,author")
    message = rejection(path, f"data.{setting}=auhtor")
    assert f"no column 'auhtor'; did you mean author? {'choices: author, label, text'}" in message
    assert f"Name the right one with data.{setting}" in message


def test_a_column_has_one_role(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ROWS)
    assert "data.label_column=text: is data.text_column too" in rejection(
        path, "data.label_column=text"
    )


@pytest.mark.parametrize("word", ["data.group_column=author", "data.text_column=review"])
@pytest.mark.parametrize("data", ["text_classification", "imdb", "imdb_text", "sms_spam"])
def test_a_column_of_a_source_without_columns_is_rejected(
    word: str, data: str, tmp_path: Path
) -> None:
    words = [word]
    if data == "text_classification":
        for text, label in ROWS:
            (tmp_path / label).mkdir(exist_ok=True)
            (tmp_path / label / f"{text}.txt").write_text(text)
        words.append(f"data.path={tmp_path}")
    if data == "sms_spam":
        (tmp_path / "SMSSpamCollection").write_text("ham\ta\nspam\tb\n")
        words.append(f"data.path={tmp_path}")
    with pytest.raises(ConfigError, match=rf"{word}: .* no columns\. Drop the setting"):
        open_typed(*words, data=data)


# Nested cells.


@pytest.mark.parametrize(("name", "column"), [("nested.jsonl", "text"), ("struct.parquet", "text")])
def test_a_field_of_an_object_is_named(name: str, column: str, text_cases: Path) -> None:
    path = text_cases / "nested_texts_and_label_lists" / name
    message = rejection(path)
    assert f"{name}, row 1, column '{column}': is an object with the fields body" in message
    (word,) = advice_of(message)
    data = open_texts(path, word)
    assert size_of(data) == 120
    assert not any("{" in text or "body" in text for text in texts_of(data))


def test_fields_of_objects_are_named_if_a_column_is_missing(tmp_path: Path) -> None:
    rows = [
        {"id": i, "mail": {"text": text, "label": label}} for i, (text, label) in enumerate(ROWS)
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (first,) = advice_of(rejection(tmp_path / "a.json"))[-1:]
    (second,) = advice_of(rejection(tmp_path / "a.json", first))[-1:]
    data = open_texts(tmp_path / "a.json", first, second)
    assert texts_of(data) == sorted(text for text, _ in ROWS)


def test_objects_beside_texts_are_rejected(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    rows[4]["text"] = {"body": "x"}  # type: ignore[assignment]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    message = rejection(tmp_path / "a.json")
    assert "row 5, column 'text': is an object" in message
    assert "other rows have texts" in message


def test_rows_in_a_field_of_the_document_are_read(tmp_path: Path) -> None:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    document = {"version": 1, "schema": {"fields": ["text"]}, "data": rows}
    (tmp_path / "a.json").write_text(json.dumps(document))
    data = open_texts(tmp_path / "a.json")
    assert texts_of(data) == sorted(text for text, _ in ROWS)
    assert "the rows of a.json are those of its field 'data'" in data.provenance.notes


def test_a_field_that_no_object_has_is_rejected(text_cases: Path) -> None:
    path = text_cases / "nested_texts_and_label_lists" / "struct.parquet"
    message = rejection(path, "data.text_column=text.boddy")
    assert "column 'text' have no field 'boddy'; did you mean body? choices: body, lang" in message


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("listtext.jsonl", "text"),
        ("list.parquet", "text"),
        ("listlabel.jsonl", "label"),
        ("multilabel.parquet", "label"),
    ],
)
def test_a_list_is_no_text_and_no_label(name: str, column: str, text_cases: Path) -> None:
    message = rejection(text_cases / "nested_texts_and_label_lists" / name)
    assert f"{name}, row 1, column '{column}': is a list" in message


def test_rows_without_the_object_have_an_empty_text(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"mail": {"body": {"text": text}}, "label": label} for text, label in ROWS
    ]
    rows += [{"mail": None, "label": "good"}, {"mail": {"body": {"html": "x"}}, "label": "bad"}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    data = open_texts(path, "data.text_column=mail.body.text")
    assert texts_of(data) == sorted(text for text, _ in ROWS)
    assert "2 empty texts of a.jsonl were left out" in data.provenance.notes
    path.write_text("\n".join(map(json.dumps, [*rows, {"mail": "plain", "label": "bad"}])))
    message = rejection(path, "data.text_column=mail.body.text")
    assert "row 43, column 'mail': an object with the field 'body' is expected" in message


# Formats.


def test_json_lines_in_a_json_file_are_read(text_cases: Path) -> None:
    data = open_texts(text_cases / "json_lines_in_a_json_file" / "lines.json")
    assert size_of(data) == 120
    assert "lines.json was read as JSON Lines, an object in each line" in data.provenance.notes


def test_a_broken_line_is_named(text_cases: Path) -> None:
    message = rejection(text_cases / "json_lines_in_a_json_file" / "bad.jsonl")
    assert "bad.jsonl, line 58, column 64: cannot be read as JSON" in message


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_nullable_types_are_read_and_missing_labels_are_rejected(kind: str, tmp_path: Path) -> None:
    labels = pd.array([1, 0] * 20, dtype="Int64")
    texts = pd.array([text for text, _ in ROWS[:-1]] + [None], dtype="string")
    table = pd.DataFrame({"text": texts, "label": labels, "author": labels.astype("boolean")})
    table.loc[3, "author"] = pd.NA
    table["kind"] = table["label"].astype("category")
    path = tmp_path / f"a.{kind}"
    getattr(table, f"to_{kind}")(path)
    for column, classes in (("label", ("0", "1")), ("kind", ("0", "1"))):
        data = open_texts(path, f"data.label_column={column}")
        assert (classes_of(data), size_of(data)) == (classes, 39)
        assert "1 empty texts of a." in data.provenance.notes[0]
    assert "row 4: the label is '' (a total of 1 rows" in rejection(
        path, "data.label_column=author"
    )


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_bytes_are_decoded(kind: str, tmp_path: Path) -> None:
    rows = [(f"caf\u00e9 {text}", label) for text, label in ROWS]
    for encoding in ("utf-8", "cp1252"):
        table = pd.DataFrame([(text.encode(encoding), label.encode()) for text, label in rows])
        path = tmp_path / f"{encoding}.{kind}"
        getattr(table.set_axis(["text", "label"], axis=1), f"to_{kind}")(path)
    assert texts_of(open_texts(tmp_path / f"utf-8.{kind}")) == sorted(text for text, _ in rows)
    message = rejection(path)
    assert "row 1, column 'text': byte 3 is not utf-8" in message
    data = open_texts(path, *advice_of(message))
    assert (texts_of(data), classes_of(data)) == (sorted(t for t, _ in rows), ("bad", "good"))


def test_numbers_of_json_are_texts_as_they_are_written(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": 10**20 + i, "label": i % 2} for i in range(40)]
    (tmp_path / "a.json").write_text(json.dumps([*rows, {"text": None, "label": 1}]))
    data = open_texts(tmp_path / "a.json", "data.group_templates=false")
    assert texts_of(data) == [str(row["text"]) for row in rows]
    assert classes_of(data) == ("0", "1")


@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx"])
def test_a_table_without_a_header_is_read_as_its_error_says(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    table = pd.DataFrame([(f"id{i}", label, text) for i, (text, label) in enumerate(ROWS)])
    if kind == "xlsx":
        table.to_excel(path, header=False, index=False)
    else:
        table.to_csv(path, sep="," if kind == "csv" else "\t", header=False, index=False)
    words = advice_of(rejection(path))
    data = open_texts(path, *words)
    assert texts_of(data) == sorted(text for text, _ in ROWS)
    assert classes_of(data) == ("bad", "good")


@pytest.mark.parametrize("header", ["text", "text,label"])
def test_a_test_table_without_labels_is_rejected_with_the_path_to_use(
    header: str, tmp_path: Path
) -> None:
    folder = tmp_path / "my data"
    write_csv(folder / "train.csv", ROWS)
    cells = [(f"text {i}", "")[: header.count(",") + 1] for i in range(9)]
    write_csv(folder / "test.csv", cells, header)
    message = rejection(folder)
    assert "a test.csv of Kaggle, cannot be tested on" in message
    word = next(word for word in advice_of(message) if word.startswith("data.path="))
    assert size_of(open_typed(word, data="text_classification")) == len(ROWS)


# Quotation marks.


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("tsv_two_open_quotes/quotes.tsv", 120),
        ("tsv_two_open_quotes/quotes_label_first.tsv", 120),
        ("tsv_two_open_quotes/quotes_many.tsv", 120),
        ("tsv_two_open_quotes/quotes.csv", 120),
        ("tsv_quotes_swallow_rows/mine.tsv", 80),
    ],
)
def test_texts_with_unclosed_quotation_marks_keep_their_rows(
    name: str, rows: int, text_cases: Path
) -> None:
    path = text_cases / name
    message = rejection(path)
    assert len(re.findall(r"line \d+", message)) == 2
    assert size_of(open_texts(path, *advice_of(message)[-1:])) == rows


def test_markup_in_labels_and_paths_is_printed_as_it_is(text_cases: Path) -> None:
    case = text_cases / "markup_in_notes_and_paths"
    data = open_texts(case / "m_markup")
    assert "no training text has the label [/b]" in data.provenance.notes
    path = case / "x[v2]" / "data.csv"
    assert open_texts(path).provenance.name == str(path)


def test_a_drawn_split_without_a_label_of_training_has_its_own_advice(tmp_path: Path) -> None:
    rows = [(f"text number {name}", name) for name in "abcdef"]
    path = write_csv(tmp_path / "tiny.csv", rows)
    message = rejection(path, "data.val_fraction=0.2", "data.test_fraction=0.2")
    assert message.endswith("Add texts of each label, or increase data.val_fraction")
