"""Normalization: equal texts have equal characters."""

import re
import unicodedata

_SURROGATE = re.compile("[\ud800-\udfff]")  # half of a character; no encoding can store it


def lower_case(text: str) -> str:
    """Return a text in lower case; a capital I with a dot becomes i, without a second dot.

    >>> lower_case("\u0130stanbul")
    'istanbul'
    """
    return text.replace("\u0130", "i").lower()


def compose_characters(text: str) -> str:
    """Return a text in the normalization form C; U+FFFD replaces lone surrogates.

    >>> len("e\u0301"), len(compose_characters("e\u0301"))
    (2, 1)
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _SURROGATE.sub("\ufffd", text))


def normalize_characters(text: str, lower: bool = False) -> str:
    """Return a text in the normalization form C, perhaps in lower case.

    White space is unchanged.
    """
    text = compose_characters(text)
    return compose_characters(lower_case(text)) if lower else text


def normalize_spaces(text: str) -> str:
    r"""Return a text with single spaces between its words, and none at its ends.

    >>> normalize_spaces("  a\tb\u00a0 c\n")
    'a b c'
    """
    return " ".join(text.split())
