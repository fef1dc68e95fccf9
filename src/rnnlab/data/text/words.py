"""Words of a text in any script, and the spaces between them.

A word is a run of letters and digits with their combining marks, after the word boundaries of
Unicode (UAX 29): vowel signs, points and tone marks belong to their letter. In scripts without
spaces between words, each letter is a token. Every other character is a token; an emoji with its
modifiers is one.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import regex

from rnnlab.metrics.scripts import UNSPACED_LETTER

JOINER, SPACER = "\u200a", " "  # white space, which is never part of a word
DISPLAY = str.maketrans({JOINER: "\u203f", SPACER: "\u2423"})
OPENING = frozenset("([{\u201c\u00ab")
CLOSING = frozenset(",.;:!?%)]}\u201d\u00bb\u060c\u061b\u061f\u0964\u0965")
MAX_CACHED_LENGTH = 40  # characters of a word

_MARKS = r"\p{M}\u200c\u200d"  # combining marks, and the joiners inside Indic and Persian words
# Between letters: apostrophes, the Catalan middle dot, the Hebrew geresh and gershayim.
_INNER_MARKS = r"'\u2019\u00b7\u05f3\u05f4"
# Punctuation and symbols of these scripts.
_UNSPACED_MARK = r"[[\u3000-\u303f\uff01-\uff65]--[\p{L}\p{N}]]"
_LETTER = rf"[[\p{{L}}\p{{Nl}}\p{{No}}]--{UNSPACED_LETTER}]"
_ALPHANUMERIC = rf"[[\p{{L}}\p{{N}}]--{UNSPACED_LETTER}]"
# Khmer and Burmese consonants below another one.
_STACKED = rf"(?<=[\u17d2\u1039]){UNSPACED_LETTER}[{_MARKS}]*+"
_CLUSTER = rf"{UNSPACED_LETTER}[{_MARKS}]*+(?:{_STACKED})*+"
_UNSPACED_RUN = regex.compile(_CLUSTER * 2, regex.V1)
_EMOJI = r"(?=[\p{Extended_Pictographic}&&[\u2190-\U0010ffff]]|\p{Regional_Indicator})\X"


def _runs(letter: str) -> str:
    """Return the pattern of runs of letters and marks, with apostrophes and the like in between."""
    run = rf"{letter}[{letter}{_MARKS}]*"
    return rf"{run}(?:[{_INNER_MARKS}]{run})*"


_WORD = regex.compile(rf"{_runs(_ALPHANUMERIC)}|{_CLUSTER}|\X", regex.V1)
# Equal to the pattern below, in a third of the time.
_ASCII_FOLDED_WORD = re.compile("[a-zA-Z0-9]+(?:'[a-zA-Z0-9]+)*|[!?]")
_FOLDED_WORD = regex.compile(rf"{_runs(_ALPHANUMERIC)}|{_CLUSTER}|{_EMOJI}|[!?]", regex.V1)
_SHAPE = regex.compile(rf"{_runs(_LETTER)}|\p{{Nd}}+|{_CLUSTER}|(?!\s)\X", regex.V1)
_SPACED_START = regex.compile(_ALPHANUMERIC, regex.V1)
_UNSPACED_START = regex.compile(rf"{UNSPACED_LETTER}|{_UNSPACED_MARK}", regex.V1)


class Spacing(NamedTuple):
    """Whether a token is a word with spaces around it, and whether it joins its neighbours."""

    is_word: bool
    joins_left: bool
    joins_right: bool


class Part(NamedTuple):
    """Tokens of a text between two spaces, and whether its ends join their neighbours."""

    tokens: tuple[str, ...]
    joins_left: bool
    joins_right: bool


def find_spacing(token: str) -> Spacing:
    """Return the default spacing of a token, which may have marks."""
    return _find_spacing(token.lstrip(JOINER + SPACER)[:1])


@lru_cache(maxsize=1 << 16)
def _find_spacing(first: str) -> Spacing:
    """Return the default spacing of tokens that begin with a character."""
    unspaced = _UNSPACED_START.match(first) is not None
    is_word = _SPACED_START.match(first) is not None
    return Spacing(is_word, unspaced or first in CLOSING, unspaced or first in OPENING)


def joins_by_default(left: str, right: str) -> bool:
    """Return whether no space is between two tokens without marks."""
    return find_spacing(left).joins_right or find_spacing(right).joins_left


def split_words(text: str) -> list[str]:
    """Return the words and all other characters of a text with single spaces.

    `join_words` restores the text. A token has a mark only where the spacing differs from the
    default: a joiner where the default is a space, a spacer where it is none. Punctuation has the
    marks rather than words.

    >>> split_words("It isn't, (is it)?")
    ['It', "isn't", ',', '(', 'is', 'it', ')', '?']
    >>> [display_word(token) for token in split_words("rot-rot , 3.14")]
    ['rot', '\u203f-\u203f', 'rot', '\u2423,', '3', '.\u203f', '14']
    """
    tokens: list[str] = []
    joins = False
    for text_part in text.split():
        is_short = len(text_part) <= MAX_CACHED_LENGTH
        part = _split_cached(text_part) if is_short else _split_part(text_part)
        start = len(tokens)
        tokens += part.tokens
        if start and (joins or part.joins_left):
            _add_mark(tokens, start, SPACER)
        joins = part.joins_right
    return tokens


def _split_part(text: str) -> Part:
    """Return the tokens of a text without spaces."""
    tokens = _WORD.findall(text)
    for i in range(1, len(tokens)):
        if not joins_by_default(tokens[i - 1], tokens[i]):
            _add_mark(tokens, i, JOINER)
    first, last = find_spacing(tokens[0]), find_spacing(tokens[-1])
    return Part(tuple(tokens), first.joins_left, last.joins_right)


_split_cached = lru_cache(maxsize=1 << 16)(_split_part)


def _add_mark(tokens: list[str], right: int, mark: str) -> None:
    """Add a mark between a token and the one before it."""
    if find_spacing(tokens[right]).is_word and not find_spacing(tokens[right - 1]).is_word:
        tokens[right - 1] += mark
    else:
        tokens[right] = mark + tokens[right]


def join_words(tokens: Iterable[str]) -> str:
    """Join tokens of `split_words` to a text.

    >>> join_words(["Hello", ",", "(", "you", ")", "!"])
    'Hello, (you)!'
    """
    parts: list[str] = []
    left = ""
    for token in tokens:
        if parts:
            parts.append(_find_space(left, token))
        parts.append(token.strip(JOINER + SPACER))
        left = token
    return "".join(parts)


def _find_space(left: str, right: str) -> str:
    """Return the text between two tokens."""
    for mark in (left[-1:], right[:1]):
        if mark in (JOINER, SPACER):
            return " " if mark == SPACER else ""
    return "" if joins_by_default(left, right) else " "


def joins_unspaced_letters(token: str) -> bool:
    """Return whether a token has two letters in a row of a script without spaces between words.

    `split_words` never does that.

    >>> joins_unspaced_letters("\u4f60\u597d"), joins_unspaced_letters("hello")
    (True, False)
    """
    return _UNSPACED_RUN.search(token) is not None


def display_word(token: str) -> str:
    """Return a token with visible marks."""
    return token.translate(DISPLAY)


def find_folded_words(text: str) -> list[str]:
    """Return the words, the emoji, and the marks ! and ? of a text in lower case."""
    pattern = _ASCII_FOLDED_WORD if text.isascii() else _FOLDED_WORD
    words: list[str] = pattern.findall(text)
    return words


def find_shapes(text: str) -> list[str]:
    """Return the words, the runs of digits, and all other characters but white space."""
    tokens: list[str] = _SHAPE.findall(text)
    return tokens
