"""Tokenizers: split a text into tokens, and join tokens to a text."""

import heapq
import re
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from rnnlab.errors import DataError

TokenKind = Literal["words", "characters", "bpe"]  # of text that is generated or predicted
TextTokens = Literal["words", "shapes", "characters"]  # of text that is classified
PAD_TOKEN, UNKNOWN_TOKEN, START_TOKEN, END_TOKEN = "<pad>", "<unk>", "<s>", "<eos>"
SPECIALS = (PAD_TOKEN, UNKNOWN_TOKEN, START_TOKEN, END_TOKEN)  # a token's position is its id
NO_TOKEN = "<none>"  # replaces a text without tokens, because a sequence must not be empty
CAPITALS = "<capitals>"  # precedes a word in capitals
MAX_NUMBER_LENGTH = 12  # numbers with more digits share one token
MAX_COUNTED_TOKENS = 3_000_000  # about 0.5 GB
TOKENIZERS_VERSION = 4  # increment when the tokens or ids of a text change

_LINE_BREAK_TAG = re.compile(r"<br\s*/?>")
_FOLDED_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[!?]")
_SHAPE = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[^\w\s]|_")
_WORD = re.compile(r"<unk>|[^\W_]+(?:['\u2019][^\W_]+)*|[^\w\s]|_")
_SPACE_BEFORE = re.compile(r" ([,.;:!?%)\]}\u201d\u00bb])")
_SPACE_AFTER = re.compile(r"([(\[{\u201c\u00ab]) ")


def tokenize_words(text: str) -> list[str]:
    """Return lower-case words with inner apostrophes, and the marks ! and ?.

    >>> tokenize_words("It isn't <br /> GOOD!")
    ['it', "isn't", 'good', '!']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace("\u2019", "'")  # typographic apostrophe
    return _FOLDED_WORD.findall(_LINE_BREAK_TAG.sub(" ", text.lower()))


def tokenize_shapes(text: str) -> list[str]:
    """Return lower-case words and all marks; capitals and number lengths become tokens.

    Numbers with three or more digits are represented by their length.

    >>> tokenize_shapes("WINNER! Call 09061701461, it's 2 4 U")
    ['<capitals>', 'winner', '!', 'call', '00000000000', ',', "it's", '2', '4', 'u']
    """
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'")
    tokens: list[str] = []
    for token in _SHAPE.findall(text):
        if token[0].isdigit() and len(token) > 2:
            tokens.append("0" * min(len(token), MAX_NUMBER_LENGTH))
        elif len(token) > 1 and token.isupper():
            tokens += [CAPITALS, token.lower()]
        else:
            tokens.append(token.lower())
    return tokens


def split_words(text: str) -> list[str]:
    """Return words with inner apostrophes, and every mark as a token.

    >>> split_words("It isn't, (is it)?")
    ['It', "isn't", ',', '(', 'is', 'it', ')', '?']
    """
    return _WORD.findall(text)


def join_words(words: Iterable[str]) -> str:
    """Join words to a text without spaces before closing marks and after opening marks.

    >>> join_words(["Hello", ",", "(", "you", ")", "!"])
    'Hello, (you)!'
    """
    return _SPACE_AFTER.sub(r"\1", _SPACE_BEFORE.sub(r"\1", " ".join(words)))


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

    Attributes:
        name: identifies the tokenizer in a vocabulary file.
        separator: text between two tokens.
        keeps_line_breaks: whether a line break is a token; otherwise the end token replaces it.
    """

    name: ClassVar[str]
    separator: ClassVar[str] = ""
    keeps_line_breaks: ClassVar[bool] = True

    @abstractmethod
    def tokenize(self, text: str) -> list[str]:
        """Split a text into tokens."""

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

    def tokenize(self, text: str) -> list[str]:
        return tokenize_words(text)


@dataclass(frozen=True)
class Shapes(Tokenizer):
    """Words, marks and spelling for classification; see tokenize_shapes."""

    name = "shapes"
    separator = " "
    keeps_line_breaks = False

    def tokenize(self, text: str) -> list[str]:
        return tokenize_shapes(text)


@dataclass(frozen=True)
class Words(Tokenizer):
    """Words that can be joined to a text again.

    Attributes:
        lower: convert to lower case.
        spaces: split at spaces only, for text that is already tokenized.
    """

    name = "words"
    separator = " "
    keeps_line_breaks = False
    lower: bool = False
    spaces: bool = False

    def tokenize(self, text: str) -> list[str]:
        text = text.lower() if self.lower else text
        return text.split() if self.spaces else split_words(text)

    def join(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens) if self.spaces else join_words(tokens)


@dataclass(frozen=True)
class Characters(Tokenizer):
    """Single characters, perhaps converted to lower case."""

    name = "characters"
    lower: bool = False

    def tokenize(self, text: str) -> list[str]:
        return list(text.lower() if self.lower else text)

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
        from tokenizers import Tokenizer as Model
        from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

        model = Model(models.BPE())
        if self.lower:
            model.normalizer = normalizers.Lowercase()
        model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        model.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIALS),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        model.train_from_iterator(texts, trainer)
        self._use(model)
        ids = model.get_vocab(with_added_tokens=True)
        return sorted(ids, key=ids.__getitem__)

    def tokenize(self, text: str) -> list[str]:
        return self.tokenize_batch([text])[0]

    def tokenize_batch(self, texts: Sequence[str]) -> list[list[str]]:
        return [encoding.tokens for encoding in self._model.encode_batch(list(texts))]

    def join(self, tokens: Sequence[str]) -> str:
        text: str = self._model.decoder.decode([t for t in tokens if t != UNKNOWN_TOKEN])
        return text

    def display(self, token: str) -> str:
        """See Tokenizer; a part of a character is shown as a replacement mark."""
        text: str = self._model.decoder.decode([token])
        return text

    def state(self) -> dict[str, Any]:
        return {"lower": self.lower, "model": self._model.to_str()}


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
