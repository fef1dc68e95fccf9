"""The linear text classifier: what it counts, what it learns from, and an explicit reference."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rnnlab.data.baselines.linear import (
    NGRAM_LENGTHS,
    explain_missing_baseline,
    find_ngrams,
    linear_probabilities,
)
from rnnlab.data.text.ragged import RaggedArray
from rnnlab.data.text.tokenizers import (
    CLASSIFICATION_TOKENIZERS,
    NO_TOKEN,
    TextTokens,
    tokenize_words,
)
from rnnlab.data.text.vocabulary import encode_splits

WORDS = [f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(60)]
TEXTS = {
    "train": [
        "Good film, GOOD plot!",
        "a good plot",
        "bad film",
        "bad, bad plot: a film",
        "fine film",
        "",
        "a fine bad film",
        "good good",
    ],
    "test": ["good film", "a novel bad film", "film bad", "", "plot novel good!", "fine fine"],
}


Encoded = tuple[dict[str, RaggedArray], list[str]]


def encode(texts: Mapping[str, Sequence[str]], tokens: TextTokens = "words") -> Encoded:
    """The ids of each split and their tokens, as a data set prepares them."""
    with TemporaryDirectory() as folder:
        vocabulary = encode_splits(texts, CLASSIFICATION_TOKENIZERS[tokens], Path(folder))
        return {split: RaggedArray.load(Path(folder), split) for split in texts}, vocabulary.tokens


def ngrams(text: str) -> set[str]:
    """The words of a text, and its pairs of neighbouring words."""
    words = tokenize_words(text) or ["<none>"]
    return {*words, *(f"{a} {b}" for a, b in pairwise(words))}


def reference(labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """NB-SVM on dense matrices: probability of one class against the rest, (6,)."""
    from sklearn.linear_model import LogisticRegression

    vocabulary = sorted(set().union(*map(ngrams, TEXTS["train"])))
    train, test = (
        np.array([[float(ngram in ngrams(text)) for ngram in vocabulary] for text in texts])
        for texts in TEXTS.values()
    )
    inside, outside = train[labels].sum(axis=0) + 1, train[~labels].sum(axis=0) + 1
    ratio = np.log((inside / inside.sum()) / (outside / outside.sum()))
    model = LogisticRegression(C=1.0, solver="liblinear", random_state=0)
    probabilities: NDArray[np.float64] = model.fit(train * ratio, labels).predict_proba(
        test * ratio
    )
    return probabilities[:, 1]


def test_predictions_of_two_classes_equal_the_reference() -> None:
    labels = np.array([1, 1, 0, 0, 1, 0, 0, 1])
    ours = linear_probabilities(*encode(TEXTS), labels, 2)["test"]
    second = reference(labels == 1)
    assert ours == pytest.approx(np.stack([1 - second, second], axis=1), abs=1e-6)
    assert np.ptp(second) > 0.3, "the texts are told apart, so that the comparison says something"


def test_predictions_of_four_classes_equal_the_reference() -> None:
    labels = np.array([1, 1, 0, 0, 2, 2, 0, 1])  # nobody has class 3
    scores = np.stack([*(reference(labels == number) for number in range(3)), np.full(6, 1e-12)], 1)
    ours = linear_probabilities(*encode(TEXTS), labels, 4)["test"]
    assert ours == pytest.approx(scores / scores.sum(axis=1, keepdims=True), abs=1e-6)


def test_the_linear_model_learns_from_training_alone() -> None:
    train = [f"{'good' if i % 2 else 'bad'} film {WORDS[i]}" for i in range(40)]
    labels = np.arange(40) % 2
    held_out = {"val": ["good", "novel"], "test": ["bad film", "novel", "..."]}
    ours = linear_probabilities(*encode({"train": train, **held_out}), labels, 2)
    assert ours["val"][0].argmax() == 1
    assert ours["test"][0].argmax() == 0
    assert ours["val"].sum(axis=1) == pytest.approx(1)
    assert ours["val"][1] == pytest.approx(ours["test"][2]), "a word that only val has weighs"
    others = {"val": ["good"], "test": ["novel bad"] * 30}
    again = linear_probabilities(*encode({"train": train, **others}), labels, 2)
    assert again["val"][0] == pytest.approx(ours["val"][0], abs=1e-12)


def test_the_linear_model_of_three_classes() -> None:
    words = ["red", "green", "blue"]
    train = [f"{words[i % 3]} {WORDS[i]}" for i in range(60)]
    ours = linear_probabilities(*encode({"train": train, "test": words}), np.arange(60) % 3, 3)
    assert ours["test"].argmax(axis=1).tolist() == [0, 1, 2]
    assert ours["test"].sum(axis=1) == pytest.approx(1)


def test_the_linear_model_reads_characters_where_the_network_does() -> None:
    """Texts without spaces are one word each, which no other text has."""
    kinds = ["good", "bad"]
    train = [f"{WORDS[i]}{kinds[i % 2]}{WORDS[-i - 1]}" for i in range(50)]
    test = [f"{WORDS[55]}{kind}{WORDS[57]}" for kind in kinds]
    texts, labels = {"train": train, "test": test}, np.arange(50) % 2
    characters = linear_probabilities(*encode(texts, "characters"), labels, 2, "characters")["test"]
    assert characters.argmax(axis=1).tolist() == [0, 1]
    words = linear_probabilities(*encode(texts), labels, 2, "words")["test"]
    assert words[0] == pytest.approx(words[1]), "unknown words say nothing"


def test_the_linear_model_of_many_classes() -> None:
    shares = list[float]()
    train = [f"{WORDS[i % 60]} {WORDS[i // 60]}" for i in range(240)]
    texts = {"train": train, "test": WORDS}
    labels = np.arange(240) % 60
    ours = linear_probabilities(*encode(texts), labels, 60, report=shares.append)["test"]
    assert (ours.argmax(axis=1) == np.arange(60)).mean() > 0.9
    assert shares == pytest.approx(np.arange(1, 61) / 60)


@pytest.mark.parametrize(
    ("classes", "megabytes", "tokens", "reason"),
    [
        (2, 79, "words", ""),
        (2, 81, "words", "81 MB of text are more than 80 MB"),
        (2, 9, "characters", "9 MB of text are more than 8 MB"),
        (151, 2, "words", ""),
        (1000, 3, "words", ""),
        (1000, 5, "words", "1,000 classes take too long with 5 MB of text"),
    ],
)
def test_the_reason_for_no_linear_model(
    classes: int, megabytes: int, tokens: Any, reason: str
) -> None:
    assert explain_missing_baseline(classes, megabytes * 1_000_000, tokens) == reason


@pytest.mark.parametrize("tokens", ["words", "shapes", "characters"])
def test_ngrams_are_the_columns_of_scikit_learn(tokens: TextTokens) -> None:
    """The same sets in the same order, so that sums of a fit are equal in the last bit."""
    from sklearn.feature_extraction.text import CountVectorizer

    texts = {**TEXTS, "val": ["good\tfilm\nZED", "zed zed", "a \U0001f600 b, c!", "1234 WINNER"]}
    tokenize = CLASSIFICATION_TOKENIZERS[tokens].tokenize
    vectorizer = CountVectorizer(
        tokenizer=lambda text: tokenize(text) or [NO_TOKEN],
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, NGRAM_LENGTHS[tokens]),
        binary=True,
    ).fit(texts["train"])
    sets = find_ngrams(*encode(texts, tokens), NGRAM_LENGTHS[tokens])
    for split, members in texts.items():
        ours = sets[split].weigh(np.ones(sets[split].num_ngrams)).toarray()
        assert np.array_equal(ours, vectorizer.transform(members).toarray()), split


def test_the_ngrams_of_a_large_alphabet_are_shorter() -> None:
    alphabet = ["<pad>", "<unk>", *map(chr, range(0x4E00, 0x4E00 + 56_000))]
    values = np.array([2, 50_000, 54_999, 7, 2], dtype=np.int32)
    texts = {"train": RaggedArray(values, np.array([0, 5]))}
    assert find_ngrams(texts, alphabet, 4)["train"].num_ngrams == 4 + 4 + 3, "no four of them"
    assert find_ngrams(texts, alphabet[:55_000], 4)["train"].num_ngrams == 4 + 4 + 3 + 2
