"""Ragged arrays: sequences of different lengths on disk, gathered into padded batches."""

import io
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from rnnlab.spec import UNKNOWN_ID, Ints

BLOCK_BYTES = 1 << 22  # that are read at once
MAX_PADDED_VALUES = 100_000_000  # of a split: 200 MB in memory with two bytes each


@dataclass(frozen=True)
class RaggedArray:
    """Sequences of different lengths in one flat array.

    Attributes:
        values: all sequences, one after the other, (total,).
        offsets: start of each sequence, and end of the last one, (N + 1,).
    """

    values: NDArray[Any]
    offsets: Ints

    @property
    def lengths(self) -> Ints:
        """Length of each sequence, (N,)."""
        return np.diff(self.offsets)

    def save(self, folder: Path, name: str) -> None:
        """Write the array to two files; RaggedWriter writes the same files in parts."""
        np.save(folder / f"{name}.values.npy", self.values)
        np.save(folder / f"{name}.offsets.npy", self.offsets)

    @classmethod
    def load(cls, folder: Path, name: str) -> "RaggedArray":
        """Map the files into memory; pages are read on access."""
        values = np.load(folder / f"{name}.values.npy", mmap_mode="r")
        return cls(values, np.asarray(np.load(folder / f"{name}.offsets.npy", mmap_mode="r")))

    def gather(
        self, rows: Ints, seq_len: int, head_fraction: float = 0.0
    ) -> tuple[NDArray[Any], Ints]:
        """Return a padded batch: values (B, T) and lengths (B,); T is the longest length.

        Args:
            rows: indices of the sequences, (B,).
            seq_len: maximum length; the middle of a longer sequence is removed.
            head_fraction: share of seq_len that is kept from the start of a longer sequence; the
                rest is kept from its end.
        """
        starts = self.offsets[rows]
        full = self.offsets[rows + 1] - starts
        lengths = np.minimum(full, seq_len)
        steps, head = int(lengths.max()), int(seq_len * head_fraction)
        if full.max() > seq_len and head:
            tails = starts + head + full - lengths  # where a truncated sequence continues
            values = np.empty((len(rows), steps), self.values.dtype)
            values[:, :head] = self._windows(starts, head)
            values[:, head:] = self._windows(tails, steps - head)
        else:
            values = self._windows(starts + full - lengths, steps)
        shortest = int(lengths.min())
        values[:, shortest:] *= np.arange(shortest, steps) < lengths[:, None]  # padding is 0
        return values, lengths

    def _windows(self, starts: Ints, width: int) -> NDArray[Any]:
        """Return `width` values from each start, across sequence boundaries, (B, width)."""
        last = len(self.values) - width
        if starts.max() > last:
            positions = starts[:, None] + np.arange(width)
            values: NDArray[Any] = self.values[np.minimum(positions, len(self.values) - 1)]
            return values
        # A view of all windows of the array: its rows are copied whole, not value by value.
        strides = (self.values.itemsize, self.values.itemsize)
        view = np.ndarray((last + 1, width), self.values.dtype, self.values, 0, strides)
        windows: NDArray[Any] = view[starts]
        return windows


class RaggedWriter:
    """Writes the files of a RaggedArray in parts, of which one at a time is in memory."""

    def __init__(self, folder: Path, name: str, dtype: DTypeLike = np.int32) -> None:
        self._offsets_path = folder / f"{name}.offsets.npy"
        self._file = (folder / f"{name}.values.npy").open("wb")
        self._dtype = np.dtype(dtype)
        self._lengths = array("q", [0])
        self._write_header(0)

    def _write_header(self, size: int) -> None:
        # NumPy pads the header such that it does not grow with the size.
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (size,)}
        np.lib.format.write_array_header_1_0(self._file, header)

    def write(self, sequence: NDArray[Any]) -> None:
        """Append one sequence."""
        self._file.write(np.ascontiguousarray(sequence, self._dtype).tobytes())
        self._lengths.append(len(sequence))

    def write_all(self, sequences: Sequence[Sequence[int]]) -> None:
        """Append several sequences."""
        self._file.write(np.fromiter(chain.from_iterable(sequences), self._dtype).tobytes())
        self._lengths.extend(map(len, sequences))

    def close(self) -> None:
        """Finish the files."""
        offsets = np.cumsum(np.array(self._lengths, dtype=np.int64))
        self._file.seek(0)
        self._write_header(int(offsets[-1]))
        self._file.close()
        np.save(self._offsets_path, offsets)


def read_blocks(folder: Path, name: str) -> Iterator[NDArray[np.int32]]:
    """Iterate over the int32 values of a RaggedArray in blocks."""
    with (folder / f"{name}.values.npy").open("rb") as file:
        _skip_header(file)
        while data := file.read(BLOCK_BYTES):
            yield np.frombuffer(data, np.int32)


def replace_values(folder: Path, name: str, table: NDArray[np.int32]) -> None:
    """Replace each int32 value v of a RaggedArray on disk by table[v]."""
    with (folder / f"{name}.values.npy").open("r+b") as file:
        _skip_header(file)
        while data := file.read(BLOCK_BYTES):
            file.seek(-len(data), io.SEEK_CUR)
            file.write(table[np.frombuffer(data, np.int32)].tobytes())


def _skip_header(file: IO[bytes]) -> None:
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)


class TextStore:
    """Texts on disk that a TextWriter wrote, read one by one."""

    def __init__(self, folder: Path, name: str) -> None:
        texts = RaggedArray.load(folder, f"{name}.texts")
        self._offsets, self._bytes = texts.offsets, texts.values.data

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def num_bytes(self) -> int:
        """Size of all texts."""
        return int(self._offsets[-1])

    def __getitem__(self, index: int) -> str:
        start, end = self._offsets[index : index + 2].tolist()
        return str(self._bytes[start:end], "utf-8")

    def __iter__(self) -> Iterator[str]:
        return (str(self._bytes[start:end], "utf-8") for start, end in pairwise(self._offsets))


class TextWriter(RaggedWriter):
    """Writes texts one by one, for a TextStore."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, f"{name}.texts", np.uint8)

    def write_text(self, text: str) -> None:
        """Append a text."""
        self.write(np.frombuffer(text.encode("utf-8", errors="replace"), np.uint8))


def save_texts(folder: Path, name: str, texts: Iterable[str]) -> None:
    """Write texts for a TextStore."""
    writer = TextWriter(folder, name)
    for text in texts:
        writer.write_text(text)
    writer.close()


@dataclass(frozen=True)
class TruncationConfig:
    """Limits of vocabulary (larger ids become <unk>) and length; see RaggedArray.gather."""

    vocab_size: int
    seq_len: int
    head_fraction: float

    def gather(self, sequences: RaggedArray, rows: Ints) -> tuple[NDArray[np.int32], Ints]:
        """Return a padded batch: ids (B, T) and lengths (B,); T is the longest length."""
        tokens, lengths = sequences.gather(rows, self.seq_len, self.head_fraction)
        return limit_vocabulary(tokens, self.vocab_size).astype(np.int32), lengths


class PaddedArray:
    """Truncated sequences of one split, padded once so that batches are gathered fast.

    All sequences are stored in one padded array, with the smallest integer type that holds their
    ids. A batch of short sequences is taken from a narrower copy. A split that is too large is
    gathered from the flat array instead.

    Attributes:
        lengths: length of each sequence after truncation, (N,).
        width_buckets: the padded sequences, (N, W), and their first columns, (N, 3/4 W) ..., in
            ascending order of width.
    """

    def __init__(self, sequences: RaggedArray, truncation: TruncationConfig) -> None:
        self.sequences, self.truncation = sequences, truncation
        self.lengths: Ints = np.minimum(sequences.lengths, truncation.seq_len)
        self.width_buckets: list[NDArray[Any]] = []
        if len(self.lengths) * int(self.lengths.max()) <= MAX_PADDED_VALUES:
            whole = self._pad()
            widths = sorted({whole.shape[1] * part // 8 for part in (1, 2, 3, 4, 6)} - {0})
            self.width_buckets = [*(whole[:, :width].copy() for width in widths), whole]
        self.widths = [bucket.shape[1] for bucket in self.width_buckets]

    def _pad(self) -> NDArray[Any]:
        dtype = np.uint16 if self.truncation.vocab_size <= 2**16 else np.int32
        matrix = np.zeros((len(self.lengths), int(self.lengths.max())), dtype)
        for start in range(0, len(matrix), 1000):
            rows = np.arange(start, min(start + 1000, len(matrix)))
            tokens, _ = self.truncation.gather(self.sequences, rows)
            matrix[rows, : tokens.shape[1]] = tokens
        return matrix

    def gather(self, rows: Ints) -> tuple[NDArray[np.int32], Ints]:
        """Return a padded batch: ids (B, T) and lengths (B,); T is the longest length."""
        if not self.width_buckets:
            return self.truncation.gather(self.sequences, rows)
        lengths = self.lengths[rows]
        longest = lengths[lengths.argmax()]  # a third of the time of max()
        bucket = self.width_buckets[bisect_left(self.widths, longest)]
        # Whole rows are copied first; ids with four bytes take a third of the time of eight.
        return bucket.take(rows, axis=0)[:, :longest].astype(np.int32), lengths


def limit_vocabulary(ids: NDArray[Any], vocab_size: int) -> NDArray[Any]:
    """Return the ids with <unk> in place of those from `vocab_size` on."""
    if not ids.size or ids.max() < vocab_size:
        return ids
    return np.where(ids >= vocab_size, ids.dtype.type(UNKNOWN_ID), ids)
