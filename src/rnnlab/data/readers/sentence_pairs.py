"""Readers of sentence pairs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnlab.data.readers.files import read_lines
from rnnlab.errors import DataError

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


def pairs_from_lists(name: str, sources: Sequence[str], targets: Sequence[str]) -> Pairs:
    """Pairs that are in memory already."""
    return Pairs(name, lambda: zip(sources, targets, strict=True))


def read_aligned_files(source: Path, target: Path, encoding: str) -> Pairs:
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


def read_pair_file(file: Path, encoding: str, languages: Pair) -> Pairs:
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
