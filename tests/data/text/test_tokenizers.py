from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.text.tokenizers import (
    CAPITALS,
    MAX_NUMBER_LENGTH,
    SPECIALS,
    TOKENIZER_TYPES,
    BytePairs,
    Characters,
    Words,
    build_tokenizer,
    count_frequencies,
    tokenize_shapes,
    tokenize_words,
)
from rnnlab.data.text.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A GREAT film.", ["a", "great", "film"]),
        ("isn't rock'n'roll", ["isn't", "rock'n'roll"]),
        ("isn\u2019t", ["isn't"]),  # one word, whichever apostrophe
        ("cafe\u0301 nai\u0308f", ["caf\u00e9", "na\u00eff"]),  # decomposed accents
        ("'quoted' dogs'", ["quoted", "dogs"]),
        ("good?!", ["good", "?", "!"]),
        ("one<br>two<br/>three<BR />four", ["one", "two", "three", "four"]),
        ("<b>bold</b>", ["b", "bold", "b"]),
        (
            "Stra\u00dfe, CAF\u00c9, \u0421\u043b\u043e\u0432\u043e",
            ["stra\u00dfe", "caf\u00e9", "\u0441\u043b\u043e\u0432\u043e"],
        ),
        ("\u6620\u753b 10/10", ["\u6620\u753b", "10", "10"]),
        ("snake_case __init__", ["snake", "case", "init"]),
        ("fun \U0001f600\U0001f3ac!", ["fun", "!"]),
        ("well-made\tfilm\r\nagain\u00a0now", ["well", "made", "film", "again", "now"]),
        ("", []),
        ("... --- \U0001f600", []),
    ],
)
def test_tokenize_words(text: str, words: list[str]) -> None:
    assert tokenize_words(text) == words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("FREE entry", [CAPITALS, "free", "entry"]),
        ("I am A.B", ["i", "am", "a", ".", "b"]),  # one letter is no word in capitals
        ("win \u00a31000 or 50p", ["win", "\u00a3", "0000", "or", "50", "p"]),
        ("x" + "9" * 40, ["x", "0" * MAX_NUMBER_LENGTH]),
        ("isn\u2019t :-)", ["isn't", ":", "-", ")"]),
        ("a_b \U0001f600", ["a", "_", "b", "\U0001f600"]),
        ("", []),
    ],
)
def test_tokenize_shapes(text: str, tokens: list[str]) -> None:
    assert tokenize_shapes(text) == tokens


def test_rare_tokens_are_dropped_when_too_many_are_counted() -> None:
    texts = ["a a a", "b b", "c"]
    assert count_frequencies(texts, str.split, max_tokens=2) == Counter(a=3, b=2)
    assert count_frequencies([*texts, "d"], str.split, max_tokens=2) == Counter(a=3)
    assert count_frequencies(["a a", "b b", "c c", "d d d"], str.split, max_tokens=3) == Counter(
        d=3
    )


@given(st.text(st.characters(codec="utf-8", exclude_characters="\u0130")))
def test_characters_are_joined_to_the_same_text(text: str) -> None:
    assert Characters().join(Characters().tokenize(text)) == text
    assert Characters(lower=True).tokenize(text) == list(text.lower())


def test_words_at_spaces_keep_marks_and_join_with_spaces() -> None:
    tokens = Words(spaces=True).tokenize(" the <unk> of N .")
    assert tokens == ["the", "<unk>", "of", "N", "."]
    assert Words(spaces=True).join(tokens) == "the <unk> of N ."
    assert Words().join(tokens) == "the <unk> of N."


@pytest.mark.parametrize("name", TOKENIZER_TYPES)
def test_every_tokenizer_is_restored_from_a_vocabulary_file(name: str, tmp_path: Path) -> None:
    texts = ["The cat (in) a HAT, 1234!", "a second text\n"]
    vocabulary = Vocabulary.fit(texts, 300, TOKENIZER_TYPES[name]())
    vocabulary.save(tmp_path / "vocabulary.json")
    restored = Vocabulary.load(tmp_path / "vocabulary.json")
    assert restored.tokenizer.name == name
    assert restored.tokenizer.state() == vocabulary.tokenizer.state()
    assert restored.tokens == vocabulary.tokens
    assert restored.encode(texts) == vocabulary.encode(texts)


def test_byte_pairs_have_the_ids_of_their_model() -> None:
    """The vocabulary looks tokens up; the library's own ids are the same."""
    texts = ["the cat sat", "the hat \u00e9\U0001f600 <unk> <eos>"]
    tokenizer = BytePairs(lower=True)
    vocabulary = Vocabulary.fit(texts, 270, tokenizer)
    assert len(vocabulary) == 270
    assert vocabulary.tokens[: len(SPECIALS)] == list(SPECIALS)
    encodings = tokenizer._model.encode_batch(texts)
    assert vocabulary.encode(texts) == [encoding.ids for encoding in encodings]
    for encoding in encodings:
        decoded = tokenizer._model.decode(encoding.ids, skip_special_tokens=True)
        assert vocabulary.decode(encoding.ids) == decoded


@pytest.mark.parametrize("kind", ["words", "characters", "bpe"])
def test_a_tokenizer_is_built_by_its_kind(kind: str) -> None:
    tokenizer = build_tokenizer(kind, lower=True)  # type: ignore[arg-type]
    assert tokenizer.name == kind
    assert tokenizer.lower  # type: ignore[attr-defined]
