"""Lazy iteration over the lines of a text, which is never whole in memory.

A line ends with a line break. A long line is split into pieces, and only the last one has the line
break. Pieces begin before a space, so that no word and no token is split.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rnnlab.data.readers.files import COMPRESSIONS, TextStream, check_file, open_text
from rnnlab.errors import DataError

PIECE_SIZE = 1 << 16  # characters of the longest piece
STEMS = {"train": "train", "val": "valid|validation|val|dev", "test": "test"}
EXTENSIONS = "txt|tokens|text|raw"


class Lines(ABC):
    """Text that can be iterated over repeatedly.

    Attributes:
        repairs: description -> number of repairs in the last iteration.
    """

    def __init__(self) -> None:
        self.repairs: Counter[str] = Counter()

    @abstractmethod
    def __iter__(self) -> Iterator[str]:
        """Iterate over lines, or pieces of long ones."""


class TextRows(Lines):
    """Texts of a table, one line each; line breaks inside a row become spaces."""

    def __init__(self, rows: Iterable[str]) -> None:
        super().__init__()
        self.rows = rows

    def __iter__(self) -> Iterator[str]:
        for row in self.rows:
            yield row.rstrip("\r\n").replace("\n", " ") + "\n"


class LineRange(Lines):
    """Lines of a text that begin in the characters `start` to `end` (exclusive; None for all)."""

    def __init__(self, text: Lines, start: int, end: int | None) -> None:
        super().__init__()
        self.text, self.start, self.end = text, start, end

    def __iter__(self) -> Iterator[str]:
        position = 0
        for line in self.text:
            if self.end is not None and position >= self.end:
                return
            if position >= self.start:
                yield line
            position += len(line)


class TextFile(Lines):
    """Text file, plain or compressed; see `rnnlab.data.readers.files`.

    Line ends of Windows become line breaks and a byte-order mark is dropped; both are counted.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        super().__init__()
        self.path, self.encoding = check_file(path), encoding

    def __iter__(self) -> Iterator[str]:
        self.repairs.clear()
        with open_text(self.path, self.encoding) as stream:
            if stream.has_mark:
                self.repairs["byte order mark was left out"] += 1
            yield from self._pieces(stream)

    def _pieces(self, stream: TextStream) -> Iterator[str]:
        rest = ""
        while text := stream.readline(PIECE_SIZE):
            if text.endswith("\n"):
                yield self._normalize_end(rest + text)
                rest = ""
            else:
                piece, rest = self._split(rest + text)
                if piece:
                    yield piece
        if rest:
            self.repairs["line break was added at the end"] += 1
            yield rest + "\n"

    def _normalize_end(self, line: str) -> str:
        if line.endswith("\r\n"):
            self.repairs["line ends CR LF were read as LF"] += 1
            return line[:-2] + "\n"
        return line

    def _split(self, text: str) -> tuple[str, str]:
        """Return the piece to yield from an incomplete line, and the text to keep."""
        piece, space, rest = text.rpartition(" ")
        if piece:
            return piece, space + rest
        if len(text) < PIECE_SIZE:
            return "", text
        self.repairs[f"cuts in a line without a space in {PIECE_SIZE:,} characters"] += 1
        return text, ""


def find_text_files(path: Path) -> dict[str, Path]:
    """Return the files of a text: "train" for one file; for a folder also "val" and "test".

    The files of a folder are called train.txt, valid.txt (or val.txt) and test.txt, or have a
    prefix as in ptb.train.txt or wiki.train.tokens; each may be compressed.

    Raises:
        DataError: the folder has no train.txt, or several files of one split.
    """
    if not path.is_dir():
        return {"train": check_file(path)}
    names = sorted(file.name for file in path.iterdir() if file.is_file())
    paths: dict[str, Path] = {}
    for split, stem in STEMS.items():
        files = [name for name in names if _is_text_file(stem, name)]
        if len(files) > 1:
            raise DataError(
                f"{path}: several files of the {split} split: {', '.join(files)}. Keep one"
            )
        if files:
            paths[split] = path / files[0]
    if "train" not in paths:
        raise DataError(
            f"{path}: expected train.txt, and optionally valid.txt and test.txt (or ptb.train.txt, "
            f"wiki.train.tokens ..., also compressed), found {', '.join(names) or 'nothing'}"
        )
    return paths


def _is_text_file(stem: str, name: str) -> bool:
    compressions = "|".join(map(re.escape, COMPRESSIONS))
    pattern = rf"([\w-]+[._-])?({stem})\.({EXTENSIONS})({compressions})?"
    return re.fullmatch(pattern, name, re.IGNORECASE) is not None


def describe_repairs(name: str, lines: Lines) -> list[str]:
    """Return a note for each kind of repair in the last iteration over a text."""
    return [f"{name}: {count:,} {repair}" for repair, count in lines.repairs.items()]


ProgressCallback = Callable[[int], None]  # receives a number of characters that were read
PROGRESS_CHARACTERS = 1 << 20  # between two updates: one per line would be slower than reading


def with_progress(lines: Iterable[str], callback: ProgressCallback) -> Iterator[str]:
    """Iterate over the lines and report the number of their characters from time to time."""
    characters = 0
    for line in lines:
        characters += len(line)
        if characters >= PROGRESS_CHARACTERS:
            callback(characters)
            characters = 0
        yield line
    callback(characters)
