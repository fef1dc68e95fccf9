import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.text import spooled_texts
from rnnlab.data.text.spooled_texts import SpooledTexts, number_texts, take_rows
from rnnlab.data.text.text_columns import TextColumns

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


def test_a_table_is_never_in_memory_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooled_texts, "TEXT_BLOCK_BYTES", 1 << 18)
    text = "word " * 120
    file = tmp_path / "a.csv"
    file.write_text("text,label\n" + "".join(f"{i} {text},{i % 2}\n" for i in range(10_000)))
    TextColumns().read(file)  # imports
    tracemalloc.start()
    texts = TextColumns().read(file)
    kept = texts.take(np.arange(0, 10_000, 2))
    assert sum(map(len, kept.texts)) > 3_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file.stat().st_size > 6_000_000
    assert peak < 3_000_000, f"{peak:,}"
