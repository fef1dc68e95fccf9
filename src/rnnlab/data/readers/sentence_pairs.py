"""Readers of sentence pairs: aligned files, tab-separated lines and tables."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

from rnnlab.data.base import Split
from rnnlab.data.readers.dates import excerpt
from rnnlab.data.readers.delimited import (
    DelimitedTable,
    TableFormat,
    is_blank,
    is_delimited,
    number_columns,
)
from rnnlab.data.readers.files import COMPRESSIONS, check_file, file_format, read_lines
from rnnlab.data.readers.tables import is_table, read_table
from rnnlab.data.sources.split_names import SplitNames, find_splits
from rnnlab.data.text.pair_columns import (
    COLUMN_SETTINGS,
    SAMPLE_ROWS,
    Pair,
    PairColumns,
    choose_columns,
    has_header,
    join_lines,
)
from rnnlab.errors import DataError

Row = tuple[int, Sequence[str]]  # number of the line, and its cells
QUOTED_SENTENCE = re.compile(r'\s*"(?:[^"]|"")*"\s*')  # as a CSV writer encloses a cell ...
ESCAPED_SENTENCE = re.compile(
    r'\s*"(?:[^"]|"")*""(?:[^"]|"")*"\s*'
)  # ... that holds a quotation mark


@dataclass(frozen=True)
class Pairs:
    """Pairs of a sentence and its translation.

    Attributes:
        name: of the files, for errors and notes.
        read: iterates over the pairs, from the first one on.
        notes: choices and repairs of the last complete iteration.
        unit: what the number of a pair counts, in errors: pairs, or lines of the files.
    """

    name: str
    read: Callable[[], Iterator[Pair]]
    notes: list[str] = field(default_factory=list)
    unit: str = "pair"


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

    return Pairs(f"{source.name} and {target.name}", read, unit="line")


def _count_lines(lines: Iterator[str]) -> int:
    return sum(1 for _ in lines)


def _misaligned(longer: Path, shorter: Path, long: int, short: int) -> DataError:
    return DataError(
        f"{longer}, line {short + 1}: has no partner. {longer.name} has {long:,} lines, "
        f"{shorter.name} has {short:,}, and line i of one must be the translation of line i of the "
        "other"
    )


def find_split_files(
    folder: Path, languages: Pair, names: SplitNames
) -> dict[Split, tuple[Path, Path]]:
    """Return the two files of each split, such as train.en and train.de, perhaps compressed.

    Raises:
        DataError: a file has no partner, or several files have the name of one side of a split.
    """
    source, target = sides = [_find_language_files(folder, language) for language in languages]
    stems = {file: stem for stem, file in {**target, **source}.items()}
    splits = {split: stems[file] for split, file in find_splits(folder, stems, names).items()}
    for stem in splits.values():
        for side, other, language in zip(sides, reversed(sides), languages, strict=True):
            if stem not in side:
                raise DataError(
                    f"{other[stem]}: there is no file next to it with the ending .{language}"
                )
    return {
        split: (check_file(source[stem]), check_file(target[stem]))
        for split, stem in splits.items()
    }


def _find_language_files(folder: Path, language: str) -> dict[str, Path]:
    """Return the files with the ending of a language, by their names without it."""
    endings = tuple(f".{language}{ending}".lower() for ending in ("", *COMPRESSIONS))
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        ending = next((e for e in endings if file.name.lower().endswith(e)), "")
        stem = file.name[: -len(ending)] if ending else ""
        if stem in files:
            raise DataError(
                f"{folder}: {files[stem].name}, {file.name} are ambiguous; keep one of them"
            )
        if stem:
            files[stem] = file
    return files


def read_pair_file(file: Path, columns: PairColumns, table_format: TableFormat) -> Pairs:
    """Return the pairs of one file.

    It is a table with a column for each language; or, with the extension .tsv or any other, lines
    of cells separated by tabs, see `rnnlab.data.text.pair_columns`. There, quotation marks are
    characters unless data.quoting=standard.
    """
    notes: list[str] = []
    is_named = is_table(file) and file_format(file) != ".tsv"
    read = _read_columns if is_named else _read_tab_separated
    return Pairs(file.name, lambda: read(file, columns, table_format, notes), notes)


def _read_columns(
    file: Path, columns: PairColumns, table_format: TableFormat, notes: list[str]
) -> Iterator[Pair]:
    notes.clear()
    names = columns.names
    if names[0] == names[1]:
        raise DataError(
            f"{file}: the column {names[0]!r} cannot be both source and target. Name them with "
            f"{COLUMN_SETTINGS}"
        )
    settings = COLUMN_SETTINGS
    if table_format.header is None and is_delimited(file):
        settings += ", which are column1, column2 ... with data.header=false"
    table = read_table(file, names, table_format=table_format, notes=notes, settings=settings)
    sources, targets = (map(join_lines, table[name]) for name in names)
    yield from zip(sources, targets, strict=True)


def _read_tab_separated(
    file: Path, columns: PairColumns, table_format: TableFormat, notes: list[str]
) -> Iterator[Pair]:
    notes.clear()
    table_format = replace(table_format, delimiter=table_format.delimiter or "tab")
    rows = _check_widths(file, table_format, notes)
    sample = list(islice(rows, SAMPLE_ROWS))
    if not sample:
        return
    cells = [row for _, row in sample]
    start = int(has_header(file, cells, columns, table_format.header))
    header = number_columns(cells[0] if start else [""] * len(cells[0]))
    source, target = choose_columns(file, header, cells[start:], columns, notes)
    for _, row in chain(sample[start:], rows):
        yield join_lines(row[source]), join_lines(row[target])


def _check_widths(file: Path, table_format: TableFormat, notes: list[str]) -> Iterator[Row]:
    """Iterate over the rows that are not empty, which must have equal numbers of cells.

    Raises:
        DataError: a row has no delimiter, or another number of cells than the first one.
    """
    sign, width, empty = table_format.sign(file), 0, 0
    for number, cells in _read_rows(file, table_format):
        if is_blank(cells):
            empty += 1
            continue
        width = width or len(cells)
        if len(cells) == 1:
            kind = table_format.delimiter
            raise DataError(
                f"{file}, line {number:,}: has no {kind}, but a source sentence, a {kind} and its "
                f"translation are expected. Found {cells[0][:60]!r}. Translations in another file "
                "are given by data.target_path, another delimiter by data.delimiter"
            )
        if len(cells) != width:
            raise DataError(
                f"{file}, line {number:,}: {len(cells)} cells, but the first line has {width}: "
                f"{excerpt(sign.join(cells))}. Remove the line, or fix it"
            )
        yield number, cells
    if empty:
        notes.append(f"{empty:,} empty lines of {file.name} were left out")


def _read_rows(file: Path, table_format: TableFormat) -> Iterator[Row]:
    """Iterate over rows of cells, each with the number of its line.

    Raises:
        DataError: quotation marks may enclose the cells.
    """
    if table_format.quoting == "standard":
        yield from DelimitedTable(file, replace(table_format, header=False))
        return
    sign, is_auto, only_quoted = table_format.sign(file), table_format.quoting == "auto", True
    number = 0
    for number, line in enumerate(_read_lines(file, table_format.encoding), start=1):
        cells = line.split(sign)
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
    return map(str.strip, _read_lines(file, encoding))


def _read_lines(file: Path, encoding: str) -> Iterator[str]:
    """Iterate over the lines of a file.

    Raises:
        DataError: carriage returns end the lines.
    """
    lines = read_lines(file, encoding)
    begin = list(islice(lines, 2))
    if len(begin) == 1 and "\r" in begin[0]:
        raise DataError(
            f"{file}: carriage returns (CR) end its lines, as on an old Mac. Save it with line "
            "feeds (LF)"
        )
    yield from chain(begin, lines)
