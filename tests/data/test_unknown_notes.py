"""Texts that the tokens do not fit: each task of texts says so, and the setting it names works."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_data
from tests.helpers.configs import compose


def open_data(*words: str) -> Any:
    """Return the data set of a command line, with its file read."""
    data = build_data(parse(compose(*words)))
    data.setup()
    return data


def unknown_notes(data: Any) -> list[str]:
    return [note for note in data.provenance.notes if note.startswith("<unk> replaces")]


def many_words(count: int = 400) -> list[str]:
    """Sentences of four of 80 words, which are equally frequent."""
    words = [f"w{i}x" for i in range(80)]
    random = np.random.default_rng(0)
    return [" ".join(random.choice(words, 4)) for _ in range(count)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a text, labelled texts, and sentence pairs."""
    lines = many_words()
    (tmp_path / "text_file").write_text("".join(f"{line}\n" for line in lines))
    rows = [f"{line},{'ab'[i % 2]}" for i, line in enumerate(lines)]
    (tmp_path / "text_classification.csv").write_text("\n".join(["text,label", *rows]))
    pairs = "".join(f"{line}\t{line}\n" for line in lines)
    (tmp_path / "parallel_text.tsv").write_text(pairs)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "words", "sizes"),
    [
        ("text_file", [], ["data.vocab_size"]),
        ("text_classification.csv", [], ["data.vocab_size"]),
        (
            "parallel_text.tsv",
            ["data.source_language=a", "data.target_language=b"],
            ["data.vocab_size", "data.target_vocab_size"],
        ),
    ],
)
def test_a_setting_that_is_named_works(
    file: str, words: list[str], sizes: list[str], files: Path
) -> None:
    data = [f"data={Path(file).stem}", f"data.path={files / file}", *words]
    small, large = ([f"{size}={value}" for size in sizes] for value in (40, 400))
    notes = unknown_notes(open_data(*data, "data.tokens=words", *small))
    assert len(notes) == len(sizes)
    for note, size in zip(notes, sizes, strict=True):
        assert re.search(r"\d\d\.\d% of the (source |target |)tokens of test", note)
        assert re.search(rf"raise {size} \(now 40\)|set {size}=\d+", note)
        assert "or set data.tokens=characters" in note
    assert not unknown_notes(open_data(*data, "data.tokens=words", *large))
    assert not unknown_notes(open_data(*data, "data.tokens=characters", *small))


def test_chinese_labels_are_learned_or_told(text_cases: Path) -> None:
    path = text_cases / "zh_words_classification_all_unk" / "zh.csv"
    command = ["data=text_classification", f"data.path={path}", "data.vocab_size=3000"]
    notes = unknown_notes(open_data(*command))
    if notes:
        assert "100.0% of the tokens of test" in notes[0]
        assert "data.tokens=characters" in notes[0]
        command.append("data.tokens=characters")
    data = open_data(*command)
    shares = [float((data.tokens[split].values == 1).mean()) for split in ("val", "test")]
    assert max(shares) < 0.01
    assert not unknown_notes(data)


def open_unspaced_pairs(folder: Path, copies: int, *words: str) -> Any:
    """Return sentence pairs without spaces, each of which is in the file this number of times."""
    random = np.random.default_rng(0)
    syllables = ["\u4eca\u5929", "\u660e\u5929", "\u6211\u4eec", "\u5317\u4eac", "\u5b66\u751f"]
    lines = {"".join(random.choice(syllables, 6)) for _ in range(500)}
    content = "".join(f"{line}\t{line[2:]}{line[:2]}\n" * copies for line in sorted(lines))
    (folder / "a.tsv").write_text(content, encoding="utf-8")
    languages = ["data.source_language=a", "data.target_language=b"]
    return open_data("data=parallel_text", f"data.path={folder / 'a.tsv'}", *languages, *words)


def test_byte_pairs_of_text_without_spaces_are_in_other_sentences(tmp_path: Path) -> None:
    notes = list(open_unspaced_pairs(tmp_path, 1).provenance.notes)
    assert not [n for n in notes if n.startswith(("training does not", "<unk>"))]


def test_byte_pairs_that_are_whole_sentences_are_told(tmp_path: Path) -> None:
    data = open_unspaced_pairs(tmp_path, 2)
    notes = [n for n in data.provenance.notes if n.startswith("training does not")]
    assert len(notes) == 2
    assert "of the source tokens of test: lower data.vocab_size (now 8000), or set" in notes[0]
    assert "of the target tokens of test: lower data.target_vocab_size (now 8000)" in notes[1]
    for settings in (
        ["data.tokens=words"],
        ["data.vocab_size=280", "data.target_vocab_size=280"],
    ):
        notes = list(open_unspaced_pairs(tmp_path, 2, *settings).provenance.notes)
        assert not [n for n in notes if n.startswith(("training does not", "<unk>"))]
