"""Tokens that a language model reads before it generates.

In training the state is carried through the text, so the network never begins with an empty one.
Generated text therefore follows the end of the training text, whose last tokens are in the
processor of a run.
"""

from collections.abc import Collection

from rnnlab.spec import Array

CONTEXT_TOKENS = 256  # that are read
SEARCHED_TOKENS = 4_096  # in which the last line break is searched


def select_context(ids: Array, line_breaks: Collection[int]) -> list[int]:
    """Return the last tokens of a text up to a line break, so that a new line follows them.

    Args:
        ids: of the training text, (N,), which may include the start token.
        line_breaks: ids of the tokens that end a line.

    Returns:
        At most CONTEXT_TOKENS ids. Without a line break near the end they are the last ones.
    """
    last: list[int] = ids[-SEARCHED_TOKENS:].tolist()
    ends = [i for i, token in enumerate(last, start=1) if token in line_breaks]
    end = ends[-1] if ends else len(last)
    return last[max(end - CONTEXT_TOKENS, 0) : end]
