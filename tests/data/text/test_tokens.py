import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.data.text.tokens import (
    CAPITALS,
    LONGEST_NUMBER,
    NO_WORD,
    SPECIAL,
    Padded,
    Ragged,
    Reading,
    index_tokens,
    keep_frequent,
    tokenize,
    tokenize_shapes,
)
from rnnlab.spec import PADDING_ID, UNKNOWN_ID

some_sequences = st.lists(st.lists(st.integers(2, 99), min_size=1, max_size=12), min_size=1)


def ragged(sequences):
    values = [value for sequence in sequences for value in sequence]
    offsets = np.cumsum([0, *map(len, sequences)])
    return Ragged(np.array(values, dtype=np.int32), offsets)


def rows_of(ragged):
    return [part.tolist() for part in np.split(ragged.values, ragged.offsets[1:-1])]


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
def test_tokenize(text, words):
    assert tokenize(text) == words


def test_words_are_numbered_by_their_frequency_in_training_and_ties_by_the_alphabet():
    splits, words = index_tokens(
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


def test_a_text_without_words_has_one_token():
    splits, words = index_tokens({"train": ["word word", "..."], "val": ["", "?"]})
    assert words == ["word", NO_WORD]
    assert rows_of(splits["train"]) == [[2, 2], [3]]
    assert rows_of(splits["val"]) == [[3], [UNKNOWN_ID]]


def test_every_text_is_reported():
    seen = []
    index_tokens({"train": ["a", "b"], "test": ["c"]}, lambda: seen.append(1))
    assert len(seen) == 3


def test_a_split_without_texts_stays_empty():
    splits, _ = index_tokens({"train": ["a"], "val": []})
    assert splits["val"].lengths.tolist() == []


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1), min_size=1, max_size=8))
@settings(deadline=None)
def test_ids_read_back_as_the_words_of_the_text(texts):
    splits, words = index_tokens({"train": [" ".join(text) for text in texts]})
    assert [[words[i - SPECIAL] for i in row] for row in rows_of(splits["train"])] == texts
    counts = [sum(text.count(word) for text in texts) for word in words]
    assert list(zip([-c for c in counts], words, strict=True)) == sorted(
        zip([-c for c in counts], words, strict=True)
    )


def test_keep_frequent_reads_rare_words_as_unknown():
    ids = np.array([[2, 3, 4], [5, 1, PADDING_ID]], dtype=np.int32)
    kept = keep_frequent(ids, vocab_size=4)
    assert kept.tolist() == [[2, 3, UNKNOWN_ID], [UNKNOWN_ID, 1, PADDING_ID]]
    assert kept.dtype == np.int32
    assert ids.tolist() == [[2, 3, 4], [5, 1, PADDING_ID]]
    assert keep_frequent(ids, vocab_size=6).tolist() == ids.tolist()


@given(
    sequences=some_sequences,
    seq_len=st.integers(1, 15),
    head_fraction=st.floats(0, 1),
    data=st.data(),
)
@settings(deadline=None)
def test_gather_equals_plain_python(sequences, seq_len, head_fraction, data):
    rows = data.draw(st.lists(st.integers(0, len(sequences) - 1), min_size=1, max_size=6))
    values, lengths = ragged(sequences).gather(np.array(rows), seq_len, head_fraction)

    head = int(seq_len * head_fraction)
    expected = []
    for row in rows:
        whole = sequences[row]
        tail = seq_len - head
        cut = whole[:head] + (whole[-tail:] if tail else [])
        expected.append(whole if len(whole) <= seq_len else cut)
    longest = max(map(len, expected))
    padded = [row + [PADDING_ID] * (longest - len(row)) for row in expected]
    assert lengths.tolist() == [len(row) for row in expected]
    assert values.tolist() == padded
    assert values.dtype == np.int32


def test_gather_cuts_out_the_middle():
    values, lengths = ragged([list(range(10, 20)), [7]]).gather(np.array([1, 0]), 4, 0.25)
    assert values.tolist() == [[7, 0, 0, 0], [10, 17, 18, 19]]
    assert lengths.tolist() == [1, 4]


@given(sequences=some_sequences)
@settings(deadline=None, max_examples=20)
def test_what_was_saved_is_loaded(tmp_path_factory, sequences):
    folder = tmp_path_factory.mktemp("ragged")
    whole = ragged(sequences)
    whole.save(folder, "train")
    loaded = Ragged.load(folder, "train")
    assert rows_of(loaded) == sequences
    assert loaded.lengths.tolist() == [len(sequence) for sequence in sequences]
    assert loaded.values.dtype == np.int32
    assert isinstance(loaded.values, np.memmap)


@pytest.mark.parametrize("cells", [10**9, 0])
@pytest.mark.parametrize(("vocab_size", "kind"), [(5, np.uint16), (2**16 + 1, np.int32)])
@pytest.mark.parametrize("seq_len", [2, 3, 9])
def test_what_is_padded_beforehand_reads_the_same(cells, vocab_size, kind, seq_len, monkeypatch):
    """Also where it is too large for that, and gathered from the flat array."""
    monkeypatch.setattr("rnnlab.data.text.tokens.PADDED_CELLS", cells)
    values = np.array([2, 9, 4, 3, 70_000, 5, 4], dtype=np.int32)
    whole = Ragged(values, np.array([0, 3, 4, 7]))
    padded = Padded(whole, Reading(vocab_size, seq_len, 0.5))
    if cells:
        assert padded.shelves[-1].dtype == kind
    else:
        assert not padded.shelves
    for rows in (np.array([2, 0, 1]), np.array([1]), np.array([0])):
        wanted, lengths = whole.gather(rows, seq_len, 0.5)
        found, same = padded.gather(rows)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, keep_frequent(wanted, vocab_size))
        np.testing.assert_array_equal(same, lengths)
        np.testing.assert_array_equal(padded.lengths[rows], lengths)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("FREE entry", [CAPITALS, "free", "entry"]),
        ("I am A.B", ["i", "am", "a", ".", "b"]),  # one letter is no word in capitals
        ("win \u00a31000 or 50p", ["win", "\u00a3", "0000", "or", "50", "p"]),
        ("x" + "9" * 40, ["x", "0" * LONGEST_NUMBER]),
        ("isn\u2019t :-)", ["isn't", ":", "-", ")"]),
        ("a_b \U0001f600", ["a", "_", "b", "\U0001f600"]),
        ("", []),
    ],
)
def test_shapes(text, tokens):
    assert tokenize_shapes(text) == tokens


def test_other_tokens_can_be_numbered():
    splits, tokens = index_tokens({"train": ["ab\n", "a"], "val": ["c"]}, cut=list)
    assert tokens == ["a", "\n", "b"]
    assert rows_of(splits["train"]) == [[2, 4, 3], [2]]
    assert rows_of(splits["val"]) == [[UNKNOWN_ID]]
