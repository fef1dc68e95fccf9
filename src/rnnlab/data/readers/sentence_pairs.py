"""Readers of sentence pairs: aligned files, tab-separated lines and tables."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rnnlab.data.readers.delimited import DelimitedTable, TableFormat
from rnnlab.data.readers.files import file_format, read_lines
from rnnlab.data.readers.tables import is_table, read_table
from rnnlab.errors import DataError

Pair = tuple[str, str]
QUOTED_SENTENCE = re.compile(r'\s*"(?:[^"]|"")*"\s*')  # as a CSV writer encloses a cell ...
ESCAPED_SENTENCE = re.compile(
    r'\s*"(?:[^"]|"")*""(?:[^"]|"")*"\s*'
)  # ... that holds a quotation mark


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


def read_pair_file(file: Path, languages: Pair, table_format: TableFormat) -> Pairs:
    """Return the pairs of one file.

    It is a table with a column for each language; or, with the extension .tsv or any other, lines
    of source, tab, target and columns that are ignored. There, quotation marks are characters
    unless data.quoting=standard, and a first line that names the two languages is a header.
    """
    if is_table(file) and file_format(file) != ".tsv":
        return Pairs(file.name, lambda: _read_columns(file, languages, table_format))
    return Pairs(file.name, lambda: _read_tab_separated(file, languages, table_format))


def _read_columns(file: Path, languages: Pair, table_format: TableFormat) -> Iterator[Pair]:
    settings = "data.source_language and data.target_language"
    table = read_table(file, languages, table_format=table_format, settings=settings)
    sources, targets = (map(_join_lines, table[language]) for language in languages)
    return zip(sources, targets, strict=True)


def _join_lines(cell: str) -> str:
    return cell.replace("\r\n", "\n").replace("\n", " ").strip()


def _read_tab_separated(file: Path, languages: Pair, table_format: TableFormat) -> Iterator[Pair]:
    rows, first = _read_tab_rows(file, table_format), True
    for number, cells in rows:
        if len(cells) < 2:
            raise DataError(
                f"{file}, line {number}: has no tab, but a source sentence, a tab and its "
                f"translation are expected. Found {cells[0][:60]!r}"
            )
        source, target = (_join_lines(cell) for cell in cells[:2])
        if not first or (source.lower(), target.lower()) != languages:
            yield source, target
        first = False


def _read_tab_rows(file: Path, table_format: TableFormat) -> Iterator[tuple[int, Sequence[str]]]:
    """Iterate over rows of cells, each with the number of its line.

    Raises:
        DataError: quotation marks may enclose the cells.
    """
    if table_format.quoting == "standard":
        yield from DelimitedTable(file, replace(table_format, delimiter="tab", header=False))
        return
    is_auto, only_quoted = table_format.quoting == "auto", True
    number = 0
    for number, line in enumerate(_read_sentences(file, table_format.encoding), start=1):
        cells = line.split("\t")
        if is_auto and any(map(ESCAPED_SENTENCE.fullmatch, cells)):
            raise _quoting_error(f"{file}, line {number:,}")
        only_quoted = only_quoted and all(map(QUOTED_SENTENCE.fullmatch, cells))
        yield number, cells
    if is_auto and number and only_quoted:
        raise _quoting_error(f"{file}, line 1")


def _quoting_error(place: str) -> DataError:
    return DataError(
        f"{place}: quotation marks seem to enclose the cells. Set data.quoting=standard to remove "
        "them, or data.quoting=none if they are characters of the sentences"
    )


def _read_sentences(file: Path, encoding: str) -> Iterator[str]:
    return map(str.strip, read_lines(file, encoding))
