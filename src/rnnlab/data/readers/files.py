"""Opener of all files that the user provides: compression, encoding, byte-order mark, errors.

Every reader opens files with one of these functions, so a file is accepted or rejected by all
readers with the same message:

- `open_text(path, encoding)`: a stream of characters, for pandas and csv (with `newline=""`).
- `read_lines(path, encoding)`: an iterator over lines without their line ends.
- `read_text(path, encoding)`: the text of one small file.
- `open_bytes(path)`: a stream of decompressed bytes, for binary formats.

An extension .gz, .bz2, .xz, .zst or .zip (with one member) means that the file is compressed. A
byte-order mark is dropped. A mark of another encoding, an invalid byte or a zero byte is an error.
"""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from stat import S_ISDIR
from typing import IO, Any

from rnnlab.errors import ConfigError, DataError

CHUNK_BYTES = 1 << 16
MAX_TEXT_CHARACTERS = 1 << 26  # of a line, or of a text that is read whole
MARKS = {  # the long ones first: the mark of UTF-16 is the beginning of that of UTF-32
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
READ_ERRORS = (OSError, *DAMAGE)


class TextStream(io.TextIOWrapper):
    """Characters of a file, without its byte-order mark.

    Attributes:
        has_mark: whether the file begins with a byte-order mark.
    """

    has_mark = False


@contextmanager
def open_text(
    path: Path, encoding: str, newline: str | None = "\n", allow_empty: bool = False
) -> Iterator[TextStream]:
    r"""Open a text file, plain or compressed, as a stream of characters.

    Args:
        path: of the file.
        encoding: such as utf-8, cp1252 or utf-16.
        newline: see `open`. "\n" keeps all line ends and splits lines at \n only.
        allow_empty: accept a file without any character.

    Raises:
        DataError: the file is missing, empty, damaged, unreadable, holds a zero byte, a byte that
            is invalid in this encoding, or a byte-order mark of another one. Errors of reading
            inside the `with` block are converted too.
        ConfigError: there is no such encoding.
    """
    name = codecs.lookup(check_encoding(encoding)).name.removesuffix("-sig")
    with open_bytes(path, allow_empty) as file:
        head = file.read(4)
        mark = _check_mark(path, head, name)
        rest = head[len(mark) :] + file.read(4 if head else 0)
        if not rest and not allow_empty:
            raise DataError(f"{path}: the file is empty")
        source = io.BufferedReader(_TextBytes(path, file, rest, name), CHUNK_BYTES)
        stream = TextStream(source, encoding=MARKS.get(mark, name), newline=newline)
        stream.has_mark = bool(mark)
        try:
            yield stream
        except (DataError, UnicodeDecodeError) as error:
            if path.suffix.lower() in COMPRESSIONS:  # its checksum tells whether it is damaged
                while file.read(CHUNK_BYTES):
                    pass
            if isinstance(error, DataError):
                raise
            raise encoding_error(path, encoding) from error


def read_lines(path: Path, encoding: str, allow_empty: bool = False) -> Iterator[str]:
    r"""Iterate over the lines of a text file, without \n or \r\n at their end.

    Only \n ends a line: other characters that `str.splitlines` cuts at occur in real texts.

    Raises:
        DataError: see `open_text`; or a line is too long to be one.
    """
    with open_text(path, encoding, allow_empty=allow_empty) as stream:
        number = 0
        while line := stream.readline(MAX_TEXT_CHARACTERS):
            number += 1
            if line.endswith("\n"):
                line = line[:-1].removesuffix("\r")
            elif len(line) == MAX_TEXT_CHARACTERS:
                raise _size_error(f"{path}, line {number:,}")
            yield line


def read_text(path: Path, encoding: str) -> str:
    """Return the text of a whole file, which may be empty, with line ends as newlines.

    Raises:
        DataError: see `open_text`; or the text is too long.
    """
    pieces, size = [], 0
    with open_text(path, encoding, newline=None, allow_empty=True) as stream:
        while piece := stream.read(CHUNK_BYTES):  # a larger number is allocated at once
            pieces.append(piece)
            size += len(piece)
            if size > MAX_TEXT_CHARACTERS:
                raise _size_error(str(path))
    return "".join(pieces)


@contextmanager
def open_bytes(path: Path, allow_empty: bool = False) -> Iterator[IO[bytes]]:
    """Open a file, plain or compressed, as a stream of decompressed bytes.

    Raises:
        DataError: the file is missing, empty, damaged or unreadable. Errors of reading inside the
            `with` block are converted too.
    """
    check_file(path, allow_empty)
    try:
        with OPENERS.get(path.suffix.lower(), _open_plain)(path) as file:
            yield file
    except READ_ERRORS as error:
        raise read_error(path, error) from error


def check_file(path: Path, allow_empty: bool = False) -> Path:
    """Return the path unchanged if it is a file with content.

    Raises:
        DataError: it is missing, a folder, empty, or cannot be accessed.
    """
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise read_error(path, error) from error
    if S_ISDIR(facts.st_mode):
        raise DataError(f"{path}: is a folder, but a file is expected")
    if facts.st_size == 0 and not allow_empty:
        raise DataError(f"{path}: the file is empty")
    return path


def check_encoding(encoding: str) -> str:
    """Return the name unchanged if it is a text encoding.

    Raises:
        ConfigError: it is not.
    """
    try:
        "\n".encode(encoding)
    except (LookupError, ValueError) as error:
        raise ConfigError(
            f"data.encoding={encoding}: {error}; utf-8 and cp1252 are common"
        ) from error
    return encoding


def file_format(path: Path) -> str:
    """Return the extension that names the format, in lower case, without that of a compression.

    >>> file_format(Path("train.CSV.xz"))
    '.csv'
    """
    extensions = [extension.lower() for extension in path.suffixes]
    if extensions and extensions[-1] in COMPRESSIONS:
        extensions.pop()
    return extensions[-1] if extensions else ""


# Error messages.


def read_error(path: Path, error: Exception) -> DataError:
    """Return the error for a file that cannot be read or decompressed."""
    if isinstance(error, PermissionError):
        return DataError(f"{path}: no permission to read it")
    reason = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return DataError(f"{path}: cannot be read: {reason}")


def encoding_error(path: Path, encoding: str) -> DataError:
    """Return the error for a file with an invalid byte, with the place of the first one."""
    place, invalid = _find_invalid_byte(path, encoding)
    name = codecs.lookup(encoding).name
    other = next(e for e in ("cp1252", "latin-1") if e != name and _is_valid(invalid, e))
    return DataError(
        f"{path}: {place} is not {encoding}. "
        f"Save the file as UTF-8, or name its encoding, such as data.encoding={other}"
    )


def _is_valid(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _find_invalid_byte(path: Path, encoding: str) -> tuple[str, bytes]:
    """Return the place of the first invalid byte in words, and the byte."""
    decoder = codecs.getincrementaldecoder(encoding)()
    position, line = 0, 1
    with open_bytes(path) as file:
        while True:
            chunk, state = file.read(CHUNK_BYTES), decoder.getstate()
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                start = len(chunk) - len(error.object) + error.start  # < 0: in an earlier chunk
                decoder.setstate(state)
                line += decoder.decode(chunk[: max(start, 0)]).count("\n")
                invalid = error.object[error.start : error.start + 1]
                return f"byte {position + start} (0x{invalid.hex()}, in line {line})", invalid
            if not chunk:
                return "a byte", b""
            position += len(chunk)


def _check_mark(path: Path, head: bytes, encoding: str) -> bytes:
    """Return the byte-order mark that a file begins with, or nothing."""
    mark = next((mark for mark in MARKS if head.startswith(mark)), b"")
    family = MARKS.get(mark, "").removesuffix("-le").removesuffix("-be")
    if mark and encoding not in (family, MARKS[mark]):
        raise DataError(
            f"{path}: begins with the byte-order mark of {family.upper()}, but is read as "
            f"{encoding}. Set data.encoding={family}"
        )
    if head and not mark and encoding in ("utf-16", "utf-32"):
        raise DataError(
            f"{path}: has no byte-order mark. Set data.encoding={encoding}-le or {encoding}-be"
        )
    return mark


def _size_error(place: str) -> DataError:
    return DataError(f"{place}: has over {MAX_TEXT_CHARACTERS:,} characters. Is it a text file?")


class _TextBytes(io.RawIOBase):
    """Bytes of a text file, checked for zero bytes where the encoding has none in a text."""

    def __init__(self, path: Path, file: IO[bytes], head: bytes, encoding: str) -> None:
        self._path, self._file, self._head, self._encoding = path, file, head, encoding
        self._has_zeros = "a".encode(encoding) != b"a"  # UTF-16 and UTF-32
        self._lines = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head or self._file.read(len(buffer))
        self._head = b""
        if not self._has_zeros:
            if b"\0" in data:
                line = self._lines + data.count(b"\n", 0, data.index(b"\0"))
                raise DataError(
                    f"{self._path}, line {line:,}: holds a zero byte. Is it a text file in "
                    f"{self._encoding}? UTF-16 needs data.encoding=utf-16-le or utf-16-be"
                )
            self._lines += data.count(b"\n")
        buffer[: len(data)] = data
        return len(data)


# Compressions.


def _open_plain(path: Path) -> IO[bytes]:
    return path.open("rb")


@contextmanager
def _open_zip(path: Path) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if not each.is_dir()]
        members = [each for each in members if not each.filename.startswith("__MACOSX/")]
        if len(members) != 1:
            names = ", ".join(member.filename for member in members[:5]) or "none"
            raise DataError(
                f"{path}: holds {len(members)} files ({names}), but exactly one is expected. "
                "Unpack the archive, or pack each file on its own"
            )
        if members[0].flag_bits & 1:
            raise DataError(f"{path}: is encrypted. Unpack the archive first")
        with archive.open(members[0]) as file:
            yield file


def _open_zst(path: Path) -> Any:
    import pyarrow

    return pyarrow.input_stream(str(path), compression="zstd")


OPENERS: dict[str, Callable[[Path], AbstractContextManager[Any]]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _open_zst,
    ".zip": _open_zip,
}
COMPRESSIONS = tuple(OPENERS)
