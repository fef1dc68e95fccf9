from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.data.text.ragged import (
    PaddedArray,
    RaggedArray,
    RaggedWriter,
    TextStore,
    TruncationConfig,
    limit_vocabulary,
    save_texts,
)
from rnnlab.spec import PADDING_ID, UNKNOWN_ID

some_sequences = st.lists(st.lists(st.integers(2, 99), min_size=1, max_size=12), min_size=1)


def ragged(sequences):
    values = [value for sequence in sequences for value in sequence]
    offsets = np.cumsum([0, *map(len, sequences)])
    return RaggedArray(np.array(values, dtype=np.int32), offsets)


def rows_of(ragged):
    return [part.tolist() for part in np.split(ragged.values, ragged.offsets[1:-1])]


def test_limit_vocabulary_replaces_rare_tokens():
    ids = np.array([[2, 3, 4], [5, 1, PADDING_ID]], dtype=np.int32)
    kept = limit_vocabulary(ids, vocab_size=4)
    assert kept.tolist() == [[2, 3, UNKNOWN_ID], [UNKNOWN_ID, 1, PADDING_ID]]
    assert kept.dtype == np.int32
    assert ids.tolist() == [[2, 3, 4], [5, 1, PADDING_ID]]
    assert limit_vocabulary(ids, vocab_size=6).tolist() == ids.tolist()


@given(
    sequences=some_sequences,
    seq_len=st.integers(1, 15),
    head_fraction=st.floats(0, 1),
    data=st.data(),
)
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
@settings(max_examples=20)
def test_a_saved_array_is_loaded(tmp_path_factory, sequences):
    folder = tmp_path_factory.mktemp("ragged")
    whole = ragged(sequences)
    whole.save(folder, "train")
    loaded = RaggedArray.load(folder, "train")
    assert rows_of(loaded) == sequences
    assert loaded.lengths.tolist() == [len(sequence) for sequence in sequences]
    assert loaded.values.dtype == np.int32
    assert isinstance(loaded.values, np.memmap)


@pytest.mark.parametrize("cells", [10**9, 0])
@pytest.mark.parametrize(("vocab_size", "kind"), [(5, np.uint16), (2**16 + 1, np.int32)])
@pytest.mark.parametrize("seq_len", [2, 3, 9])
def test_a_padded_array_gathers_the_same_batches(cells, vocab_size, kind, seq_len, monkeypatch):
    """Also if the split is too large to be padded."""
    monkeypatch.setattr("rnnlab.data.text.ragged.MAX_PADDED_VALUES", cells)
    values = np.array([2, 9, 4, 3, 70_000, 5, 4], dtype=np.int32)
    whole = RaggedArray(values, np.array([0, 3, 4, 7]))
    padded = PaddedArray(whole, TruncationConfig(vocab_size, seq_len, 0.5))
    if cells:
        assert padded.width_buckets[-1].dtype == kind
    else:
        assert not padded.width_buckets
    for rows in (np.array([2, 0, 1]), np.array([1]), np.array([0])):
        wanted, lengths = whole.gather(rows, seq_len, 0.5)
        found, same = padded.gather(rows)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, limit_vocabulary(wanted, vocab_size))
        np.testing.assert_array_equal(same, lengths)
        np.testing.assert_array_equal(padded.lengths[rows], lengths)


@given(parts=st.lists(st.lists(st.lists(st.integers(0, 99), max_size=5), max_size=4), max_size=4))
@settings(max_examples=30)
def test_an_array_that_was_written_in_parts_equals_one_that_was_saved(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("ragged")
    sequences = [sequence for part in parts for sequence in part]
    ragged(sequences).save(folder, "saved")
    for name, write in (("parts", RaggedWriter.write_all), ("single", None)):
        writer = RaggedWriter(folder, name)
        for part in parts:
            if write:
                write(writer, part)
            for sequence in [] if write else part:
                writer.write(np.array(sequence, dtype=np.int64))
        writer.close()
        for kind in ("values", "offsets"):
            saved, written = (folder / f"{n}.{kind}.npy" for n in ("saved", name))
            assert written.read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint8"])
def test_a_written_array_has_its_type(dtype, tmp_path):
    writer = RaggedWriter(tmp_path, "ids", dtype)
    writer.write(np.arange(200))
    writer.close()
    loaded = RaggedArray.load(tmp_path, "ids")
    assert loaded.values.dtype == dtype
    assert loaded.values.tolist() == list(range(200))


def test_saved_texts_are_read_one_by_one(tmp_path):
    members = ["plain", "", "schlecht, aber sch\u00f6n \U0001f600", "two\nlines", "\ud800 broken"]
    save_texts(tmp_path, "val", members)
    store = TextStore(tmp_path, "val")
    assert [store[i] for i in range(len(members))] == [*members[:4], "? broken"]


@given(texts=st.lists(st.text(), max_size=6))
@settings(max_examples=30)
def test_texts_are_read_by_position_and_in_order(tmp_path_factory, texts):
    folder: Path = tmp_path_factory.mktemp("texts")
    save_texts(folder, "train", texts)
    store = TextStore(folder, "train")
    stored = [text.encode("utf-8", errors="replace").decode("utf-8") for text in texts]
    assert len(store) == len(texts)
    assert list(store) == [store[i] for i in range(len(texts))] == stored
