"""Sentence pairs of users that were once read wrongly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.data.translation import ParallelTextDataModule
from rnnlab.errors import DataError
from rnnlab.spec import END_ID
from tests.helpers.configs import write_lines

CASES = Path(__file__).parents[3] / "shared" / "cases" / "text"


def open_folder(folder: Path, **settings: Any) -> ParallelTextDataModule:
    """Return the pairs of a folder of English and German files."""
    languages = {"source_language": "en", "target_language": "de"}
    data = ParallelTextDataModule(path=str(folder), vocab_size=300, **languages, **settings)
    data.setup()
    return data


def write_split(folder: Path, stem: str, count: int) -> None:
    """Write the two files of one split."""
    for language in ("en", "de"):
        lines = [f"{stem} {language} {i}" for i in range(count)]
        write_lines(folder / f"{stem}.{language}", lines)


@pytest.mark.parametrize("name", ["f_validation", "f_newstest"])
def test_a_validation_split_of_any_name_is_read(name: str) -> None:
    folder = CASES / "validation_file_ignored" / name
    if not folder.exists():
        pytest.skip("the cases of users are not in this checkout")
    counts = [
        sum(1 for _ in (folder / f"{stem}.en").open(encoding="utf-8"))
        for stem in ("train", name.removeprefix("f_"), "test")
    ]
    data = open_folder(folder)
    assert [*data.provenance.sizes.values()] == counts
    assert not any(note.startswith("not read") for note in data.provenance.notes)


@pytest.mark.parametrize("stem", ["Validation", "valid", "dev", "my.dev", "newstest2013"])
def test_the_names_of_splits_are_those_of_other_data_sets(tmp_path: Path, stem: str) -> None:
    for name, count in (("training", 9), (stem, 4), ("newstest2014", 3)):
        write_split(tmp_path, name, count)
    data = open_folder(tmp_path)
    assert [*data.provenance.sizes.values()] == [9, 4, 3]
    assert data.example("val", 0)["text"] == f"{stem} en 0"


def test_tables_of_splits_are_read(tmp_path: Path) -> None:
    for name, count in (("train", 30), ("dev", 4), ("test", 3)):
        rows = [f"{i}\t{name} en {i}\t{name} de {i}" for i in range(count)]
        write_lines(tmp_path / f"{name}.tsv", ["id\ten\tde", *rows])
    data = open_folder(tmp_path)
    assert [*data.provenance.sizes.values()] == [30, 4, 3]
    assert data.example("val", 3) == {"text": "dev en 3", "reference": "dev de 3"}
    columns = {"source_column": "de", "target_column": "en"}
    assert open_folder(tmp_path, **columns).example("test", 0)["text"] == "test de 0"
    write_lines(tmp_path / "test.tsv", ["en\tde", "", "a\tb", "c\t"])
    with pytest.raises(DataError, match=r"test\.tsv, pair 2: is a pair with an empty side"):
        open_folder(tmp_path)


def test_files_that_are_not_read_are_listed(tmp_path: Path) -> None:
    for name, count in (("train", 9), ("valid", 4), ("test", 3), ("tune", 4)):
        write_split(tmp_path, name, count)
    notes = open_folder(tmp_path).provenance.notes
    listed = [note for note in notes if note.startswith("not read")]
    assert listed == [f"not read in {tmp_path.name}: tune.de, tune.en"]


def test_two_files_of_one_split_are_an_error(tmp_path: Path) -> None:
    for name in ("train", "valid", "dev"):
        write_split(tmp_path, name, 5)
    with pytest.raises(DataError, match=r"several files of the val split: dev\.en, valid\.en"):
        open_folder(tmp_path)
    for language in ("en", "de"):
        (tmp_path / f"dev.{language}").unlink()
    (tmp_path / "valid.de").rename(tmp_path / "dev.de")
    with pytest.raises(DataError, match=r"several files of the val split: dev\.de, valid\.en"):
        open_folder(tmp_path)
    (tmp_path / "valid.en").unlink()
    with pytest.raises(DataError, match=r"dev\.de: there is no file .* ending \.en"):
        open_folder(tmp_path)


def test_a_perfect_network_writes_words_with_their_hyphens() -> None:
    folder = CASES / "hyphen_words_bleu"
    if not folder.exists():
        pytest.skip("the cases of users are not in this checkout")
    data = ParallelTextDataModule(
        path=str(folder / "a.en"), target_path=str(folder / "a.de"), tokens="words"
    )
    data.setup()
    context = data.evaluation_context("test", np.arange(data.provenance.sizes["test"]))
    assert any("rot-rot" in text for text in context["references"])
    assert context["ceiling"] == context["references"]
    assert context["unknown_shares"] == {"source": 0, "target": 0}


def test_special_tokens_in_the_text_are_words(tmp_path: Path) -> None:
    words = ("<pad>", "<s>", "<eos>", "b")
    lines = [f"{words[i % 4]} a {words[i // 4 % 4]}" for i in range(80)]
    for side in ("en", "de"):
        write_lines(tmp_path / f"a.{side}", lines)
    paths = {"path": str(tmp_path / "a.en"), "target_path": str(tmp_path / "a.de")}
    data = ParallelTextDataModule(**paths, tokens="words", spaces=True, val_fraction=0.2)
    data.setup()
    batch = data.gather("val", np.arange(data.provenance.sizes["val"]))
    assert batch.lengths.tolist() == [3] * len(batch.lengths)
    assert (batch.inputs > END_ID).all()
    context = data.evaluation_context("val", batch.rows.numpy())
    assert context["ceiling"] == context["references"]
    assert any("<eos>" in text for text in context["references"])
