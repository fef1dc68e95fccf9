"""A text as lines, read when they are asked for: never whole in memory.

A line ends with a line break. One that is longer than a piece comes in several, of which the last
alone has it; they are cut before a space, so that no word and no token is torn apart.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rnnlab.data.readers.files import COMPRESSIONS, TextStream, check_file, open_text
from rnnlab.errors import DataError

PIECE_SIZE = 1 << 16  # bytes that are read at once, and characters that are kept together at most
STEMS = {"train": "train", "val": "valid|validation|val|dev", "test": "test"}
ENDINGS = "txt|tokens|text|raw"


class Lines(ABC):
    """A text that can be read again and again.

    Attributes:
        repairs: what was repaired in the last reading, and how often.
    """

    def __init__(self) -> None:
        self.repairs: Counter[str] = Counter()

    @abstractmethod
    def __iter__(self) -> Iterator[str]:
        """Lines, or pieces of long ones."""


class TextRows(Lines):
    """Texts of a table, a line each.

    Args:
        rows: can be read again and again; line breaks within one become spaces.
    """

    def __init__(self, rows: Iterable[str]) -> None:
        super().__init__()
        self.rows = rows

    def __iter__(self) -> Iterator[str]:
        for row in self.rows:
            yield row.rstrip("\r\n").replace("\n", " ") + "\n"


class LineRange(Lines):
    """What begins between two places of a text.

    Args:
        whole: the text.
        start: first character.
        end: the character behind the last; None for the end of the text.
    """

    def __init__(self, whole: Lines, start: int, end: int | None) -> None:
        super().__init__()
        self.whole, self.start, self.end = whole, start, end

    def __iter__(self) -> Iterator[str]:
        place = 0
        for line in self.whole:
            if self.end is not None and place >= self.end:
                return
            if place >= self.start:
                yield line
            place += len(line)


class TextFile(Lines):
    """A text file, plain or compressed.

    Lines may end as on Windows, and the file may begin with a byte order mark: both are taken away
    and counted.

    Args:
        path: an ending .gz, .xz, .bz2, .zst or .zip says that it is compressed.
        encoding: such as utf-8 or cp1252.
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
                yield self._ended(rest + text)
                rest = ""
            else:
                piece, rest = self._cut(rest + text)
                if piece:
                    yield piece
        if rest:
            self.repairs["line break was added at the end"] += 1
            yield rest + "\n"

    def _ended(self, line: str) -> str:
        if line.endswith("\r\n"):
            self.repairs["line ends CR LF were read as LF"] += 1
            return line[:-2] + "\n"
        return line

    def _cut(self, text: str) -> tuple[str, str]:
        """What is given of a line that goes on, and what waits for the rest of it."""
        piece, space, rest = text.rpartition(" ")
        if piece:
            return piece, space + rest
        if len(text) < PIECE_SIZE:
            return "", text
        self.repairs[f"cuts in a line without a space in {PIECE_SIZE:,} characters"] += 1
        return text, ""


def find_text_files(path: Path) -> dict[str, Path]:
    """The files of a text: "train" alone for one file; of a folder also "val" and "test".

    In a folder the files are called train.txt, valid.txt (or val.txt) and test.txt, or with a
    name in front such as ptb.train.txt or wiki.train.tokens; each may be compressed.

    Raises:
        DataError: the folder has no train.txt, or several files of one split.
    """
    if not path.is_dir():
        return {"train": check_file(path)}
    names = sorted(file.name for file in path.iterdir() if file.is_file())
    found: dict[str, Path] = {}
    for split, stem in STEMS.items():
        files = [name for name in names if _is_text_file(stem, name)]
        if len(files) > 1:
            raise DataError(f"{path}: which is the {split} split, {', '.join(files)}? Leave one")
        if files:
            found[split] = path / files[0]
    if "train" not in found:
        raise DataError(
            f"{path}: wanted train.txt, and perhaps valid.txt and test.txt (or ptb.train.txt, "
            f"wiki.train.tokens ..., also with .gz or .xz), found {', '.join(names) or 'nothing'}"
        )
    return found


def _is_text_file(stem: str, name: str) -> bool:
    packed = "|".join(re.escape(ending) for ending in sorted(COMPRESSIONS))
    pattern = rf"([\w-]+[._-])?({stem})\.({ENDINGS})({packed})?"
    return re.fullmatch(pattern, name, re.IGNORECASE) is not None


def repairs(name: str, lines: Lines) -> list[str]:
    """What was repaired in the last reading of a text, a sentence each."""
    return [f"{name}: {count:,} {what}" for what, count in lines.repairs.items()]


ProgressCallback = Callable[[int], None]  # receives a number of characters that were read
PROGRESS_CHARACTERS = 1 << 20  # between two updates: one per line would be slower than reading


def with_progress(lines: Iterable[str], tick: ProgressCallback) -> Iterator[str]:
    """The same lines, while their characters are counted."""
    waiting = 0
    for line in lines:
        waiting += len(line)
        if waiting >= PROGRESS_CHARACTERS:
            tick(waiting)
            waiting = 0
        yield line
    tick(waiting)
