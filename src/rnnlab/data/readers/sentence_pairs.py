"""Readers of sentence pairs: aligned files, tab-separated lines and tables."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnlab.data.readers.files import file_format, read_lines
from rnnlab.data.readers.tables import Delimiter, is_table, read_table
from rnnlab.errors import DataError

Pair = tuple[str, str]


@dataclass(frozen=True)
class Pairs:
    """Pairs of a sentence and its translation; `read` iterates over them from the first one on."""

    name: str
    read: Callable[[], Iterator[Pair]]


def pairs_from_lists(name: str, sources: Sequence[str], targets: Sequence[str]) -> Pairs:
    """Return pairs that are in memory already."""
    return Pairs(name, lambda: zip(sources, targets, strict=True))


def read_aligned_files(source: Path, target: Path, encoding: str) -> Pairs:
    """Return the pairs of two files: line i of one is the translation of line i of the other."""

    def read() -> Iterator[Pair]:
        sources, targets = _read_sentences(source, encoding), _read_sentences(target, encoding)
        count = 0
        for sentence in sources:
            translation = next(targets, None)
            if translation is None:
                raise _misaligned(source, target, count + 1 + _count_lines(sources), count)
            count += 1
            yield sentence, translation
        if rest := _count_lines(targets):
            raise _misaligned(target, source, count + rest, count)

    return Pairs(f"{source.name} and {target.name}", read)


def _count_lines(lines: Iterator[str]) -> int:
    return sum(1 for _ in lines)


def _misaligned(longer: Path, shorter: Path, long: int, short: int) -> DataError:
    return DataError(
        f"{longer}, line {short + 1}: has no partner. {longer.name} has {long:,} lines, "
        f"{shorter.name} has {short:,}, and line i of one must be the translation of line i of the "
        "other"
    )


def read_pair_file(
    file: Path, encoding: str, languages: Pair, delimiter: Delimiter | None = None
) -> Pairs:
    """Return the pairs of one file.

    It is a table with a column for each language; or, with the extension .tsv or any other, lines
    of source, tab, target and columns that are ignored, without quotes. There, a first line that
    names the two languages is a header.
    """
    if is_table(file) and file_format(file) != ".tsv":
        return Pairs(file.name, lambda: _read_columns(file, encoding, languages, delimiter))
    return Pairs(file.name, lambda: _read_tab_separated(file, encoding, languages))


def _read_columns(
    file: Path, encoding: str, languages: Pair, delimiter: Delimiter | None
) -> Iterator[Pair]:
    settings = "data.source_language and data.target_language"
    table = read_table(file, languages, encoding=encoding, delimiter=delimiter, settings=settings)
    sources, targets = (map(_join_lines, table[language]) for language in languages)
    return zip(sources, targets, strict=True)


def _join_lines(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\n", " ").strip()


def _read_tab_separated(file: Path, encoding: str, languages: Pair) -> Iterator[Pair]:
    for number, line in enumerate(_read_sentences(file, encoding), start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) < 2:
            raise DataError(
                f"{file}, line {number}: has no tab, but a source sentence, a tab and its "
                f"translation are expected. Found {line[:60]!r}"
            )
        if number > 1 or (cells[0].lower(), cells[1].lower()) != languages:
            yield cells[0], cells[1]


def _read_sentences(file: Path, encoding: str) -> Iterator[str]:
    return map(str.strip, read_lines(file, encoding))
