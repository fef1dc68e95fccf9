"""Texts of users in several scripts, with marks, hyphens and special tokens, as words."""

import math
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_data
from rnnlab.metrics.translation import score_translations
from rnnlab.spec import PADDING_ID, START_ID, UNKNOWN_ID
from tests.helpers.configs import compose


def open_data(*words: str) -> Any:
    """Return the data set of a command line, with its file read."""
    data = build_data(parse(compose(*words)))
    data.setup()
    return data


@pytest.mark.parametrize("tokens", ["words", "shapes"])
def test_hindi_words_keep_their_vowel_signs(text_cases: Path, tokens: str) -> None:
    path = text_cases / "hindi_words_classification" / "hi.csv"
    data = open_data("data=text_classification", f"data.path={path}", f"data.tokens={tokens}")
    four_words = {"\u0915\u0940", "\u0915\u093e", "\u0915\u0947", "\u0915\u094b"}
    assert four_words <= set(data.vocabulary())
    assert data.spec.num_tokens == 2 + len(data.vocabulary()) < 100
    assert data.baselines("test")["linear"]["accuracy"] > 0.95


@pytest.mark.parametrize("name", ["hi", "nfd"])
def test_lines_are_restored_and_both_forms_of_unicode_are_equal(
    text_cases: Path, name: str
) -> None:
    path = text_cases / "hindi_words_lm" / f"{name}.txt"
    line = path.read_text(encoding="utf-8").splitlines()[0]
    data = open_data("data=text_file", f"data.path={path}", "data.tokens=words")
    composed = unicodedata.normalize("NFC", line)
    assert data.vocabulary.decode(data.ids["train"][1:].tolist()) == composed
    assert data.vocabulary.encode([line]) == data.vocabulary.encode([composed])


def test_hyphens_in_a_reference_are_restored(text_cases: Path) -> None:
    folder = text_cases / "hyphen_words_bleu"
    files = f"data.path={folder / 'a.en'}", f"data.target_path={folder / 'a.de'}"
    data = open_data("data=parallel_text", *files, "data.tokens=words")
    references = (folder / "a.de").read_text(encoding="utf-8").splitlines()
    target = data.vocabularies["target"]
    written = [target.decode(ids) for ids in target.encode(references)]
    assert score_translations(written, references).scores["exact_match"] == 1


def test_special_tokens_in_a_text_are_counted_as_words(text_cases: Path) -> None:
    path = text_cases / "special_tokens_in_a_text" / "spec.txt"
    data = open_data("data=text_file", f"data.path={path}", "data.spaces=true")
    for split in ("train", "val", "test"):
        assert not {PADDING_ID, START_ID} & set(data.ids[split][1:].tolist())
    for scores in data.baselines("test").values():
        assert scores["perplexity"] == pytest.approx(math.exp(scores["loss"]))
    assert (
        "<eos>, <pad>, <s> in the text are words like others, not the special tokens of these names"
    ) in data.provenance.notes
    lines = data.vocabulary.decode(data.ids["train"][1:].tolist())
    assert lines == path.read_text(encoding="utf-8").splitlines()[0]


def test_special_tokens_in_sentence_pairs_are_words(tmp_path: Path) -> None:
    lines = [f"the <pad> {i} <s> {i}\tder <eos> {i} <unk>\n" for i in range(40)]
    (tmp_path / "a.tsv").write_text("".join(lines))
    names = "data.source_language=en", "data.target_language=de", "data.header=false"
    data = open_data(
        "data=parallel_text",
        f"data.path={tmp_path / 'a.tsv'}",
        *names,
        "data.tokens=words",
        "data.spaces=true",
    )
    assert data.provenance.notes[-1].startswith("<eos>, <pad>, <s> in the text are words")
    batch = data.gather("train", np.arange(3))
    assert (batch.lengths == 5).all()
    assert (batch.inputs >= UNKNOWN_ID).all(), "no padding in the middle of a sentence"
    texts = [data.vocabularies["target"].decode(row) for row in batch.targets.tolist()]
    assert all(text.startswith("der <eos> ") for text in texts)
