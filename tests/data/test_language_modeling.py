"""Texts of users for language modelling: divided at the asked shares, and notes on bad ones."""

import re
from pathlib import Path

import numpy as np
import pytest

from rnnlab.config.schema import parse
from rnnlab.data.language_modeling import LanguageModelingDataModule
from rnnlab.errors import DataError
from rnnlab.experiment.build import build_data
from tests.helpers.configs import compose


def open_text(path: Path, *words: str) -> LanguageModelingDataModule:
    """Return the data set of a command line, with its file read."""
    data = build_data(parse(compose("data=text_file", f"data.path={path}", *words)))
    data.setup()
    assert isinstance(data, LanguageModelingDataModule)
    return data


def shares(data: LanguageModelingDataModule) -> list[float]:
    total = sum(data.sizes.values())
    return [data.sizes[split] / total for split in ("train", "val", "test")]


@pytest.mark.parametrize(
    ("file", "words", "wanted"),
    [
        ("oneline.txt", [], 0.05),
        ("oneline500k.txt", [], 0.05),
        ("cr.txt", [], 0.05),
        ("oneline.txt", ["data.val_fraction=0.3", "data.test_fraction=0.3"], 0.3),
        ("para.txt", ["data.val_fraction=0.1", "data.test_fraction=0.1"], 0.1),
        ("onelinezh.txt", ["data.tokens=characters"], 0.05),
    ],
)
def test_a_text_without_short_lines_is_divided_as_asked(
    text_cases: Path, file: str, words: list[str], wanted: float
) -> None:
    data = open_text(text_cases / "one_line_text" / file, *words)
    assert shares(data) == pytest.approx([1 - 2 * wanted, wanted, wanted], rel=0.1)


def test_few_long_lines_are_divided_and_it_is_told(tmp_path: Path) -> None:
    line = " ".join(f"w{i % 40}" for i in range(3_000))
    (tmp_path / "a.txt").write_text(f"{line}\n{line}\n")
    data = open_text(tmp_path / "a.txt", "data.val_fraction=0.2", "data.test_fraction=0.2")
    assert shares(data) == pytest.approx([0.6, 0.2, 0.2], abs=0.01)
    assert (
        "cut from the end of the training text, within long lines: 20% for val and 20% for test"
    ) in data.provenance.notes
    together = [i for split in ("train", "val", "test") for i in data.ids[split][1:]]
    words = [data.vocabulary.tokens[i] for i in together]
    assert words == [*line.split(), "<eos>"] * 2, "every token is in one split"


def test_a_split_that_is_too_small_is_told_with_a_share_that_works(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"the cat {i % 30} sat\n" for i in range(2_000)))
    notes = " ".join(open_text(tmp_path / "a.txt").provenance.notes)
    assert "val has too few tokens for a stable score, 505 where 1,000 are needed" in notes
    settings = re.findall(r"data\.\w+_fraction=[\d.]+", notes)
    assert len(settings) == 2
    data = open_text(tmp_path / "a.txt", *settings)
    assert min(data.sizes["val"], data.sizes["test"]) > 1_000
    assert not any("too few" in note for note in data.provenance.notes)


def test_a_short_text_is_told_to_be_short(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat\n" * 40)
    notes = open_text(tmp_path / "a.txt", "data.batch_size=2").provenance.notes
    (note,) = [note for note in notes if note.startswith("test has too few tokens")]
    assert note.endswith("where 1,000 are needed: use a longer text")


def test_an_empty_file_of_a_split_is_not_a_matter_of_shares(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("the cat sat\n" * 400)
    (tmp_path / "test.txt").write_text("   ")
    with pytest.raises(DataError, match=r"leaves nothing for test: use a longer text$"):
        open_text(tmp_path)
    (tmp_path / "test.txt").write_text(" \n")
    assert open_text(tmp_path).sizes["test"] == 1, "a line break"
    with pytest.raises(DataError, match=r"nothing for val: use a longer text, or raise data\.val_"):
        open_text(tmp_path, "data.val_fraction=0.00001")


def test_chinese_split_at_spaces_names_the_setting_that_reads_it(tmp_path: Path) -> None:
    letters = "\u6211\u4eec\u5728\u8fd9\u91cc\u8bfb\u4e66"
    random = np.random.default_rng(0)
    lines = ["".join(random.choice([*letters], 8)) + "\u3002\n" for _ in range(900)]
    (tmp_path / "zh.txt").write_text("".join(lines), encoding="utf-8")
    notes = open_text(tmp_path / "zh.txt", "data.spaces=true").provenance.notes
    (note,) = [note for note in notes if "<unk> replaces" in note]
    assert note.endswith("written without spaces between words; set data.spaces=false")
    assert not any(open_text(tmp_path / "zh.txt", "data.spaces=false").unknown.values())


@pytest.mark.parametrize(
    "name", ["validation.txt", "dev.tokens", "Valid.TXT", "my.development.txt"]
)
def test_a_validation_file_of_any_name_is_read_and_others_are_listed(
    name: str, tmp_path: Path
) -> None:
    for file in ("train.txt", name, "README.md", "notes.txt"):
        (tmp_path / file).write_text("the cat sat\n" * (90 if file == "train.txt" else 7))
    (tmp_path / "old").mkdir()
    data = open_text(tmp_path, "data.batch_size=2")
    assert data.sizes["val"] == 7 * 4
    assert data.sizes["train"] + data.sizes["test"] == 90 * 4
    assert f"not read in {tmp_path.name}: notes.txt, old" in data.provenance.notes


def test_unknown_tokens_of_a_tokenized_text_are_told_with_a_setting(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the <unk> sat on the mat\n" * 2_000)
    notes = open_text(tmp_path / "a.txt").provenance.notes
    (note,) = [note for note in notes if note.startswith("<unk> is in the text")]
    assert "2,000 times and read as text" in note
    assert "set data.spaces=true" in note
    data = open_text(tmp_path / "a.txt", "data.spaces=true")
    assert not [note for note in data.provenance.notes if note.startswith("<unk> is in the text")]
    assert data.unknown["test"] == 100
