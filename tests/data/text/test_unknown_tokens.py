"""Notes on texts that the tokens do not fit: what is told, and which setting is named."""

import numpy as np
import pytest

from rnnlab.data.text.tokenizers import NO_TOKEN
from rnnlab.data.text.unknown_tokens import (
    TokenSettings,
    describe_rare_byte_pairs,
    describe_unknown_tokens,
    unknown_share,
)

WORDS = TokenSettings("words", ("characters", "bpe"), 1_000)
SHARES = {"train": 0.0, "val": 0.5, "test": 0.25}


@pytest.mark.parametrize(
    "text",
    ["你好世界", "こんにちは", "สวัสดี", "สະບາຍດີ", "សួស្តី", "မင်္ဂလာပါ"],
)
def test_a_text_that_is_split_at_its_few_spaces_is_told(text: str) -> None:
    (note,) = describe_unknown_tokens(SHARES, [text], WORDS)
    assert note == (
        "<unk> replaces 50.0% of the tokens of val and 25.0% of the tokens of test: the text is "
        "written without spaces between words; set data.spaces=false"
    )


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "\u0939\u093f\u0928\u094d\u0926\u0940",
        "\uc548\ub155",
        "\u0645\u0631\u062d\u0628\u0627",
        "\U0001f600",
    ],
)
def test_scripts_with_spaces_are_not_taken_for_others(text: str) -> None:
    (note,) = describe_unknown_tokens(SHARES, [text], WORDS)
    assert note.endswith(
        "training does not have these words; set data.tokens=characters or data.tokens=bpe"
    )


def test_a_vocabulary_that_is_too_small_is_named() -> None:
    (note,) = describe_unknown_tokens(SHARES, ["a"] * 1_000, WORDS)
    assert note.endswith(
        "raise data.vocab_size (now 1000), or set data.tokens=characters or data.tokens=bpe"
    )
    small = TokenSettings("words", ("characters", "bpe"), 100)  # too few for BPE
    (note,) = describe_unknown_tokens(SHARES, ["a"] * 900, small)
    assert note.endswith("set data.vocab_size=900, or set data.tokens=characters")
    sides = TokenSettings("characters", (), 100, "data.target_vocab_size")
    (note,) = describe_unknown_tokens({"val": 0.2}, ["a"] * 100, sides, "target tokens")
    assert note == (
        "<unk> replaces 20.0% of the target tokens of val: raise data.target_vocab_size (now 100)"
    )


def test_few_unknown_tokens_are_no_note() -> None:
    assert describe_unknown_tokens({"train": 0.3, "val": 0.1, "test": 0.09}, ["a"], WORDS) == []


def test_what_is_counted_as_unknown() -> None:
    tokens = ["<pad>", "<unk>", "a", NO_TOKEN, "b", "c"]
    ids = np.array([2, 2, 1, 3, 4, 5, 5, 2])
    assert unknown_share(ids, tokens, vocab_size=6) == 2 / 8
    assert unknown_share(ids, tokens, vocab_size=5) == 4 / 8
    assert unknown_share(ids[:0], tokens, vocab_size=5) == 0


def test_byte_pairs_that_training_does_not_have_are_unknown() -> None:
    ids, tokens = np.array([4, 4, 5, 6]), ["<pad>", "<unk>", "<s>", "<eos>", "a", "ab", "abc"]
    assert unknown_share(ids, tokens) == 0
    assert unknown_share(ids, tokens, training_ids=np.array([4, 5])) == 1 / 4
    settings = TokenSettings("bpe", (), 8_000)
    (note,) = describe_unknown_tokens({"val": 0.25}, tokens, settings, "source tokens")
    assert note == (
        "training does not have 25.0% of the source tokens of val: lower data.vocab_size (now "
        "8000), or set data.tokens=words"
    )


BYTE_PAIRS = TokenSettings("bpe", (), 8_000)


def test_byte_pairs_of_several_letters_that_are_rare_are_told() -> None:
    tokens = ["\u4f60", "\u4f60\u597d", "\u4e16\u754c", "\u5929\u6c14"]
    rare = np.repeat([0, 1, 2], [10, 25, 8])
    (note,) = describe_rare_byte_pairs(rare, tokens, BYTE_PAIRS, "source tokens")
    assert "source tokens of several letters occur 16.5 times in training on average" in note
    assert note.endswith("set data.tokens=words for single letters")
    frequent = np.repeat([0, 1, 2], [10, 25, 18])
    assert not describe_rare_byte_pairs(frequent, tokens, BYTE_PAIRS)
    assert not describe_rare_byte_pairs(rare, tokens, WORDS)
    few = np.repeat([0, 1], [100, 2])  # most of the text is of another script
    assert not describe_rare_byte_pairs(few, tokens, BYTE_PAIRS)
    assert not describe_rare_byte_pairs(rare, ["a", "the", "cat", "dog"], BYTE_PAIRS)
