"""Words and their spacing; see tests/data/text/test_tokenizers.py for arbitrary texts."""

import gzip
from pathlib import Path

import pytest

from rnnlab.data.text.normalization import compose_characters
from rnnlab.data.text.tokenizers import Words, tokenize_shapes, tokenize_words
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.data.text.words import (
    display_word,
    join_words,
    joins_unspaced_letters,
    split_words,
)
from rnnlab.metrics.translation import bleu_metric, corpus_score


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It isn't, (is it)?", ["It", "isn't", ",", "(", "is", "it", ")", "?"]),
        ("rot-rot", ["rot", "\u203f-\u203f", "rot"]),
        ("rot - rot", ["rot", "-", "rot"]),
        ("3.14, 1,000", ["3", ".\u203f", "14", ",", "1", ",\u203f", "000"]),
        ('say "no".', ["say", '"\u203f', "no", '\u203f"', "."]),
        ("Hello , you", ["Hello", "\u2423,", "you"]),
        ("\u00ab oui \u00bb", ["\u00ab\u2423", "oui", "\u2423\u00bb"]),
        ("dogs' l\u2019eau", ["dogs", "\u203f'", "l\u2019eau"]),
        ("x_y <pad>", ["x", "\u203f_\u203f", "y", "<\u203f", "pad", "\u203f>"]),
        ("the <unk>, a", ["the", "<\u203f", "unk", "\u203f>", ",", "a"]),  # text, not the token
        ("\u4f60\u597d\uff0c\u4e16\u754c", ["\u4f60", "\u597d", "\uff0c", "\u4e16", "\u754c"]),
        ("\u7528Python\u5199", ["\u7528", "Python", "\u5199"]),
        ("\u4f60 \u597d", ["\u4f60", "\u2423\u597d"]),
        ("", []),
    ],
)
def test_tokens_have_marks_only_where_the_spacing_is_unusual(text: str, tokens: list[str]) -> None:
    words = split_words(text)
    assert [display_word(word) for word in words] == tokens
    assert join_words(words) == text


def test_tokens_without_marks_are_joined_by_the_default() -> None:
    assert join_words(["a", "<unk>", ",", "(", "b", ")"]) == "a <unk>, (b)"


@pytest.mark.parametrize(
    "word",
    [
        "\u0939\u093f\u0928\u094d\u0926\u0940",  # Devanagari vowel signs and virama
        "\u0995\u09cd\u09b7\u09c7\u09a4\u09cd\u09b0",  # Bengali
        "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd",  # Tamil
        "\u0643\u064e\u062a\u064e\u0628\u064e",  # Arabic vowel signs
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a non-joiner
        "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",  # Hebrew points
        "\u0436\u0301\u0431",  # a combining accent without a composed form
        "\ud55c\uad6d\uc5b4",  # Hangul
        "\u1275\u121d\u1205\u122d\u1275",  # Ethiopic
        "\u0561\u0580\u0587",  # Armenian
        "\u10e5\u10d0\u10e0\u10d7",  # Georgian
        "\u05e6\u05d4\u05f4\u05dc",  # gershayim of an abbreviation
        "rock'n'roll",
    ],
)
def test_combining_marks_belong_to_their_word(word: str) -> None:
    word = compose_characters(word)  # in the order of the normalization form
    assert split_words(word) == [word]
    assert tokenize_words(word) == [word]
    assert tokenize_shapes(word) == [word]


@pytest.mark.parametrize(
    "emoji",
    [
        "\U0001f600",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family, with joiners
        "\U0001f44d\U0001f3fd",  # a skin tone
        "\u2764\ufe0f",
        "\U0001f1e9\U0001f1ea",  # a flag
    ],
)
def test_an_emoji_with_its_modifiers_is_one_token(emoji: str) -> None:
    assert split_words(f"so {emoji}") == ["so", emoji]
    assert tokenize_words(f"so {emoji}") == ["so", emoji]
    assert tokenize_shapes(f"so {emoji}") == ["so", emoji]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (
            "\u0e01\u0e34\u0e19\u0e19\u0e49\u0e33",
            ["\u0e01\u0e34", "\u0e19", "\u0e19\u0e49", "\u0e33"],
        ),
        ("\u65e5\u672c\u306e\u30ab\u30fc", ["\u65e5", "\u672c", "\u306e", "\u30ab", "\u30fc"]),
        (
            "\u1780\u17d2\u1798\u17c2\u179a",
            ["\u1780\u17d2\u1798\u17c2", "\u179a"],
        ),  # Khmer, stacked
    ],
)
def test_scripts_without_spaces_are_split_into_letters(text: str, tokens: list[str]) -> None:
    assert split_words(text) == tokens
    assert tokenize_words(text) == tokens
    assert tokenize_shapes(text) == tokens
    assert joins_unspaced_letters(text)
    assert not any(map(joins_unspaced_letters, tokens))


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "de", "fr", "cs"])
def test_the_tokens_of_a_reference_have_the_best_bleu(language: str, shared_data: Path) -> None:
    """The ceiling of a translation into words."""
    files = sorted((shared_data / "multi30k").glob(f"test_*.{language}.gz"))
    references = [
        line for file in files for line in gzip.decompress(file.read_bytes()).decode().splitlines()
    ]
    vocabulary = Vocabulary.fit(references, 100_000, Words())
    written = [vocabulary.decode(ids) for ids in vocabulary.encode(references)]
    bleu = corpus_score(bleu_metric(references, language), written, references)
    assert bleu == pytest.approx(100.0)
