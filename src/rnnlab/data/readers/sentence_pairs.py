"""Sentence pairs between the files they came from and the arrays they become."""

import hashlib
import mmap
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.readers.files import read_lines
from rnnlab.errors import DataError

MAX_CHARACTERS = 10_000  # of a sentence; what is longer is no sentence

Pair = tuple[str, str]


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations, read one after the other.

    Attributes:
        name: of the file or files, for errors.
        read: begins from the first pair; the i-th one stands in line i + 1.
    """

    name: str
    read: Callable[[], Iterator[Pair]]


def listed(name: str, sources: Sequence[str], targets: Sequence[str]) -> Pairs:
    """Pairs that are in memory already."""
    return Pairs(name, lambda: zip(sources, targets, strict=True))


def aligned(source: Path, target: Path, encoding: str) -> Pairs:
    """Two files; line i of one is the translation of line i of the other."""

    def read() -> Iterator[Pair]:
        sources, targets = _read_sentences(source, encoding), _read_sentences(target, encoding)
        count = 0
        for one in sources:
            other = next(targets, None)
            if other is None:
                raise _misaligned(source, target, count + 1 + _rest(sources), count)
            count += 1
            yield one, other
        if more := _rest(targets):
            raise _misaligned(target, source, count + more, count)

    return Pairs(f"{source.name} and {target.name}", read)


def _rest(lines: Iterator[str]) -> int:
    return sum(1 for _ in lines)


def _misaligned(longer: Path, shorter: Path, more: int, fewer: int) -> DataError:
    return DataError(
        f"{longer}, line {fewer + 1}: has no partner. {longer.name} has {more:,} lines, "
        f"{shorter.name} has {fewer:,}, and line i of one must be the translation of line i of the "
        "other"
    )


def tab_separated(file: Path, encoding: str, languages: Pair) -> Pairs:
    """One file with source, tab, target in each line; what stands behind a second tab is left out.

    A first line that names the two languages is a header.
    """

    def read() -> Iterator[Pair]:
        for number, line in enumerate(_read_sentences(file, encoding), start=1):
            cells = line.split("\t")
            if len(cells) < 2:
                raise DataError(
                    f"{file}, line {number}: has no tab, but wanted are a source sentence, a tab "
                    f"and its translation. Found {line[:60]!r}"
                )
            if number == 1 and tuple(cell.strip().lower() for cell in cells[:2]) == languages:
                continue
            yield cells[0].strip(), cells[1].strip()

    return Pairs(file.name, read)


def _read_sentences(file: Path, encoding: str) -> Iterator[str]:
    """Iterate over the lines of a file, without the white space around them."""
    return map(str.strip, read_lines(file, encoding))


class TextStore:
    """Texts in one file that is read piece by piece.

    Args:
        folder: where `TextWriter` left them.
        name: of the texts.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.offsets = np.load(folder / f"{name}.texts.npy", mmap_mode="r")
        with (folder / f"{name}.texts.bin").open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str:
        start, end = int(self.offsets[index]), int(self.offsets[index + 1])
        return self._bytes[start:end].decode("utf-8")


class TextWriter:
    """Writes texts one after the other, for a TextStore."""

    def __init__(self, folder: Path, name: str) -> None:
        self._place = folder / f"{name}.texts.npy"
        self._file = (folder / f"{name}.texts.bin").open("wb")
        self._offsets = array("q", [0])

    def add(self, text: str) -> None:
        """Write one."""
        raw = text.encode("utf-8", errors="replace")
        self._file.write(raw)
        self._offsets.append(self._offsets[-1] + len(raw))

    def close(self) -> None:
        """No more texts."""
        self._file.close()
        np.save(self._place, np.array(self._offsets, dtype=np.int64))


@dataclass(frozen=True)
class Stored:
    """Pairs that stand in the folder of the prepared data.

    Attributes:
        name: see Pairs.
        groups: a number for each source sentence, equal for equal ones, (N,).
        sha256: of all pairs.
    """

    name: str
    groups: NDArray[np.int64]
    sha256: str


class Keeper:
    """Writes the pairs of one part that can be used, and counts the others.

    Args:
        folder: of the prepared data.
        part: name of the texts in it.
        name: see Pairs.
        strict: a pair that cannot be used is an error: what is evaluated must not shrink silently.
    """

    def __init__(self, folder: Path, part: str, name: str, strict: bool) -> None:
        self.name, self.strict = name, strict
        self.sources = TextWriter(folder, f"{part}.source")
        self.targets = TextWriter(folder, f"{part}.target")
        self.groups = array("q")
        self.digest = hashlib.sha256()
        self.unused = {"with an empty side": 0, f"of over {MAX_CHARACTERS:,} characters": 0}

    def add(self, line: int, pair: Pair) -> None:
        """Take the next pair."""
        source, target = pair
        problems = (not (source and target), max(len(source), len(target)) > MAX_CHARACTERS)
        for reason, found in zip(self.unused, problems, strict=True):
            if found and self.strict:
                raise DataError(
                    f"{self.name}, line {line}: is a pair {reason}, and what is evaluated is never "
                    "left out silently. Take the line out of both sides, or mend it"
                )
            if found:
                self.unused[reason] += 1
                return
        self.sources.add(source)
        self.targets.add(target)
        self.groups.append(group_of(source))
        self.digest.update(f"{source}\t{target}\n".encode("utf-8", errors="replace"))

    def close(self, notes: list[str]) -> Stored:
        """No more pairs; what was left out is added to the notes."""
        self.sources.close()
        self.targets.close()
        if not self.groups:
            raise DataError(f"{self.name}: holds no pair of sentences")
        for reason, count in self.unused.items():
            if count:
                notes.append(f"{count:,} pairs of {self.name} {reason} were left out")
        groups = np.array(self.groups, dtype=np.int64)
        return Stored(self.name, groups, self.digest.hexdigest())


def group_of(source: str) -> int:
    """A number that equal sentences share; 64 bits of a hash, whatever Python's own is seeded."""
    raw = hashlib.blake2b(source.encode("utf-8", errors="replace"), digest_size=8).digest()
    return int.from_bytes(raw, "little", signed=True)


def chunks(rows: NDArray[np.int64], size: int) -> Iterator[list[int]]:
    """The rows, some at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size].tolist()
