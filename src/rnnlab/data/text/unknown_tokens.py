"""Notes on texts that the chosen tokens do not fit: unknown tokens, and scripts without spaces."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.text.tokenizers import NO_TOKEN, TokenKind
from rnnlab.spec import UNKNOWN_ID

MAX_UNKNOWN_SHARE = 0.1  # of the tokens of a split; more is reported with the setting to change
MAX_SPACELESS_SHARE = 0.3  # of the tokens of a vocabulary
SMALLER_TOKENS: dict[TokenKind, tuple[str, ...]] = {
    "words": ("characters", "bpe"),
    "characters": (),
    "bpe": (),
}

# Scripts that are written without spaces between words (Unicode 16, blocks): Thai and Lao, Tibetan,
# Burmese, Khmer, Tai and Javanese; Japanese kana; Chinese characters with their extensions.
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua980-\ua9df"
    "\uaa60-\uaa7f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U000323af]"
)


@dataclass(frozen=True)
class TokenSettings:
    """Settings of a vocabulary, as the user types them.

    Attributes:
        kind: value of data.tokens.
        alternatives: values of data.tokens with smaller tokens, which know more of a text.
        vocab_size: value of `size_name`.
        size_name: setting that limits the vocabulary.
    """

    kind: str
    alternatives: Sequence[str]
    vocab_size: int
    size_name: str = "data.vocab_size"


def unknown_share(ids: NDArray[np.integer], tokens: Sequence[str], vocab_size: int) -> float:
    """Return the share of ids that stand for <unk>, or for a text without any token.

    Args:
        ids: of all tokens of a split, (total,).
        tokens: the vocabulary.
        vocab_size: ids from this number on are <unk>.
    """
    if not ids.size:
        return 0.0
    unknown = (ids == UNKNOWN_ID) | (ids >= vocab_size)
    if NO_TOKEN in tokens:
        unknown |= ids == tokens.index(NO_TOKEN)
    return float(unknown.mean())


def describe_unknown_tokens(
    shares: Mapping[str, float],
    tokens: Sequence[str],
    settings: TokenSettings,
    subject: str = "tokens",
) -> list[str]:
    """Return a note if much of a text is unknown: its shares, the reason and the setting to change.

    Every data set of texts calls this once it has encoded its splits, and adds the result to its
    notes: language modelling and classification once, translation for each side.

        shares = {split: unknown_share(ids[split], vocabulary.tokens, size) for split in SPLITS}
        settings = TokenSettings(self.tokens, ("characters",), size)
        self.add_notes(*describe_unknown_tokens(shares, vocabulary.tokens, settings))

    Args:
        shares: split -> share of its tokens that are <unk>; train may be included.
        tokens: the vocabulary; it may have more than `vocab_size` tokens, if it is limited later.
        settings: that the vocabulary depends on.
        subject: what the shares are of, such as "target tokens".
    """
    high = {split: share for split, share in shares.items() if share > MAX_UNKNOWN_SHARE}
    if not high.keys() - {"train"}:
        return []
    parts = " and ".join(f"{share:.1%} of the {subject} of {s}" for s, share in high.items())
    return [f"<unk> replaces {parts}: {_explain(tokens, settings)}"]


def _explain(tokens: Sequence[str], settings: TokenSettings) -> str:
    """Return why much of a text is unknown, and the settings to change."""
    smaller = " or ".join(f"data.tokens={kind}" for kind in settings.alternatives)
    if smaller and spaceless_share(tokens) > MAX_SPACELESS_SHARE:
        return f"the text is written without spaces between words; set {smaller}"
    if len(tokens) >= settings.vocab_size:
        size = f"raise {settings.size_name} (now {settings.vocab_size})"
        if len(tokens) > settings.vocab_size:
            size = f"set {settings.size_name}={len(tokens)}"
        return f"{size}, or set {smaller}" if smaller else size
    if smaller:
        return f"training does not have these {settings.kind}; set {smaller}"
    return f"training does not have these {settings.kind}; use a training text like val and test"


def spaceless_share(tokens: Sequence[str]) -> float:
    """Return the share of tokens in scripts that are written without spaces between words.

    >>> spaceless_share(["\u4f60\u597d", "hello"])
    0.5
    """
    return sum(map(bool, map(_SPACELESS.search, tokens))) / max(len(tokens), 1)
