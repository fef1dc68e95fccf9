"""Scripts that are written without spaces between words."""

import re
from collections.abc import Sequence

# Blocks of Unicode 16: Thai and Lao, Tibetan, Burmese, Khmer, Tai and Javanese; Japanese kana;
# Chinese characters with their extensions.
SPACELESS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua980-\ua9df"
    "\uaa60-\uaa7f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U000323af]"
)


def are_spaceless(texts: Sequence[str]) -> bool:
    """Return whether most letters of some texts belong to such scripts.

    >>> are_spaceless(["\u4f60\u597d\u4e00 me"]), are_spaceless(["hello"])
    (True, False)
    """
    letters = sum(character.isalpha() for text in texts for character in text)
    return 2 * sum(len(SPACELESS.findall(text)) for text in texts) > letters
