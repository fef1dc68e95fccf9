"""Texts in a temporary file: large tables are never in memory as a whole."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from tempfile import TemporaryFile
from typing import IO, overload

import numpy as np
from numpy.typing import NDArray

from rnnlab.runtime.files import cache_root
from rnnlab.spec import Ints

TEXT_BLOCK_BYTES = 1 << 22  # that are read at once
MAX_PREFIX_BYTES, MAX_PREFIX = 1 << 28, 64  # of all texts, and of one, when texts are sorted
Key = Callable[[str], str]


class SpooledTexts(Sequence[str]):
    """Texts in a temporary file, which disappears with the last object that uses it."""

    def __init__(self, file: IO[bytes], starts: Ints, ends: Ints) -> None:
        """Take texts that `write` has written; starts and ends are positions in the file, (N,)."""
        self._file, self._starts, self._ends = file, starts, ends

    @classmethod
    def write(cls, texts: Iterable[str]) -> "SpooledTexts":
        """Write texts to a temporary file in the folder of the cache."""
        root = cache_root()
        root.mkdir(parents=True, exist_ok=True)
        file, offsets = TemporaryFile(dir=root), array("q", [0])  # noqa: SIM115
        for text in texts:
            data = text.encode("utf-8", errors="surrogatepass")
            file.write(data)
            offsets.append(offsets[-1] + len(data))
        positions = np.array(offsets, dtype=np.int64)
        return cls(file, positions[:-1], positions[1:])

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "SpooledTexts": ...
    def __getitem__(self, index: int | slice) -> "str | SpooledTexts":
        if isinstance(index, slice):
            return SpooledTexts(self._file, self._starts[index], self._ends[index])
        return self._read(int(self._starts[index]), int(self._ends[index])).decode(
            "utf-8", errors="surrogatepass"
        )

    def __iter__(self) -> Iterator[str]:
        sizes = np.cumsum(self._ends - self._starts)
        blocks = np.flatnonzero(np.diff(sizes // TEXT_BLOCK_BYTES)) + 1
        for rows in np.split(np.arange(len(self)), blocks):
            yield from self._read_block(self._starts[rows], self._ends[rows])

    def _read_block(self, starts: Ints, ends: Ints) -> Iterator[str]:
        """Read texts together if they are close to each other."""
        if not len(starts):
            return
        first, last = int(starts.min()), int(ends.max())
        is_dense = last - first <= 4 * int((ends - starts).sum())
        data = self._read(first, last) if is_dense else b""
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            part = data[start - first : end - first] if is_dense else self._read(start, end)
            yield part.decode("utf-8", errors="surrogatepass")

    def _read(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        return self._file.read(end - start)

    def take(self, rows: NDArray[np.int64]) -> "SpooledTexts":
        """Return the texts of these rows, without reading them."""
        return SpooledTexts(self._file, self._starts[rows], self._ends[rows])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def take_rows(values: Sequence[str], rows: NDArray[np.int64]) -> Sequence[str]:
    """Return the values of these rows."""
    if isinstance(values, SpooledTexts):
        return values.take(rows)
    return [values[row] for row in rows.tolist()]


def number_texts(texts: Sequence[str], key: Key = str) -> Ints:
    """Return the number of each text among the different texts in sorted order, (N,).

    Texts with the same key are equal, and keys are sorted. Only the beginnings of the keys are in
    memory, and those keys whose beginnings are equal.

    >>> number_texts(["b", "a", "B"], key=str.lower)
    array([1, 0, 1])
    """
    width = max(1, min(MAX_PREFIX, MAX_PREFIX_BYTES // (len(texts) + 1)))
    prefixes = np.empty(len(texts), dtype=f"S{width}")
    for row, text in enumerate(texts):
        # The order of UTF-8 bytes is that of the characters. More of them are cut by NumPy.
        prefixes[row] = key(text[:width] if key is str else text).encode("utf-8", "surrogatepass")
    order = np.argsort(prefixes, kind="stable")
    is_new = np.append(True, prefixes[order][1:] != prefixes[order][:-1])
    del prefixes
    ends = np.append(np.flatnonzero(is_new)[1:], len(order))
    for start, end in zip(np.flatnonzero(is_new).tolist(), ends.tolist(), strict=True):
        if end - start > 1:
            rows = order[start:end]
            keys = [key(texts[row]) for row in rows.tolist()]
            ranks = sorted(range(len(keys)), key=keys.__getitem__)
            order[start:end] = rows[ranks]
            is_new[start + 1 : end] = [keys[a] != keys[b] for a, b in pairwise(ranks)]
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(is_new) - 1
    return numbers
