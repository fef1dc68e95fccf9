import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnnlab.data.text.tokenizers import (
    CAPITALS,
    MAX_MERGED_BYTES,
    MAX_NUMBER_LENGTH,
    NO_TOKEN,
    SPECIALS,
    TOKENIZER_TYPES,
    BytePairs,
    Characters,
    FoldedWords,
    Shapes,
    Tokenizer,
    Words,
    build_tokenizer,
    count_frequencies,
    tokenize_shapes,
    tokenize_words,
)
from rnnlab.data.text.vocabulary import MIN_VOCAB_SIZES, Vocabulary
from rnnlab.spec import END_ID, PADDING_ID, START_ID


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
        ("\u6620\u753b 10/10", ["\u6620", "\u753b", "10", "10"]),  # no spaces between words
        ("snake_case __init__", ["snake", "case", "init"]),
        ("fun \U0001f600\U0001f3ac!", ["fun", "\U0001f600", "\U0001f3ac", "!"]),
        ("\u00a9 1\u20ac", ["1"]),  # symbols are left out
        ("\u0130STANBUL I\u0307stanbul", ["istanbul", "istanbul"]),
        ("well-made\tfilm\r\nagain\u00a0now", ["well", "made", "film", "again", "now"]),
        ("", []),
        ("... ---", []),
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
        ("\u0416\u0301 \u0416\u0416\u0301", ["\u0436\u0301", CAPITALS, "\u0436\u0436\u0301"]),
        (
            "\u0939\u093f\u0928\u094d\u0926\u0940\u0964",
            ["\u0939\u093f\u0928\u094d\u0926\u0940", "\u0964"],
        ),
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


@given(st.text(st.characters(codec="ascii")))
def test_ascii_texts_have_the_words_of_the_pattern_for_all_scripts(text: str) -> None:
    assert tokenize_words(f"{text} \u00e9") == [*tokenize_words(text), "\u00e9"]


# Characters of every kind, and of those that tokenizers treat in a special way.
CHARACTERS = st.one_of(
    st.characters(),
    st.sampled_from(
        list(
            "aAb1'-.,!?([{\")]}\\<>_/ \t\n\u00a0\u200a\u2019\u201c\u201d\u00ab\u200b\u200c\u200d"
            "\u0301\u0308\u0600\u0915\u094d\u093f\u05d0\u05b8\u0628\u064e\u0e01\u0e33\u0e48"
            "\u4e2d\u3042\u30a2\u30fc\u3002\uff01\uff21\uac00\u0130\u03a3\ud800\x00\x1c"
            "\U0001f600\U0001f44d\U0001f3fd\ufe0f\u20e3\U0001f1e9\U0001f1ea"
        )
    ),
)
PARTS = st.sampled_from(
    ["<unk>", "<pad>", "<s>", "<eos>", "<none>", "\\<s>", "a", "-", ",", "\u4e2d", " ", "\n"]
)
TEXTS = st.text(CHARACTERS) | st.lists(PARTS).map("".join)
BPE_MODELS = {lower: Vocabulary.fit(["the cat"], 300, BytePairs(lower)) for lower in (False, True)}


def fit_on(tokenizer: Tokenizer, text: str) -> Vocabulary:
    """Return a vocabulary that contains every token of a text."""
    if isinstance(tokenizer, BytePairs):
        return BPE_MODELS[tokenizer.lower]
    return Vocabulary.fit([text, "a"], 10_000, tokenizer)


def check_restoration(tokenizer: Tokenizer, text: str) -> None:
    normal = tokenizer.normalize(text)
    assert tokenizer.normalize(normal) == normal
    vocabulary = fit_on(tokenizer, text)
    (ids,) = vocabulary.encode([text])
    assert vocabulary.decode(ids) == normal
    assert not {PADDING_ID, START_ID, END_ID}.intersection(ids)


RESTORED = [
    Words(),
    Words(lower=True),
    Words(spaces=True),
    Words(lower=True, spaces=True),
    Characters(),
    Characters(lower=True),
    BytePairs(),
    BytePairs(lower=True),
]


@pytest.mark.parametrize("tokenizer", RESTORED, ids=lambda t: f"{t.name}-{t.lower}")
@settings(max_examples=40)
@given(text=TEXTS)
@example("a <eos> <pad> <s> <none> <unk> b")
def test_ids_are_joined_to_the_normalized_text(tokenizer: Tokenizer, text: str) -> None:
    check_restoration(tokenizer, text)


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", RESTORED, ids=lambda t: f"{t.name}-{t.lower}")
@settings(max_examples=700)
@given(text=TEXTS)
def test_ids_of_many_texts_are_joined_to_the_normalized_text(
    tokenizer: Tokenizer, text: str
) -> None:
    check_restoration(tokenizer, text)


def test_special_tokens_in_a_text_are_words() -> None:
    text = "<s> the <pad> \\<eos> <unk> </s> <PAD>"
    words = Words(lower=True, spaces=True)
    tokens = words.tokenize(text)
    assert tokens == ["\\<s>", "the", "\\<pad>", "\\\\<eos>", "<unk>", "</s>", "\\<pad>"]
    assert words.join(tokens) == words.normalize(text)
    for tokenizer in (Words(), Characters(), FoldedWords(), Shapes()):
        reserved = {*SPECIALS, NO_TOKEN, CAPITALS}
        assert not reserved.intersection(tokenizer.tokenize(f"{text.lower()} <none> <capitals>"))


@pytest.mark.parametrize("name", TOKENIZER_TYPES)
def test_composed_and_decomposed_texts_have_the_same_tokens(name: str) -> None:
    text = "caf\u00e9 \u00c5ngstr\u00f6m \ud55c\uad6d\uc5b4 \u1ec7"
    decomposed = unicodedata.normalize("NFD", text)
    assert decomposed != text
    tokenizer = TOKENIZER_TYPES[name]()
    tokenizer.fit([text], 300)
    assert tokenizer.tokenize(decomposed) == tokenizer.tokenize(text)


def test_byte_pairs_of_a_text_without_spaces_have_a_limited_length() -> None:
    """Each merge scans whole words: without the limit this text takes hundreds of times longer."""
    vocabulary = Vocabulary.fit(["ab" * 5_000], 300, BytePairs())
    assert max(map(len, vocabulary.tokens)) == MAX_MERGED_BYTES


def test_byte_pairs_are_learned_from_a_text_without_spaces() -> None:
    rng = np.random.default_rng(0)
    words = ["".join(map(chr, 0x4E00 + rng.integers(0, 500, 2))) for _ in range(2_000)]
    text = "".join(rng.choice(words, 40_000))
    vocabulary = Vocabulary.fit([text], 2_500, BytePairs())
    (ids,) = vocabulary.encode([text])
    assert vocabulary.decode(ids) == text
    assert len(ids) < 0.8 * len(text)  # characters are merged to words


def test_byte_pairs_keep_combining_marks_in_their_word() -> None:
    words = [
        "\u0939\u093f\u0928\u094d\u0926\u0940",
        "\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd",
        "\u0645\u06cc\u200c\u0631\u0648\u0645",
    ]
    text = " ".join(words)
    tokenizer = BytePairs()
    tokenizer.fit([text] * 2, 1_000)
    tokens = [tokenizer.display(token).strip() for token in tokenizer.tokenize(text)]
    assert tokens == words


def test_byte_pairs_that_occur_once_are_not_merged() -> None:
    smallest = MIN_VOCAB_SIZES["bpe"]
    assert len(BytePairs().fit(["abcdef", "ghijkl"], 1_000)) == smallest
    assert len(BytePairs().fit(["abcdef", "abcdef"], 1_000)) == smallest + 5


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
    vocabulary = Vocabulary.fit(texts * 2, 270, tokenizer)
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


def test_a_part_of_a_character_is_shown_by_its_bytes() -> None:
    tokenizer = BytePairs()
    tokenizer.fit(["abc"], 300)  # too few merges for a whole euro sign
    shown = [tokenizer.display(token) for token in tokenizer.split("a\u20ac b")]
    assert shown == ["a", r"\xe2", r"\x82", r"\xac", " ", "b"]
    assert tokenizer.display("\u0120abc") == " abc"
