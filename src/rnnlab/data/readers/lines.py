"""Lazy iteration over the lines of a text, which is never whole in memory.

A line ends with a line break, except in a text that has none. A long line is split into pieces, and
only the last one has the line break. Pieces begin before a space, so that no word and no token is
split.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rnnlab.data.base import Split
from rnnlab.data.readers.files import TextStream, check_file, file_format, open_text
from rnnlab.data.sources.split_names import file_stem, find_splits
from rnnlab.errors import DataError

PIECE_SIZE = 1 << 16  # characters of the longest piece
EXTENSIONS = (".txt", ".tokens", ".text", ".raw")


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


class TextRange(Lines):
    """Characters `start` to `end` (exclusive; None for all that follow) of a text."""

    def __init__(self, text: Lines, start: int, end: int | None) -> None:
        super().__init__()
        self.text, self.start, self.end = text, start, end

    def __iter__(self) -> Iterator[str]:
        position = 0
        for line in self.text:
            if self.end is not None and position >= self.end:
                return
            last = None if self.end is None else self.end - position
            if part := line[max(self.start - position, 0) : last]:
                yield part
            position += len(line)


class Cut(NamedTuple):
    """Place where a text is divided.

    Attributes:
        position: number of characters before it.
        starts_line: whether a line starts there; otherwise the text has long lines.
    """

    position: int
    starts_line: bool


def find_cut(text: Lines, position: int, tolerance: int) -> Cut:
    """Return the best place to divide a text, at most `tolerance` characters after a position.

    This is the start of a line, else the first space, else the first character that does not
    belong to the one before it, as an accent does. At most a piece is in memory.
    """
    start = max(position - 1, 0)  # a line starts after its line break
    window = "".join(TextRange(text, start, position + min(tolerance, PIECE_SIZE)))
    if line := window.find("\n") + 1:
        return Cut(start + line, starts_line=True)
    if space := re.compile(r"\s").search(window, 1):
        return Cut(start + space.start(), starts_line=False)
    steps = (i for i in range(1, len(window)) if not _is_joined(window[i - 1], window[i]))
    return Cut(start + next(steps, 1), starts_line=False)


def _is_joined(before: str, after: str) -> bool:
    """Return whether a character belongs to the one before it: accents, vowel signs, joiners."""
    joiners = "\u200c\u200d"
    return unicodedata.category(after)[0] == "M" or after in joiners or before in joiners


class TextFile(Lines):
    """Text file, plain or compressed; see `rnnlab.data.readers.files`.

    Line ends of Windows become line breaks, as those of old Macintosh computers (CR) do in a text
    without others, and a byte-order mark is dropped; all are counted.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        super().__init__()
        self.path, self.encoding = check_file(path), encoding

    def __iter__(self) -> Iterator[str]:
        self.repairs.clear()
        ends_with_cr = self._ends_with_cr()
        newline = None if ends_with_cr else "\n"
        with open_text(self.path, self.encoding, newline) as stream:
            if stream.has_mark:
                self.repairs["byte order mark was left out"] += 1
            for piece in self._pieces(stream):
                if ends_with_cr and piece.endswith("\n"):
                    self.repairs["line ends CR were read as LF"] += 1
                yield piece

    def _ends_with_cr(self) -> bool:
        """Return whether CR ends a line: the beginning of the text has some, and no LF."""
        with open_text(self.path, self.encoding) as stream:
            head = stream.read(PIECE_SIZE)
            head += stream.read(1) if head.endswith("\r") else ""
        return "\r" in head and "\n" not in head

    def _pieces(self, stream: TextStream) -> Iterator[str]:
        rest, has_breaks = "", False
        while text := stream.readline(PIECE_SIZE):
            if text.endswith("\n"):
                yield self._normalize_end(rest + text)
                rest, has_breaks = "", True
            else:
                piece, rest = self._split(rest + text)
                if piece:
                    yield piece
        if rest and has_breaks:
            self.repairs["line break was added at the end"] += 1
            yield rest + "\n"
        elif rest:
            yield rest

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
        # The last character is kept: an accent or the LF of a line end may follow it.
        steps = (i for i in range(len(text) - 1, 0, -1) if not _is_joined(text[i - 1], text[i]))
        end = next(steps, len(text))
        return text[:end], text[end:]


def find_text_files(path: Path) -> dict[Split, Path]:
    """Return the files of a text: "train" for one file; for a folder also "val" and "test".

    Args:
        path: a file; or a folder with files such as train.txt, valid.txt and test.txt, or
            ptb.train.txt or wiki.train.tokens; each may be compressed. See
            `rnnlab.data.sources.split_names`.

    Raises:
        DataError: the folder has no training file, or several files of one split.
    """
    if not path.is_dir():
        return {"train": check_file(path)}
    texts = {file: file_stem(file) for file in path.iterdir() if _is_text_file(file)}
    files = find_splits(path, texts)
    if "train" not in files:
        names = ", ".join(sorted(file.name for file in path.iterdir())) or "nothing"
        raise DataError(
            f"{path}: expected train.txt, and optionally valid.txt and test.txt (or ptb.train.txt, "
            f"wiki.train.tokens ..., also compressed), found {names}"
        )
    return files


def _is_text_file(file: Path) -> bool:
    return file.is_file() and file_format(file) in EXTENSIONS


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
