"""Text to token ids and back, where the tokens are generated or predicted: words, characters, BPE.

The ids 0..3 are padding, unknown, start and end; the first piece has the id 4.
"""

import heapq
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from rnnlab.errors import DataError
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID

TokenKind = Literal["words", "characters", "bpe"]
SPECIALS = ("<pad>", "<unk>", "<s>", "<eos>")
MOST_PIECES = 3_000_000  # about 0.5 GB
VOCABULARY_VERSION = 3  # raise it when the ids of a text change

_PIECE = re.compile(r"<unk>|[^\W_]+(?:['\u2019][^\W_]+)*|[^\w\s]|_")
_BEFORE = re.compile(r" ([,.;:!?%)\]}\u201d\u00bb])")
_AFTER = re.compile(r"([(\[{\u201c\u00ab]) ")

Split = Callable[[str], list[str]]


def split_spaces(text: str) -> list[str]:
    """What stands between spaces; for text that was tokenised by its makers.

    >>> split_spaces(" the <unk> of N ")
    ['the', '<unk>', 'of', 'N']
    """
    return text.split()


def split_words(text: str) -> list[str]:
    """Words with their inner apostrophes, and each mark alone.

    >>> split_words("It isn't, (is it)?")
    ['It', "isn't", ',', '(', 'is', 'it', ')', '?']
    """
    return _PIECE.findall(text)


def join_words(words: Iterable[str]) -> str:
    """Words to text: no space before a closing mark or behind an opening one.

    >>> join_words(["Hello", ",", "(", "you", ")", "!"])
    'Hello, (you)!'
    """
    return _AFTER.sub(r"\1", _BEFORE.sub(r"\1", " ".join(words)))


def count_pieces(texts: Iterable[str], cut: Split, most: int = MOST_PIECES) -> Counter[str]:
    """How often each piece occurs, in bounded memory.

    Args:
        texts: are read once.
        cut: a text to its pieces.
        most: different pieces that are held at once. When there are more, the rarest are forgotten,
            those that occurred once, then those that occurred twice, and so on, as in word2vec.
    """
    counts: Counter[str] = Counter()
    rare = 1
    for text in texts:
        counts.update(cut(text))
        while len(counts) > most:
            counts = Counter({piece: n for piece, n in counts.items() if n > rare})
            rare += 1
    return counts


class Vocabulary(ABC):
    """Tokens that are told apart, and how a text is cut into them.

    Attributes:
        kind: words | characters | bpe.
        knows_breaks: a line break is a token like others; where it is not, the end token is put.
        joint: what stands between two pieces in a text.
        pieces: every token with an id of its own; pieces[i] has the id i, the specials included.
    """

    kind: ClassVar[TokenKind]
    knows_breaks: ClassVar[bool] = True
    joint: ClassVar[str] = ""
    pieces: list[str]

    def __len__(self) -> int:
        return len(self.pieces)

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without start and end."""

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """A text again; what stands behind the first end, padding and start are left out."""

    def readable(self) -> list[str]:
        """Every piece as a person reads it."""
        return self.pieces

    @abstractmethod
    def state(self) -> Any:
        """Plain values that `restored` makes it from."""

    def save(self, path: Path) -> None:
        """Write it to a JSON file."""
        content = {"kind": self.kind, "state": self.state()}
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> "Vocabulary":
        """What `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        restored: Vocabulary = KINDS[content["kind"]].restored(content["state"])
        return restored


def sentence(ids: Iterable[int]) -> list[int]:
    """The ids up to the first end, without padding and start."""
    kept: list[int] = []
    for i in ids:
        if i == END_ID:
            break
        if i not in (PADDING_ID, START_ID):
            kept.append(i)
    return kept


class _Listed(Vocabulary):
    """Tokens that stand in a list: what a text is cut into is looked up."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = list(pieces)
        self._ids = {piece: i for i, piece in enumerate(self.pieces)}

    def cut(self, text: str) -> list[str]:
        """The text's tokens, known or not."""
        raise NotImplementedError

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """See Vocabulary."""
        find = self._ids.get
        return [[find(piece, UNKNOWN_ID) for piece in self.cut(text)] for text in texts]

    @staticmethod
    def frequent(counts: Counter[str], size: int) -> list[str]:
        """The specials and the most frequent pieces; of equally frequent ones by alphabet."""
        for special in SPECIALS:
            counts.pop(special, None)
        if not counts:
            raise DataError("the training text holds no token")
        ranked = heapq.nsmallest(
            size - len(SPECIALS), counts.items(), key=lambda item: (-item[1], item[0])
        )
        return [*SPECIALS, *(piece for piece, _ in ranked)]


class Words(_Listed):
    """Whole words.

    Args:
        pieces: see Vocabulary.
        spaces: cut at spaces alone, for text that was tokenised by its makers.
        lower: in lower case.
    """

    kind = "words"
    knows_breaks = False
    joint = " "

    def __init__(self, pieces: Sequence[str], spaces: bool, lower: bool) -> None:
        super().__init__(pieces)
        self.spaces, self.lower = spaces, lower

    @classmethod
    def fit(
        cls, texts: Iterable[str], size: int, spaces: bool = False, lower: bool = False
    ) -> "Words":
        """The `size` most frequent words of the texts, specials included."""
        empty = cls(SPECIALS, spaces, lower)
        counts = count_pieces(texts, empty.cut)
        return cls(cls.frequent(counts, size), spaces, lower)

    def cut(self, text: str) -> list[str]:
        """See _Listed."""
        text = text.lower() if self.lower else text
        return split_spaces(text) if self.spaces else split_words(text)

    def decode(self, ids: Iterable[int]) -> str:
        """See Vocabulary."""
        words = [self.pieces[i] for i in sentence(ids)]
        return " ".join(words) if self.spaces else join_words(words)

    def state(self) -> Any:
        """See Vocabulary."""
        return {"pieces": self.pieces, "spaces": self.spaces, "lower": self.lower}

    @classmethod
    def restored(cls, state: Any) -> "Words":
        """From what `state` gave."""
        return cls(**state)


class Characters(_Listed):
    """Single characters.

    Args:
        pieces: see Vocabulary.
        lower: in lower case.
    """

    kind = "characters"

    def __init__(self, pieces: Sequence[str], lower: bool = False) -> None:
        super().__init__(pieces)
        self.lower = lower

    @classmethod
    def fit(cls, texts: Iterable[str], size: int, lower: bool = False) -> "Characters":
        """The `size` most frequent characters of the texts, specials included."""
        counts = count_pieces(texts, cls(SPECIALS, lower).cut)
        return cls(cls.frequent(counts, size), lower)

    def cut(self, text: str) -> list[str]:
        """See _Listed."""
        return list(text.lower() if self.lower else text)

    def decode(self, ids: Iterable[int]) -> str:
        """See Vocabulary."""
        return "".join(self.pieces[i] if i != UNKNOWN_ID else "\ufffd" for i in sentence(ids))

    def state(self) -> Any:
        """See Vocabulary."""
        return {"pieces": self.pieces, "lower": self.lower}

    @classmethod
    def restored(cls, state: Any) -> "Characters":
        """From what `state` gave."""
        return cls(**state)


class Subwords(Vocabulary):
    """Byte-pair encoding (Sennrich et al., 2016, https://aclanthology.org/P16-1162), on bytes.

    No text is unknown, and `decode` gives back every text exactly.

    Args:
        tokenizer: of the library `tokenizers`.
    """

    kind = "bpe"

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        tokenizer.encode_special_tokens = True  # "<eos>" in a text is a text, and ends nothing
        known = tokenizer.get_vocab(with_added_tokens=True)
        self.pieces = sorted(known, key=known.__getitem__)

    @classmethod
    def fit(cls, texts: Iterable[str], size: int, lower: bool = False) -> "Subwords":
        """At most `size` pieces, specials and the 256 bytes included, merged from the texts."""
        from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        if lower:
            tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIALS),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """See Vocabulary."""
        return [found.ids for found in self._tokenizer.encode_batch(list(texts))]

    def decode(self, ids: Iterable[int]) -> str:
        """See Vocabulary."""
        text: str = self._tokenizer.decode(sentence(ids), skip_special_tokens=True)
        return text

    def readable(self) -> list[str]:
        """See Vocabulary; pieces of a character are shown as a replacement mark."""
        decode = self._tokenizer.decode
        texts = (decode([i], skip_special_tokens=False) for i in range(len(SPECIALS), len(self)))
        return [*SPECIALS, *texts]

    def state(self) -> Any:
        """See Vocabulary."""
        return self._tokenizer.to_str()

    @classmethod
    def restored(cls, state: Any) -> "Subwords":
        """From what `state` gave."""
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_str(state))


KINDS: dict[str, Any] = {kind.kind: kind for kind in (Words, Characters, Subwords)}
