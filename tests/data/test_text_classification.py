"""The user's own labelled texts: every form, hostile files, folds, and no leaks."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from rnnlab.data.text.labelled_texts import normalize_digits
from rnnlab.data.text.ragged import TextStore
from rnnlab.data.text_classification import TextClassificationDataModule
from rnnlab.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")


def texts_of(data, split):
    return list(TextStore(data.folder, split))


def opened(path, **settings):
    data = TextClassificationDataModule(path=str(path), **settings)
    data.setup()
    return data


def some_table(count=60):
    words = [f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(count)]
    return pd.DataFrame({"text": words, "label": ["ham", "spam", "ham"] * (count // 3)})


def folder_of(path, *parts, count=12):
    """A text file for each of `count` numbers in each class of each part."""
    for part in parts or [""]:
        for kind in ("good", "bad"):
            place = path / part / kind
            place.mkdir(parents=True)
            for i in range(count):
                (place / f"{i}.txt").write_text(f"{part} {kind} film {chr(97 + i)}")
    return path


def without_unknown(notes):
    """Notes, but not the one on the tokens of few texts that training does not have."""
    return [note for note in notes if not note.startswith("<unk>")]


# Forms.


def test_labels_are_strings(tmp_path):
    some_table().to_csv(tmp_path / "a.csv", index=False)
    data = opened(tmp_path / "a.csv", positive_class="spam", stratify=True)
    assert data.spec.class_names == ("ham", "spam")
    assert data.spec.positive_class == 1
    assert data.spec.class_counts == (32, 16)
    assert [int(data.labels[split].sum()) for split in SPLITS] == [16, 2, 2]


def test_a_folder_for_each_class(tmp_path):
    data = opened(folder_of(tmp_path / "films"))
    assert data.spec.class_names == ("bad", "good")
    assert sum(data.provenance.sizes.values()) == 24
    for split in SPLITS:
        labels = data.labels[split].tolist()
        assert ["good" in text for text in texts_of(data, split)] == [bool(n) for n in labels]


def test_folders_of_splits_keep_the_test(tmp_path):
    data = opened(folder_of(tmp_path / "films", "train", "test"))
    assert data.provenance.sizes == {"train": 22, "val": 2, "test": 24}
    assert all(text.startswith("test") for text in texts_of(data, "test"))


def test_a_folder_of_training_alone_is_not_enough(tmp_path):
    path = folder_of(tmp_path / "films", "train")
    with pytest.raises(DataError, match=r"films: expected folders train and test .*, found train$"):
        opened(path)


def test_other_files_of_a_class_are_counted_and_hidden_folders_passed_by(tmp_path):
    path = folder_of(tmp_path / "films")
    (path / "good" / "notes.pdf").write_text("x")
    (path / ".git").mkdir()
    (path / ".git" / "a.txt").write_text("x")
    (path / "bad" / "0.txt").write_text("")
    assert opened(path).provenance.notes == [
        "1 files of films that are not .txt were left out",
        "1 empty texts of films were left out",
    ]


def test_a_changed_text_of_a_folder_is_read_again(tmp_path):
    path = folder_of(tmp_path / "films")
    before = opened(path).provenance.sha256
    (path / "good" / "0.txt").write_text("another text")
    assert opened(path).provenance.sha256 != before


def test_a_text_in_another_encoding_is_named_and_read_when_it_is_said(tmp_path):
    path = folder_of(tmp_path / "films")
    (path / "good" / "3.txt").write_bytes("caf\u00e9".encode("cp1252"))
    with pytest.raises(DataError, match=r"good/3\.txt: byte 3 \(0xe9, in line 1\) is not utf-8"):
        opened(path)
    found = opened(path, encoding="cp1252")
    assert "caf\u00e9" in [text for split in SPLITS for text in texts_of(found, split)]


@pytest.mark.parametrize("tokens", ["words", "shapes", "characters"])
def test_every_kind_of_tokens_is_prepared_and_kept(tmp_path, tokens):
    table = some_table()
    table["text"] += " WIN\n100"
    table.to_csv(tmp_path / "a.csv", index=False)
    data = opened(tmp_path / "a.csv", tokens=tokens)
    data.save_processor(tmp_path)
    lines = (tmp_path / "vocabulary.txt").read_text().split("\n")
    assert len(lines) == len(data.vocabulary()) == len(set(lines))
    assert ("<capitals>" in lines) is (tokens == "shapes")
    assert ("\\n" in lines) is (tokens == "characters")


# Hostile files; what a table as such is refused for stands in test_tables.py.


def hostile(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


LINES = "".join(f"text {chr(97 + i)},{i % 2}\n" for i in range(26))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        (
            "text;label\na;1\n",
            r"separated by semicolon \(';'\), not by comma: set data.delimiter=sem",
        ),
        (f"text,label\n{LINES}x,\n", "row 27: the label is ''"),
        (f"text,label\n{LINES}x,NaN\n", "row 27: the label is 'NaN'"),
        (f"text,label\n{LINES}x\n", "line 28: 1 cells, but the header has 2"),
        (f"text,stars\n{LINES}", "no column 'label'; .*choices: stars, text"),
        (f'text,label\n{LINES}"x,1\n', "quotation mark that opens in line 28 is never closed"),
        ("text,label\na,1\nb,1\nc,1\n", "all labels are '1'; two are needed"),
        ("text,label\n" + "caf\u00e9,1\n", "is not utf-8"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(tmp_path, content, message):
    raw = content.encode("cp1252" if "caf" in content else "utf-8")
    with pytest.raises(DataError, match=message):
        opened(hostile(tmp_path / "a.csv", raw))


def test_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(DataError, match=r"a\.csv: expected train\.csv and test\.csv .*nothing$"):
        opened(tmp_path / "a.csv")


def test_what_can_be_repaired_is_counted(tmp_path):
    long = "word " * 200_000
    lines = LINES.replace("\n", "\r\n")
    content = f"\ufefftext,label\r\n{lines}\r\n ,1\r\n\U0001f600 so funny,1\r\n{long},0\r\n"
    data = opened(hostile(tmp_path / "a.csv", content), seq_len=50)
    assert without_unknown(data.provenance.notes) == [
        "1 empty lines of a.csv were left out",
        "1 empty texts of a.csv were left out",
    ]
    assert sum(data.provenance.sizes.values()) == 28
    for split in SPLITS:
        assert data.lengths(split).max() <= 50


def test_a_class_that_training_has_not_is_said(tmp_path):
    some_table(30).to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame({"text": ["x", "y"], "label": ["ham", "odd"]}).to_csv(
        tmp_path / "test.csv", index=False
    )
    data = opened(tmp_path)
    assert without_unknown(data.provenance.notes) == [
        "no training text has the label odd",
        "no test text has the label spam",
    ]
    assert "loss" not in data.baselines("test")["majority"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fold": 1}, r"data\.fold=1: must be 0 without data\.folds"),
        ({"folds": 3, "fold": 3}, r"data\.fold=3: must be 0\.\.2"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        TextClassificationDataModule(path="a.csv", **settings)


def test_a_positive_class_that_is_none(tmp_path):
    some_table().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=r"positive_class=spm: .* did you mean spam"):
        opened(tmp_path / "a.csv", positive_class="spm")


# Folds.


@pytest.fixture
def crowded(tmp_path):
    """Texts of templates that differ in a number, a fifth of them spam."""
    rows = [
        (f"{w} text {n}", "spam" if i % 5 == 0 else "ham")
        for i, w in enumerate(WORDS)
        for n in (1, 2)
    ]
    file = tmp_path / "a.csv"
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(file, index=False)
    return file


WORDS = [f"{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(100)]


def test_over_all_folds_every_text_is_tested_once(crowded):
    folds = [opened(crowded, folds=4, fold=fold) for fold in range(4)]
    tested = [text for data in folds for text in texts_of(data, "test")]
    assert sorted(tested) == sorted(pd.read_csv(crowded)["text"])
    for data in folds:
        assert int(data.labels["test"].sum()) == 10
        assert sum(data.provenance.sizes.values()) == 200


def test_texts_of_one_template_stand_in_one_split(crowded):
    for settings in ({"folds": 4, "fold": 1}, {"stratify": True}):
        data = opened(crowded, **settings)
        members = [set(map(normalize_digits, texts_of(data, split))) for split in SPLITS]
        assert sum(map(len, members)) == len(set.union(*members)) == 100


def test_a_leak_of_templates_would_be_seen(crowded, monkeypatch):
    """The test above fails when the groups are taken away."""
    monkeypatch.setattr("rnnlab.data.text.label_splits.normalize_digits", str)
    monkeypatch.setattr(TextClassificationDataModule, "version", 99)
    with pytest.raises(AssertionError):
        test_texts_of_one_template_stand_in_one_split(crowded)


def test_groups_of_the_user_are_kept_together_in_folds(tmp_path):
    table = some_table()
    table["author"] = [f"author {i % 30}" for i in range(60)]
    table.to_csv(tmp_path / "a.csv", index=False)
    data = opened(tmp_path / "a.csv", folds=3, group_column="author")
    authors = dict(zip(table["text"], table["author"], strict=True))
    members = [{authors[text] for text in texts_of(data, split)} for split in SPLITS]
    assert sum(map(len, members)) == len(set.union(*members)) == 30


def test_folds_of_a_folder_that_has_a_test_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"data\.folds=5 is not possible"):
        opened(folder_of(tmp_path / "films", "train", "test"), folds=5)


# Leaks: each test here fails when what it guards is taken away.


def test_repeated_texts_stand_in_no_two_splits(tmp_path, monkeypatch):
    table = some_table()
    table["text"] = "same " + table["text"]
    train, test = table[:40], table[30:].assign(text=lambda t: t["text"].str.upper())
    train.to_csv(tmp_path / "train.csv", index=False)
    test.to_csv(tmp_path / "test.csv", index=False)

    def shared(data):
        seen = [{text.lower() for text in texts_of(data, split)} for split in SPLITS]
        return sum(map(len, seen)) - len(set.union(*seen))

    assert shared(opened(tmp_path, drop_duplicates=True)) == 0
    monkeypatch.setattr(
        "rnnlab.data.text_classification.remove_leakage", lambda splits, *rest: splits
    )
    monkeypatch.setattr(TextClassificationDataModule, "version", 99)
    assert shared(opened(tmp_path, drop_duplicates=True)) == 10


def test_the_vocabulary_and_the_counts_are_those_of_training(tmp_path):
    some_table(30).to_csv(tmp_path / "train.csv", index=False)
    unseen = pd.DataFrame({"text": ["novel words"] * 2, "label": ["spam", "spam"]})
    unseen.to_csv(tmp_path / "test.csv", index=False)
    data = opened(tmp_path)
    assert not {"novel", "words"} & set(data.vocabulary())
    assert sum(data.spec.class_counts) == data.provenance.sizes["train"]


# Baselines.


def test_the_linear_baseline_is_fitted_once(crowded, monkeypatch):
    data = opened(crowded, linear_baseline=True)
    first = data.baselines("val"), data.baselines("test")
    monkeypatch.setattr(
        "rnnlab.data.text_classification.linear_probabilities", lambda *_: pytest.fail("again")
    )
    again = opened(crowded)
    assert (again.baselines("val"), again.baselines("test")) == first
    rows = np.array([3, 1])
    probabilities = again.baseline_context("test", rows)["baselines"]
    assert (
        probabilities["linear"].tolist()
        == again.baseline_probabilities("test")["linear"][rows].tolist()
    )


def test_there_is_no_linear_baseline_for_large_texts(crowded, monkeypatch):
    monkeypatch.setattr("rnnlab.data.baselines.linear.MAX_LINEAR_BYTES", 1500)
    data = opened(crowded)
    assert data.missing_baselines() == {"linear": "0 MB of text are more than 0 MB"}
    assert set(data.baselines("test")) == {"majority"}
    monkeypatch.setattr("rnnlab.data.baselines.linear.MAX_LINEAR_BYTES", 10_000)
    assert data.missing_baselines() == {}


def test_without_scikit_learn_one_note_says_how_to_get_it(crowded, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "sklearn" else real(name)
    )
    data = opened(crowded)
    reasons = {"linear": "it needs scikit-learn: pip install 'rnnlab[linear]'"}
    assert data.missing_baselines() == reasons
    assert data.provenance.notes == []
    assert data.describe().extra == {"missing": f"baseline linear: {reasons['linear']}"}
    assert set(data.baselines("test")) == {"majority"}
    assert data.baseline_context("test", np.arange(2)) == {"baselines": {}}
    assert opened(crowded, linear_baseline=False).missing_baselines() == {}
