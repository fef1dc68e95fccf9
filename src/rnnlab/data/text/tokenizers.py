"""Tokenizers: split a text into tokens, and join tokens to a text."""

import heapq
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from rnnlab.data.text.normalization import (
    compose_characters,
    lower_case,
    normalize_characters,
    normalize_spaces,
)
from rnnlab.data.text.words import (
    display_word,
    find_folded_words,
    find_shapes,
    join_words,
    split_words,
)
from rnnlab.errors import DataError

TokenKind = Literal["words", "characters", "bpe"]  # of text that is generated or predicted
TextTokens = Literal["words", "shapes", "characters"]  # of text that is classified
PAD_TOKEN, UNKNOWN_TOKEN, START_TOKEN, END_TOKEN = "<pad>", "<unk>", "<s>", "<eos>"
SPECIALS = (PAD_TOKEN, UNKNOWN_TOKEN, START_TOKEN, END_TOKEN)  # a token's position is its id
NO_TOKEN = "<none>"  # replaces a text without tokens, because a sequence must not be empty
CAPITALS = "<capitals>"  # precedes a word in capitals
MAX_NUMBER_LENGTH = 12  # numbers with more digits share one token
MAX_MERGED_BYTES = 64  # each merge scans whole words, and a text without spaces is one word
MIN_PAIR_FREQUENCY = 2  # a merge that occurs once makes no other text shorter
MAX_COUNTED_TOKENS = 3_000_000  # about 0.5 GB
TOKENIZERS_VERSION = 7  # increment when the tokens or ids of a text change

_LINE_BREAK_TAG = re.compile(r"<br\s*/?>")
# Parts of a text in which byte pairs are merged: those of GPT-2 (Radford et al., 2019), whose words
# end at each combining mark, with the marks in their words.
BYTE_PAIR_WORDS = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}[\p{L}\p{M}\u200c\u200d]*| ?\p{N}+"
    r"| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
# A word of text that is already tokenized, equal to a special token; <unk> is the unknown token.
_SPECIAL_WORD = re.compile(r"\\*(?:<pad>|<s>|<eos>)")


def tokenize_words(text: str) -> list[str]:
    """Return lower-case words with inner apostrophes, emoji, and the marks ! and ?.

    >>> tokenize_words("It isn't <br /> GOOD!")
    ['it', "isn't", 'good', '!']
    """
    text = normalize_characters(text, lower=True).replace("\u2019", "'")  # typographic apostrophe
    return find_folded_words(_LINE_BREAK_TAG.sub(" ", text))


def tokenize_shapes(text: str) -> list[str]:
    """Return lower-case words and all marks; capitals and number lengths become tokens.

    Numbers with three or more digits are represented by their length.

    >>> tokenize_shapes("WINNER! Call 09061701461, it's 2 4 U")
    ['<capitals>', 'winner', '!', 'call', '00000000000', ',', "it's", '2', '4', 'u']
    """
    tokens: list[str] = []
    for token in find_shapes(compose_characters(text).replace("\u2019", "'")):
        if token[0].isdigit() and len(token) > 2:
            tokens.append("0" * min(len(token), MAX_NUMBER_LENGTH))
        elif token.isupper() and sum(map(str.isalnum, token)) > 1:
            tokens += [CAPITALS, lower_case(token)]
        else:
            tokens.append(lower_case(token))
    return tokens


def describe_special_words(tokens: Iterable[str]) -> list[str]:
    """Return a note if a vocabulary has words that equal special tokens; see Words."""
    escaped = [token for token in tokens if token[0] == "\\" and _SPECIAL_WORD.fullmatch(token)]
    if not escaped:
        return []
    words = ", ".join(sorted({token.lstrip("\\") for token in escaped}))
    return [f"{words} in the text are words like others, not the special tokens of these names"]


def count_frequencies(
    texts: Iterable[str], tokenize: Callable[[str], list[str]], max_tokens: int = MAX_COUNTED_TOKENS
) -> Counter[str]:
    """Count the tokens of texts, which are read once, in bounded memory.

    Above `max_tokens` different tokens the rarest ones are dropped: first those that occurred
    once, then those that occurred twice, and so on, as in word2vec.
    """
    counts: Counter[str] = Counter()
    threshold = 1
    for text in texts:
        counts.update(tokenize(text))
        while len(counts) > max_tokens:
            counts = Counter({token: n for token, n in counts.items() if n > threshold})
            threshold += 1
    return counts


class Tokenizer(ABC):
    """Base of the tokenizers.

    Joining the tokens of a text restores `normalize(text)`, except for the tokenizers of
    classification.

    Attributes:
        name: identifies the tokenizer in a vocabulary file.
        separator: text between two tokens.
        keeps_line_breaks: whether a line break is a token; otherwise the end token replaces it.
        lower: whether texts are converted to lower case.
    """

    name: ClassVar[str]
    separator: ClassVar[str] = ""
    keeps_line_breaks: ClassVar[bool] = True
    lower: bool = False

    def normalize(self, text: str) -> str:
        """Return a text as its tokens represent it; see rnnlab.data.text.normalization."""
        return normalize_characters(text, self.lower)

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """Split a normalized text into tokens."""

    def tokenize(self, text: str) -> list[str]:
        """Split a text into tokens."""
        return self.split(self.normalize(text))

    def tokenize_batch(self, texts: Sequence[str]) -> list[list[str]]:
        """Split several texts into tokens."""
        return [self.tokenize(text) for text in texts]

    def join(self, tokens: Sequence[str]) -> str:
        """Join tokens to a text."""
        return self.separator.join(tokens)

    def display(self, token: str) -> str:
        """Return a token in readable form."""
        return token

    def fit(self, texts: Iterable[str], size: int) -> list[str]:
        """Return the special tokens and the most frequent tokens, in the order of their ids.

        There are at most `size` tokens, including the special ones. Equally frequent tokens are in
        alphabetical order. The texts are read once.

        Raises:
            DataError: the texts contain no token.
        """
        counts = count_frequencies(texts, self.tokenize)
        for special in SPECIALS:
            counts.pop(special, None)
        if not counts:
            raise DataError("the training text contains no tokens")
        frequent = heapq.nsmallest(
            size - len(SPECIALS), counts.items(), key=lambda item: (-item[1], item[0])
        )
        return [*SPECIALS, *(token for token, _ in frequent)]

    def state(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class FoldedWords(Tokenizer):
    """Words for classification; see tokenize_words."""

    name = "folded_words"
    separator = " "
    keeps_line_breaks = False

    def split(self, text: str) -> list[str]:
        return tokenize_words(text)


@dataclass(frozen=True)
class Shapes(Tokenizer):
    """Words, marks and spelling for classification; see tokenize_shapes."""

    name = "shapes"
    separator = " "
    keeps_line_breaks = False

    def split(self, text: str) -> list[str]:
        return tokenize_shapes(text)


@dataclass(frozen=True)
class Words(Tokenizer):
    """Words that can be joined to a text again; see rnnlab.data.text.words.

    Attributes:
        lower: convert to lower case.
        spaces: split at spaces only, for text that is already tokenized. There <unk> is the unknown
            token, and a word that equals another special token begins with a backslash.
    """

    name = "words"
    separator = " "
    keeps_line_breaks = False
    lower: bool = False
    spaces: bool = False

    def normalize(self, text: str) -> str:
        """See Tokenizer; words are separated by one space."""
        return normalize_spaces(super().normalize(text))

    def split(self, text: str) -> list[str]:
        return _escape_specials(text.split()) if self.spaces else split_words(text)

    def join(self, tokens: Sequence[str]) -> str:
        return " ".join(map(_unescape, tokens)) if self.spaces else join_words(tokens)

    def display(self, token: str) -> str:
        """See Tokenizer; marks of the spacing are visible."""
        return display_word(token)


def _escape_specials(words: list[str]) -> list[str]:
    return [f"\\{word}" if _SPECIAL_WORD.fullmatch(word) else word for word in words]


def _unescape(token: str) -> str:
    return token[1:] if token[0] == "\\" and _SPECIAL_WORD.fullmatch(token) else token


@dataclass(frozen=True)
class Characters(Tokenizer):
    """Single code points, perhaps converted to lower case.

    Code points rather than grapheme clusters: the vocabulary stays small and closed under every
    combination of marks, and bits per character are comparable with those of the literature.
    """

    name = "characters"
    lower: bool = False

    def split(self, text: str) -> list[str]:
        return list(text)

    def join(self, tokens: Sequence[str]) -> str:
        return "".join("\ufffd" if token == UNKNOWN_TOKEN else token for token in tokens)


class BytePairs(Tokenizer):
    """Byte-pair encoding (Sennrich et al., 2016, https://aclanthology.org/P16-1162), on bytes.

    No text is unknown, and joining the tokens of a text restores it exactly. `model` contains the
    merges, as the library `tokenizers` serialises them; None before `fit`.
    """

    name = "bpe"

    def __init__(self, lower: bool = False, model: str | None = None) -> None:
        self.lower = lower
        if model is not None:
            from tokenizers import Tokenizer as Model

            self._use(Model.from_str(model))

    def _use(self, model: Any) -> None:
        self._model = model
        model.encode_special_tokens = True  # "<eos>" in a text is text, not the end token

    def fit(self, texts: Iterable[str], size: int) -> list[str]:
        """Learn the merges; return the special tokens, the 256 bytes and the merged tokens."""
        from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
        from tokenizers import Tokenizer as Model

        model = Model(models.BPE())
        words = pre_tokenizers.Split(Regex(BYTE_PAIR_WORDS), "isolated")
        to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        parts = pre_tokenizers.Split(Regex(f".{{{MAX_MERGED_BYTES}}}"), "isolated")
        model.pre_tokenizer = pre_tokenizers.Sequence([words, to_bytes, parts])
        model.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=MIN_PAIR_FREQUENCY,
            special_tokens=list(SPECIALS),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        model.train_from_iterator(map(self.normalize, texts), trainer)
        # The tokens of a long word do not depend on its parts.
        model.pre_tokenizer = pre_tokenizers.Sequence([words, to_bytes])
        self._use(model)
        ids = model.get_vocab(with_added_tokens=True)
        return sorted(ids, key=ids.__getitem__)

    def split(self, text: str) -> list[str]:
        tokens: list[str] = self._model.encode(text).tokens
        return tokens

    def tokenize_batch(self, texts: Sequence[str]) -> list[list[str]]:
        """See Tokenizer; the library encodes texts in parallel."""
        normalized = list(map(self.normalize, texts))
        return [encoding.tokens for encoding in self._model.encode_batch(normalized)]

    def join(self, tokens: Sequence[str]) -> str:
        text: str = self._model.decoder.decode([t for t in tokens if t != UNKNOWN_TOKEN])
        return text

    def display(self, token: str) -> str:
        r"""See Tokenizer; the bytes of a part of a character are shown, such as \xe2\x82."""
        values = byte_values()
        if not all(char in values for char in token):  # <unk> and the like
            return token
        return bytes(values[char] for char in token).decode("utf-8", "backslashreplace")

    def state(self) -> dict[str, Any]:
        return {"lower": self.lower, "model": self._model.to_str()}


@cache
def byte_values() -> dict[str, int]:
    """Return the byte of each character of a token of byte pairs.

    Visible characters of Latin-1 are their own bytes; the other bytes follow from U+0100 on
    (Radford et al., Language Models are Unsupervised Multitask Learners, 2019).
    """
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in visible]
    return {chr(b): b for b in visible} | {chr(256 + i): b for i, b in enumerate(others)}


CLASSIFICATION_TOKENIZERS: dict[TextTokens, Tokenizer] = {
    "words": FoldedWords(),
    "shapes": Shapes(),
    "characters": Characters(),
}
TOKENIZER_TYPES: dict[str, type[Tokenizer]] = {
    tokenizer.name: tokenizer for tokenizer in (FoldedWords, Shapes, Words, Characters, BytePairs)
}


def build_tokenizer(kind: TokenKind, lower: bool = False, spaces: bool = False) -> Tokenizer:
    """Return the tokenizer of language modelling and translation; see Words for the settings."""
    if kind == "words":
        return Words(lower, spaces)
    return Characters(lower) if kind == "characters" else BytePairs(lower)
