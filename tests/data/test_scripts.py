"""Texts of many scripts with default settings: every task can distinguish their words."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.config.schema import parse
from rnnlab.data.base import SPLITS
from rnnlab.data.text.tokenizers import CLASSIFICATION_TOKENIZERS
from rnnlab.experiment.build import build_data
from rnnlab.experiment.run import run
from tests.helpers.configs import compose
from tests.helpers.scripts import (
    NUM_LINES,
    SCRIPTS,
    draw_chain,
    draw_labelled,
    draw_pairs,
    draw_sentences,
)

SMALLER_TOKENS = "data.tokens=words"  # which a note names
UNKNOWN = ("<unk> replaces", "training does not have")  # beginnings of notes


def write(path: Path, lines: Iterable[str]) -> list[str]:
    """Write lines to a file; return the words of a command line that name it."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return [f"data={path.stem}", f"data.path={path}"]


def write_labelled(script: str, folder: Path) -> list[str]:
    rows = map(",".join, zip(*draw_labelled(script), strict=True))
    return write(folder / "text_classification.csv", ["text,label", *rows])


def write_pairs(script: str, folder: Path) -> list[str]:
    rows = map("\t".join, zip(*draw_pairs(script), strict=True))
    return write(folder / "parallel_text.tsv", rows)


def open_data(*words: str) -> Any:
    """Return a data set, with its file read, of which little is unknown."""
    data = build_data(parse(compose(*words)))
    data.setup()
    assert not [note for note in data.provenance.notes if note.startswith(UNKNOWN)]
    return data


def test_twenty_scripts_have_eight_words_each() -> None:
    assert len(SCRIPTS) >= 20
    assert {len(set(words.split())) for _, words in SCRIPTS.values()} == {8}


@pytest.mark.parametrize("kind", CLASSIFICATION_TOKENIZERS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_texts_of_two_classes_have_other_tokens(script: str, kind: str) -> None:
    """Whatever their order; single characters distinguish them in their order."""
    tokenize = CLASSIFICATION_TOKENIZERS[kind].tokenize  # type: ignore[index]
    texts: dict[str, set[Any]] = {"even": set(), "odd": set()}
    for text, label in zip(*draw_labelled(script), strict=True):
        tokens = tokenize(text)
        texts[label].add(tuple(tokens if kind == "characters" else sorted(tokens)))
    assert not texts["even"] & texts["odd"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_texts_that_differ_in_one_letter_have_different_ids(script: str, tmp_path: Path) -> None:
    numbers, texts = draw_sentences(script)
    rows = [f"{text},{sentence[0] % 2}" for sentence, text in zip(numbers, texts, strict=True)]
    data = open_data(*write(tmp_path / "text_classification.csv", ["text,label", *rows]))
    ids = {
        tuple(data.inputs[split].gather(np.array([row]))[0][0].tolist())
        for split in SPLITS
        for row in range(len(data.labels[split]))
    }
    assert len(ids) == sum(data.provenance.sizes.values()) == NUM_LINES


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_text_is_written_as_it_was_read(script: str, tmp_path: Path) -> None:
    _, texts = draw_sentences(script)
    data = open_data(*write(tmp_path / "text_file.txt", texts), "data.batch_size=4")
    tokenizer = data.vocabulary.tokenizer
    written = [data.vocabulary.decode(ids) for ids in data.vocabulary.encode(texts)]
    assert written == [tokenizer.normalize(text) for text in texts]
    assert len(set(written)) == NUM_LINES
    assert not any(data.unknown.values())


@pytest.mark.slow
@pytest.mark.parametrize("tokens", ["bpe", "words"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_perfect_translation_is_an_exact_match(script: str, tokens: str, tmp_path: Path) -> None:
    data = open_data(*write_pairs(script, tmp_path), f"data.tokens={tokens}")
    context = data.evaluation_context("test", np.arange(10))
    ids = data.target_tokens("test", np.arange(10)).tolist()
    references = [data.vocabularies["target"].tokenizer.normalize(t) for t in context["references"]]
    assert [context["detokenize"](sentence) for sentence in ids] == references


def until(metric: float) -> list[str]:
    """End at the first epoch whose monitored metric is as good as this."""
    stop = "callbacks.early_stopping"
    threshold = f"+{stop}.stopping_threshold={metric:.4f}"
    return ["callbacks=early_stopping", f"{stop}.patience=100", threshold]


def train(folder: Path, *words: str, lr: float = 1e-2) -> Any:
    """Return the report of a small run with default settings of the data, but for its batches."""
    limits = ("trainer=cpu", "model=gru", f"optimizer.lr={lr}", "baselines=false")
    return run(compose(*words, *limits, f"output_dir={folder}")).report


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize("script", SCRIPTS)
def test_classes_are_learned(script: str, tmp_path: Path) -> None:
    size = ("model.hidden_size=32", "data.batch_size=16", "trainer.max_epochs=4")
    words = [*write_labelled(script, tmp_path), "data.linear_baseline=false", *size]
    assert train(tmp_path, *words)["scores"]["test/accuracy"] > 0.95


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize("script", SCRIPTS)
def test_translations_are_learned(script: str, tmp_path: Path) -> None:
    """With the setting that the notes name, if there is one."""
    words = write_pairs(script, tmp_path)
    if any(SMALLER_TOKENS in note for note in open_data(*words).provenance.notes):
        words.append(SMALLER_TOKENS)
    size = ("model.hidden_size=64", "data.batch_size=16", "trainer.max_epochs=10")
    exact = ("task.label_smoothing=0", "task.dropout=0", "task.beam_size=1", "scheduler=none")
    scores = train(tmp_path, *words, *size, *exact, *until(1.03), lr=5e-3)["scores"]
    assert scores["test/exact_match"] > 0.9


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_chain_is_learned_down_to_its_entropy(script: str, tmp_path: Path) -> None:
    """Less than the entropy means that the tokens have lost the difference of two words."""
    chain = draw_chain(script)
    words = write(tmp_path / "text_file.txt", chain.lines)
    num_tokens = sum(open_data(*words).provenance.sizes.values()) / len(chain.lines)  # of a line
    perplexity = np.exp(1.15 * chain.entropy / num_tokens)
    size = ("model.hidden_size=48", "data.batch_size=8", "data.seq_len=14", "trainer.max_epochs=7")
    words += [*size, *until(perplexity)]
    report = train(tmp_path, *words, "task.embedding_dropout=0")
    assert 0.95 < report["scores"]["test/loss"] * num_tokens / chain.entropy < 1.25
