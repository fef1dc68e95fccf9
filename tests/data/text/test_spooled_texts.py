import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.text import spooled_texts
from rnnlab.data.text.spooled_texts import SpooledTexts, number_texts, take_rows

TEXTS = ["caf\u00e9", "", "\ud800 alone", "a\nb", "\U0001f600" * 3, "last"]


def test_texts_are_read_back_as_they_were_written() -> None:
    stored = SpooledTexts.write(iter(TEXTS))
    assert len(stored) == len(TEXTS)
    assert list(stored) == TEXTS == stored
    assert [stored[row] for row in (5, 0, 2)] == [TEXTS[row] for row in (5, 0, 2)]
    assert stored[1:3] == TEXTS[1:3]


@pytest.mark.parametrize("rows", [[5, 0, 0, 3], [1, 2], []])
@pytest.mark.parametrize("block_bytes", [1, 8, 1 << 20])
def test_rows_are_taken_in_their_order(
    rows: list[int], block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_texts, "TEXT_BLOCK_BYTES", block_bytes)
    stored = take_rows(SpooledTexts.write(TEXTS), np.array(rows, dtype=np.int64))
    assert list(stored) == [TEXTS[row] for row in rows] == take_rows(TEXTS, np.array(rows))


def test_two_iterations_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooled_texts, "TEXT_BLOCK_BYTES", 1)
    stored = SpooledTexts.write(TEXTS)
    assert list(zip(stored, stored, strict=True)) == list(zip(TEXTS, TEXTS, strict=True))


@pytest.mark.parametrize("width", [1, 3, 64])
@given(st.lists(st.text(max_size=4) | st.sampled_from(["same", "same\0", "SAME", "samf"])))
def test_texts_are_numbered_in_sorted_order(width: int, texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spooled_texts, "MAX_PREFIX", width)
        for key in (str, str.casefold):
            order = {text: number for number, text in enumerate(sorted(set(map(key, texts))))}
            assert number_texts(texts, key).tolist() == [order[key(text)] for text in texts]
