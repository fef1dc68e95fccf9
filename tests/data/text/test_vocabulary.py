import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnnlab.data.text.ragged import RaggedArray
from rnnlab.data.text.tokenizers import (
    NO_TOKEN,
    PAD_TOKEN,
    SPECIALS,
    UNKNOWN_TOKEN,
    BytePairs,
    Characters,
    FoldedWords,
    Tokenizer,
    Words,
)
from rnnlab.data.text.vocabulary import Vocabulary, encode_splits
from rnnlab.errors import DataError
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID

LINES = [
    "the cat sat, on the mat.",
    "The dog (a \u201cgood\u201d one) isn't here!",
    "caf\u00e9 \U0001f600",
]
VOCABULARIES = [
    Vocabulary.fit(LINES, 50, Words()),
    Vocabulary.fit(LINES, 50, Characters()),
    BPE := Vocabulary.fit(LINES, 300, BytePairs()),
]


def rows_of(ragged: RaggedArray) -> list[list[int]]:
    return [part.tolist() for part in np.split(ragged.values, ragged.offsets[1:-1])]


def test_frequent_words_come_first_and_the_rest_is_unknown() -> None:
    words = Vocabulary.fit(["b b a a a c", "a <unk>"], len(SPECIALS) + 2, Words(spaces=True))
    assert words.tokens == [*SPECIALS, "a", "b"]
    assert words.encode(["a b c <unk>"]) == [[4, 5, UNKNOWN_ID, UNKNOWN_ID]]


def test_decoding_stops_at_the_end_token() -> None:
    words = Vocabulary.fit(["a b"], 10, Words())
    assert words.decode([START_ID, 4, PADDING_ID, 5, END_ID, 4]) == "a b"


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_a_saved_vocabulary_is_restored(vocabulary: Vocabulary, tmp_path: Path) -> None:
    vocabulary.save(tmp_path / "vocabulary.json")
    restored = Vocabulary.load(tmp_path / "vocabulary.json")
    assert restored.tokens == vocabulary.tokens
    assert restored.encode(LINES) == vocabulary.encode(LINES)
    assert [restored.decode(ids) for ids in restored.encode(LINES)] == LINES


@given(st.text())
@example("a <eos> <pad> <unk> b")
def test_bpe_restores_every_text(text: str) -> None:
    (ids,) = BPE.encode([text])
    assert BPE.decode(ids) == unicodedata.normalize("NFC", text)


def test_special_tokens_have_the_same_ids_in_every_vocabulary() -> None:
    for vocabulary in VOCABULARIES:
        assert tuple(vocabulary.tokens[:4]) == SPECIALS
        assert len(vocabulary) == len(vocabulary.tokens)


def test_words_are_converted_to_lower_case() -> None:
    assert Vocabulary.fit(["The the"], 9, Words(lower=True)).tokens[4:] == ["the"]


def test_a_text_without_a_token_is_refused() -> None:
    with pytest.raises(DataError, match="contains no tokens"):
        Vocabulary.fit(["  ", ""], 10, Words())


def test_a_file_of_an_older_version_is_refused(tmp_path: Path) -> None:
    old = {"kind": "words", "state": {"pieces": [*SPECIALS, "a"], "spaces": True, "lower": False}}
    (tmp_path / "vocabulary.json").write_text(json.dumps(old))
    with pytest.raises(DataError, match=r"older version of rnnlab; train again"):
        Vocabulary.load(tmp_path / "vocabulary.json")


def test_the_end_token_replaces_a_line_break_that_is_no_token() -> None:
    words = Vocabulary([*SPECIALS, "the"], Words())
    assert words.encode_lines(["the\n", "\n", "the"]) == [4, END_ID, END_ID, 4]
    characters = Vocabulary([*SPECIALS, "a", "\n"], Characters())
    assert characters.encode_lines(["a\n", "a"]) == [4, 5, 4]


# Classification.


def number(
    texts: dict[str, list[str]],
    tokenizer: Tokenizer = FoldedWords(),  # noqa: B008
    report: Callable[[], None] | None = None,
) -> tuple[dict[str, RaggedArray], list[str]]:
    """The ids of each split, and the tokens after the special ones."""
    with TemporaryDirectory() as folder:
        vocabulary = encode_splits(texts, tokenizer, Path(folder), report)
        splits = {split: RaggedArray.load(Path(folder), split) for split in texts}
    assert vocabulary.tokens[:2] == [PAD_TOKEN, UNKNOWN_TOKEN]
    return splits, vocabulary.tokens[2:]


def test_words_are_numbered_by_their_frequency_in_training_and_ties_by_the_alphabet() -> None:
    splits, words = number(
        {
            "val": ["zebra zebra zebra zebra cat"],  # not counted, although it is read first
            "train": ["dog cat", "dog bee", "dog cat", "ant"],
            "test": ["ant bee unseen"],
        }
    )
    assert words == ["dog", "cat", "ant", "bee"]
    assert rows_of(splits["train"]) == [[2, 3], [2, 5], [2, 3], [4]]
    assert rows_of(splits["val"]) == [[UNKNOWN_ID] * 4 + [3]]
    assert rows_of(splits["test"]) == [[4, 5, UNKNOWN_ID]]


def test_a_text_without_words_has_one_token() -> None:
    splits, words = number({"train": ["word word", "..."], "val": ["", "?"]})
    assert words == ["word", NO_TOKEN]
    assert rows_of(splits["train"]) == [[2, 2], [3]]
    assert rows_of(splits["val"]) == [[3], [UNKNOWN_ID]]


def test_every_text_is_reported() -> None:
    seen: list[int] = []
    number({"train": ["a", "b"], "test": ["c"]}, report=lambda: seen.append(1))
    assert len(seen) == 3


def test_a_split_without_texts_stays_empty() -> None:
    splits, _ = number({"train": ["a"], "val": []})
    assert splits["val"].lengths.tolist() == []


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1), min_size=1, max_size=8))
def test_ids_read_back_as_the_words_of_the_text(texts: list[list[str]]) -> None:
    splits, words = number({"train": [" ".join(text) for text in texts]})
    assert [[words[i - 2] for i in row] for row in rows_of(splits["train"])] == texts
    counts = [sum(text.count(word) for text in texts) for word in words]
    assert list(zip([-c for c in counts], words, strict=True)) == sorted(
        zip([-c for c in counts], words, strict=True)
    )


def test_other_tokens_can_be_numbered() -> None:
    splits, words = number({"train": ["ab\n", "a"], "val": ["c"]}, tokenizer=Characters())
    assert words == ["a", "\n", "b"]
    assert rows_of(splits["train"]) == [[2, 4, 3], [2]]
    assert rows_of(splits["val"]) == [[UNKNOWN_ID]]
