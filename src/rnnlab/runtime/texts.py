"""Texts of users on one line of a console, a figure or a page, without hidden characters."""

import re

# Control characters but tab and line break, surrogates, and marks that change the direction.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def show_hidden(text: str) -> str:
    r"""Return a text with escapes in place of control characters and marks of direction.

    >>> show_hidden("a\x1b[1m\u202eb")
    'a\\x1b[1m\\u202eb'
    """
    return _INVISIBLE.sub(lambda match: ascii(match[0])[1:-1], text)


def shorten(text: str, width: int) -> str:
    """Return a text in one line of at most `width` characters, without its middle.

    >>> shorten("a rather  long name", 12)
    'a rathe…name'
    """
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    end = width // 3
    return f"{line[: width - end - 1]}…{line[len(line) - end :]}"
