"""Text to token ids: tokenised once, kept as one flat array, gathered without a Python loop."""

import re
import shutil
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnlab.spec import UNKNOWN_ID

Ints = NDArray[np.int64]
Ids = NDArray[np.int32]
SPECIAL = 2  # ids before the first word: padding and unknown
NO_WORD = "<none>"  # stands for a text without any word, so that no sequence is empty
PADDED_CELLS = 100_000_000  # of a split: 200 MB in memory, where two bytes are enough
TOKENS_VERSION = 2  # raise it when tokenize changes, so that old caches are left alone

_BREAK = re.compile(r"<br\s*/?>")
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[!?]")
_SHAPE = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[^\w\s]|_")
CAPITALS = "<capitals>"  # stands before a word that is written in capitals
LONGEST_NUMBER = 12  # digits that are told apart


def tokenize(text: str) -> list[str]:
    """Lower-case words with their inner apostrophes, and the marks ! and ?.

    >>> tokenize("It isn't <br /> GOOD!")
    ['it', "isn't", 'good', '!']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace("\u2019", "'")  # the typographic one
    return _TOKEN.findall(_BREAK.sub(" ", text.lower()))


def tokenize_shapes(text: str) -> list[str]:
    """Lower-case words, every mark, and how things are written: capitals, lengths of numbers.

    Numbers of three digits and more are told apart by their length alone.

    >>> tokenize_shapes("WINNER! Call 09061701461, it's 2 4 U")
    ['<capitals>', 'winner', '!', 'call', '00000000000', ',', "it's", '2', '4', 'u']
    """
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'")
    tokens: list[str] = []
    for piece in _SHAPE.findall(text):
        if piece[0].isdigit() and len(piece) > 2:
            tokens.append("0" * min(len(piece), LONGEST_NUMBER))
        elif len(piece) > 1 and piece.isupper():
            tokens += [CAPITALS, piece.lower()]
        else:
            tokens.append(piece.lower())
    return tokens


TextTokens = Literal["words", "shapes", "characters"]
TOKENIZERS: dict[TextTokens, Callable[[str], list[str]]] = {
    "words": tokenize,
    "shapes": tokenize_shapes,
    "characters": list,
}


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths in one flat array.

    Attributes:
        values: all sequences one after the other, (total,).
        offsets: where each begins, and where the last ends, (N + 1,).
    """

    values: NDArray[Any]
    offsets: Ints

    @property
    def lengths(self) -> Ints:
        """Tokens of each sequence, (N,)."""
        return np.diff(self.offsets)

    def save(self, folder: Path, name: str) -> None:
        """Write the two arrays."""
        np.save(folder / f"{name}.values.npy", self.values)
        np.save(folder / f"{name}.offsets.npy", self.offsets)

    @staticmethod
    def write(folder: Path, name: str, pieces: Iterable[Sequence[Sequence[int]]]) -> None:
        """The same from pieces of some sequences each, of which one at a time is in memory."""
        counts = array("q", [0])
        unfinished = folder / f"{name}.values.bin"
        with unfinished.open("wb") as file:
            for piece in pieces:
                counts.extend(map(len, piece))
                file.write(np.fromiter(chain.from_iterable(piece), np.int32).tobytes())
        offsets = np.cumsum(np.array(counts, dtype=np.int64))
        np.save(folder / f"{name}.offsets.npy", offsets)
        _add_header(unfinished, folder / f"{name}.values.npy")

    @classmethod
    def load(cls, folder: Path, name: str) -> "Ragged":
        """Map the two arrays into memory; pages are read when they are asked for."""
        values = np.load(folder / f"{name}.values.npy", mmap_mode="r")
        return cls(values, np.load(folder / f"{name}.offsets.npy"))

    def gather(
        self, rows: Ints, seq_len: int, head_fraction: float = 0.0
    ) -> tuple[NDArray[Any], Ints]:
        """A padded batch: (B, T) values and (B,) lengths, T the longest that is left.

        Args:
            rows: which sequences.
            seq_len: longest sequence; of a longer one the middle is cut out.
            head_fraction: share of seq_len that is kept of a long sequence's beginning; the rest is
                kept of its end.
        """
        starts = self.offsets[rows]
        full = self.offsets[rows + 1] - starts
        lengths = np.minimum(full, seq_len)
        steps, head = int(lengths.max()), int(seq_len * head_fraction)
        if full.max() > seq_len and head:
            behind = starts + head + full - lengths  # where a cut sequence goes on
            values = np.empty((len(rows), steps), self.values.dtype)
            values[:, :head] = self._windows(starts, head)
            values[:, head:] = self._windows(behind, steps - head)
        else:
            values = self._windows(starts + full - lengths, steps)
        shortest = int(lengths.min())
        values[:, shortest:] *= np.arange(shortest, steps) < lengths[:, None]  # padding is 0
        return values, lengths

    def _windows(self, starts: Ints, width: int) -> NDArray[Any]:
        """So many values from each start on, whatever sequence they are of, (B, width)."""
        last = len(self.values) - width
        if starts.max() > last:
            places = starts[:, None] + np.arange(width)
            beside: NDArray[Any] = self.values[np.minimum(places, len(self.values) - 1)]
            return beside
        # Every window of the array, as a view: rows of it are copied whole, not value by value.
        strides = (self.values.itemsize, self.values.itemsize)
        every = np.ndarray((last + 1, width), self.values.dtype, self.values, 0, strides)
        chosen: NDArray[Any] = every[starts]
        return chosen


@dataclass(frozen=True)
class Reading:
    """How sequences are read: which tokens are told apart, and where a long one is cut.

    Attributes:
        vocab_size: ids from here on are read as <unk>.
        seq_len: see Ragged.gather.
        head_fraction: see Ragged.gather.
    """

    vocab_size: int
    seq_len: int
    head_fraction: float

    def gather(self, sequences: Ragged, rows: Ints) -> tuple[Ids, Ints]:
        """A padded batch: (B, T) ids and (B,) lengths, T the longest that is left."""
        tokens, lengths = sequences.gather(rows, self.seq_len, self.head_fraction)
        return keep_frequent(tokens, self.vocab_size).astype(np.int32), lengths


class Padded:
    """Sequences of one split as they are read, ready to be gathered fast.

    They are cut and padded side by side once, in as few bytes as their ids take: a batch is a few
    rows of one array, and of short sequences a few rows of a narrower copy of it. What is too large
    for that is gathered from the flat array.

    Args:
        sequences: of the split.
        reading: how they are read.

    Attributes:
        lengths: steps of each sequence as it is read, (N,).
        shelves: the padded sequences, (N, W), and their beginnings, (N, 3/4 W) ...; narrow first.
    """

    def __init__(self, sequences: Ragged, reading: Reading) -> None:
        self.sequences, self.reading = sequences, reading
        self.lengths: Ints = np.minimum(sequences.lengths, reading.seq_len)
        self.shelves: list[NDArray[Any]] = []
        if len(self.lengths) * int(self.lengths.max()) <= PADDED_CELLS:
            whole = self._pad()
            widths = sorted({whole.shape[1] * part // 8 for part in (1, 2, 3, 4, 6)} - {0})
            self.shelves = [*(whole[:, :width].copy() for width in widths), whole]
        self.widths = [shelf.shape[1] for shelf in self.shelves]

    def _pad(self) -> NDArray[Any]:
        kind = np.uint16 if self.reading.vocab_size <= 2**16 else np.int32
        padded = np.zeros((len(self.lengths), int(self.lengths.max())), kind)
        for start in range(0, len(padded), 1000):
            rows = np.arange(start, min(start + 1000, len(padded)))
            tokens, _ = self.reading.gather(self.sequences, rows)
            padded[rows, : tokens.shape[1]] = tokens
        return padded

    def gather(self, rows: Ints) -> tuple[Ids, Ints]:
        """A padded batch: (B, T) ids and (B,) lengths, T the longest of them."""
        if not self.shelves:
            return self.reading.gather(self.sequences, rows)
        lengths = self.lengths[rows]
        longest = lengths[lengths.argmax()]  # a third of the time of max()
        shelf = self.shelves[bisect_left(self.widths, longest)]
        # Whole rows are copied as they are; ids of four bytes take a third of the time of eight.
        return shelf.take(rows, axis=0)[:, :longest].astype(np.int32), lengths


def _add_header(raw: Path, npy: Path) -> None:
    """Make an array file from its bare values."""
    size = raw.stat().st_size // np.dtype(np.int32).itemsize
    with raw.open("rb") as values, npy.open("wb") as file:
        header = {"descr": np.dtype(np.int32).str, "fortran_order": False, "shape": (size,)}
        np.lib.format.write_array_header_1_0(file, header)
        shutil.copyfileobj(values, file, 1 << 20)
    raw.unlink()


def index_tokens(
    texts: Mapping[str, Sequence[str]],
    report: Callable[[], None] | None = None,
    cut: Callable[[str], list[str]] = tokenize,
) -> tuple[dict[str, Ragged], list[str]]:
    """Tokenise all splits; number words by how often the training split has them.

    Words that the training split has not are <unk> everywhere. A smaller vocabulary is taken later
    by `keep_frequent`, without tokenising again.

    Args:
        texts: split -> its texts; "train" is among them.
        report: called after each text.
        cut: makes tokens of a text.

    Returns:
        The splits' ids, and the words: words[i] has the id i + SPECIAL; frequent ones first, of
        equally frequent ones in alphabetical order.
    """
    first_seen: dict[str, int] = {}
    raw = {s: _number(members, first_seen, report, cut) for s, members in texts.items()}
    counts = np.bincount(raw["train"].values, minlength=len(first_seen))
    words = np.array(list(first_seen), dtype=object)
    order = np.lexsort((np.argsort(np.argsort(words)), -counts))
    known = int((counts > 0).sum())
    ids = np.full(len(words), UNKNOWN_ID, dtype=np.int32)
    ids[order[:known]] = np.arange(SPECIAL, SPECIAL + known)
    splits = {split: Ragged(ids[part.values], part.offsets) for split, part in raw.items()}
    return splits, words[order[:known]].tolist()


def _number(
    texts: Iterable[str],
    first_seen: dict[str, int],
    report: Callable[[], None] | None,
    cut: Callable[[str], list[str]],
) -> Ragged:
    """Words numbered in the order of their first appearance."""
    pieces, offsets = [], [0]
    for text in texts:
        ids = [first_seen.setdefault(word, len(first_seen)) for word in cut(text)]
        ids = ids or [first_seen.setdefault(NO_WORD, len(first_seen))]
        pieces.append(np.array(ids, dtype=np.int32))
        offsets.append(offsets[-1] + len(ids))
        if report:
            report()
    values = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int32)
    return Ragged(values, np.array(offsets))


def keep_frequent(ids: NDArray[Any], vocab_size: int) -> NDArray[Any]:
    """The ids with every one from `vocab_size` on read as <unk>."""
    if not ids.size or ids.max() < vocab_size:
        return ids
    return np.where(ids >= vocab_size, ids.dtype.type(UNKNOWN_ID), ids)
