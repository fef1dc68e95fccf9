"""Tokens that precede generated text: the last ones of the training text, up to a line break."""

import numpy as np

from rnnlab.data.text.generation_context import (
    CONTEXT_TOKENS,
    SEARCHED_TOKENS,
    select_context,
)
from rnnlab.spec import END_ID


def test_they_end_with_the_last_line() -> None:
    ids = np.array([2, 8, 9, END_ID, 8, END_ID, 9, 9], dtype=np.uint16)
    assert select_context(ids, {END_ID}) == [2, 8, 9, END_ID, 8, END_ID]
    assert select_context(ids, {9}) == ids.tolist()
    assert select_context(ids[:1], {END_ID}) == [2]


def test_a_long_text_gives_its_end() -> None:
    ids = np.arange(10, 10_010)
    assert select_context(ids, {END_ID}) == ids[-CONTEXT_TOKENS:].tolist()
    ids[-1_000] = END_ID
    assert select_context(ids, {END_ID}) == ids[-999 - CONTEXT_TOKENS : -999].tolist()
    assert len(select_context(ids, {int(ids[-SEARCHED_TOKENS])})) == 1
