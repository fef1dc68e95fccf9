"""Notes on texts that the chosen tokens do not fit: unknown tokens, and scripts without spaces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnlab.data.text.tokenizers import NO_TOKEN, TextTokens, TokenKind
from rnnlab.data.text.vocabulary import MIN_VOCAB_SIZES
from rnnlab.data.text.words import joins_unspaced_letters
from rnnlab.spec import UNKNOWN_ID, Array

MAX_UNKNOWN_SHARE = 0.1  # of the tokens of a split; more is reported with the setting to change
BLOCK_IDS = 1 << 20  # that are in memory at once
MAX_UNSPACED_SHARE = 0.3  # of the tokens of a vocabulary, or of a training split
MIN_TRAINING_COUNT = 20  # of a token with several letters of a script without spaces, on average
SMALLER_TOKENS: dict[TokenKind, tuple[TokenKind, ...]] = {
    "words": ("characters", "bpe"),
    "characters": (),
    "bpe": (),
}
SMALLER_TEXT_TOKENS: dict[TextTokens, tuple[TokenKind, ...]] = {
    "words": ("characters",),
    "shapes": ("characters",),
    "characters": (),
}


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
    alternatives: Sequence[TokenKind]
    vocab_size: int
    size_name: str = "data.vocab_size"


def unknown_share(
    ids: Array,
    tokens: Sequence[str],
    vocab_size: int | None = None,
    training_ids: Array | None = None,
) -> float:
    """Return the share of ids that stand for <unk>, or for a text without any token.

    Args:
        ids: of all tokens of a split, (total,); they may be on disk.
        tokens: the vocabulary.
        vocab_size: ids from this number on are <unk>; None if no id is.
        training_ids: of all tokens of the training split, (total,). If they are there, tokens of
            the vocabulary that they do not have are unknown too, as only byte pairs can be.
    """
    limit = len(tokens) if vocab_size is None else vocab_size
    table = np.zeros(max(len(tokens), limit) + 1, dtype=bool)
    if training_ids is not None:
        table[:] = True
        for block in _blocks(training_ids):
            table[block] = False
    table[UNKNOWN_ID] = True
    table[limit:] = True
    if NO_TOKEN in tokens:
        table[tokens.index(NO_TOKEN)] = True
    return sum(int(table[block].sum()) for block in _blocks(ids)) / max(len(ids), 1)


def _blocks(ids: Array) -> Iterator[Array]:
    return (ids[start : start + BLOCK_IDS] for start in range(0, len(ids), BLOCK_IDS))


def describe_unknown_tokens(
    shares: Mapping[str, float],
    tokens: Sequence[str],
    settings: TokenSettings,
    subject: str = "tokens",
) -> list[str]:
    """Return a note if much of a text is unknown: its shares, the reason and the setting to change.

    Every data set of texts adds the result to its notes: language modelling and classification
    once, translation for each side.

        shares = {split: unknown_share(ids[split], tokens, vocab_size) for split in HELD_OUT}
        settings = TokenSettings(kind, SMALLER_TOKENS[kind], vocab_size)
        self.add_notes(*describe_unknown_tokens(shares, tokens, settings))

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
    if settings.kind == "bpe":  # of a small text without spaces they grow until they are sentences
        size = f"lower {settings.size_name} (now {settings.vocab_size})"
        return [f"training does not have {parts}: {size}, or set data.tokens=words"]
    return [f"<unk> replaces {parts}: {_explain(tokens, settings)}"]


def describe_rare_byte_pairs(
    training_ids: Array, tokens: Sequence[str], settings: TokenSettings, subject: str = "tokens"
) -> list[str]:
    """Return a note if a text without spaces is too small for the byte pairs learned from it.

    In scripts with spaces byte pairs end at words. Without spaces they grow across words, until
    each is too rare for a network to learn.

    Args:
        training_ids: of all tokens of the training split, (total,); they may be on disk.
        tokens: the vocabulary in readable form.
        settings: that the vocabulary depends on.
        subject: what the tokens are, such as "target tokens".
    """
    if settings.kind != "bpe":
        return []
    counts = np.zeros(len(tokens), dtype=np.int64)
    for block in _blocks(training_ids):
        counts += np.bincount(block, minlength=len(tokens))
    joined = counts[np.array([joins_unspaced_letters(token) for token in tokens])]
    joined = joined[joined > 0]  # a shared vocabulary has tokens of the other side
    is_unspaced = joined.sum() > MAX_UNSPACED_SHARE * len(training_ids)
    if not is_unspaced or joined.sum() >= MIN_TRAINING_COUNT * len(joined):
        return []
    return [
        f"the text is written without spaces between words, and {subject} of several letters occur "
        f"{joined.mean():.1f} times in training on average, which is too few to learn them well: "
        "set data.tokens=words for single letters"
    ]


def _explain(tokens: Sequence[str], settings: TokenSettings) -> str:
    """Return why much of a text is unknown, and the settings to change."""
    kinds = [k for k in settings.alternatives if settings.vocab_size >= MIN_VOCAB_SIZES[k]]
    smaller = " or ".join(f"data.tokens={kind}" for kind in kinds)
    if sum(map(joins_unspaced_letters, tokens)) > MAX_UNSPACED_SHARE * len(tokens):
        return "the text is written without spaces between words; set data.spaces=false"
    if len(tokens) >= settings.vocab_size:
        size = f"raise {settings.size_name} (now {settings.vocab_size})"
        if len(tokens) > settings.vocab_size:
            size = f"set {settings.size_name}={len(tokens)}"
        return f"{size}, or set {smaller}" if smaller else size
    if smaller:
        return f"training does not have these {settings.kind}; set {smaller}"
    return f"training does not have these {settings.kind}; use a training text like val and test"
