"""Scripts that are written without spaces between words."""

from collections.abc import Sequence

import regex

# Pattern of a letter, for the flag regex.V1: Chinese, Japanese and Yi; Thai, Lao, Khmer, Burmese
# and others whose lines Unicode breaks by a dictionary; Balinese and Javanese.
UNSPACED_LETTER = (
    r"[\p{L}&&[\p{Han}\p{Hiragana}\p{Katakana}\u30fc\uff70\p{Yi}"
    r"\p{Line_Break=Complex_Context}\p{Balinese}\p{Javanese}]]"
)
# Tibetan marks the end of each syllable, not that of a word.
_WITHOUT_SPACES = regex.compile(rf"{UNSPACED_LETTER}|[\p{{L}}&&\p{{Tibetan}}]", regex.V1)


def are_spaceless(texts: Sequence[str]) -> bool:
    """Return whether most letters of some texts belong to such scripts.

    >>> are_spaceless(["\u4f60\u597d\u4e00 me"]), are_spaceless(["hello"])
    (True, False)
    """
    letters = sum(character.isalpha() for text in texts for character in text)
    return 2 * sum(len(_WITHOUT_SPACES.findall(text)) for text in texts) > letters
