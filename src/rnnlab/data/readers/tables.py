"""Tables in CSV, TSV, JSON, JSON lines and Parquet, read as they are or refused in words."""

import codecs
import csv
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pandas as pd
from pandas.io.common import get_handle

from rnnlab.errors import DataError, did_you_mean

COMPRESSIONS = {".gz", ".xz", ".bz2", ".zst", ".zip"}
MISSING = {"", "nan", "n/a", "null"}  # cells that say: no value
Delimiter = Literal["comma", "semicolon", "tab", "pipe"]
DELIMITERS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
BY_KIND: dict[str, Delimiter] = {".csv": "comma", ".tsv": "tab"}
BROKEN = (zlib.error, lzma.LZMAError, zipfile.BadZipFile, EOFError)  # a damaged compressed file
UNREADABLE = (ValueError, LookupError, OSError, ImportError, StopIteration, csv.Error, *BROKEN)


def read_table(
    path: Path,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    encoding: str = "utf-8",
    delimiter: Delimiter | None = None,
    notes: list[str] | None = None,
) -> pd.DataFrame:
    """All rows of the named columns, as text; a missing cell is an empty one.

    Args:
        path: a file whose ending, before an optional .gz, .xz, .bz2, .zst or .zip, says what it is.
        columns: columns that must be there.
        optional: columns that are read where they are there.
        encoding: of CSV, TSV and JSON files.
        delimiter: between the cells of CSV and TSV files; None for comma and tab.
        notes: takes what was left out, with counts.

    Raises:
        DataError: the file is missing, empty, of an unknown kind, in another encoding, not well
            formed, has a row that is too short, or is without one of the columns.
    """
    kind = _known_kind(check_file(path))
    chosen = delimiter or BY_KIND.get(kind, "comma")
    if kind in BY_KIND and len(columns) > 1:
        check_delimiter(path, columns[0], encoding, chosen)
    table = _parse(path, READERS[kind], encoding, DELIMITERS[chosen])
    for column in columns:
        if column not in table.columns:
            raise DataError(
                f"{path}: there is no column {column!r}; {did_you_mean(column, map(str, table))}. "
                "Name the right ones with data.text_column and data.label_column"
            )
    if table.empty:
        raise DataError(f"{path}: has a header but no rows")
    if kind in BY_KIND:
        blank = check_rows(path, len(table.columns), encoding, DELIMITERS[chosen])
        if blank and notes is not None:
            notes.append(f"{blank:,} empty lines of {path.name} were left out")
    wanted = [*columns, *(column for column in optional if column in table.columns)]
    return table[wanted].fillna("").astype(str)


def check_delimiter(path: Path, column: str, encoding: str, used: Delimiter) -> None:
    """Whether the header is cut by another sign than the one it is read with.

    Raises:
        DataError: it is one cell, and holds another delimiter.
    """
    header: list[str] = []
    with suppress(*UNREADABLE):  # what is wrong then is said by who reads the whole file
        header = next(row for _, row in csv_rows(path, encoding, DELIMITERS[used]) if row)
    if len(header) != 1:
        return
    counts = {name: header[0].count(sign) for name, sign in DELIMITERS.items()}
    found = max(counts, key=lambda name: counts[name])
    if counts[found]:
        raise DataError(
            f"{path}: there is no column {column!r}; the header {header[0][:80]!r} is cut by "
            f"{found} ({DELIMITERS[found]!r}), not by {used}: say data.delimiter={found}"
        )


def check_rows(path: Path, cells: int, encoding: str, separator: str) -> int:
    """The number of blank lines, if every other row has as many cells as the header.

    pandas fills a row that is too short with empty cells, which would pass for a blank text.

    Raises:
        DataError: a row is too short; names its line.
    """
    blank = 0
    for line, row in csv_rows(path, encoding, separator):
        if len(row) <= 1 and not "".join(row).strip():
            blank += 1
        elif len(row) < cells:
            raise DataError(
                f"{path}, line {line}: {len(row)} cells, but the header has {cells}. Fill the row "
                "up, or take it out; a cell that holds a line break must be quoted"
            )
    return blank


def csv_rows(path: Path, encoding: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each row of a CSV file with the line that it begins in."""
    csv.field_size_limit(2**31 - 1)  # a text may be longer than the 128 KiB of the default
    with get_handle(path, "r", encoding=_with_mark(encoding), compression="infer") as opened:
        rows = csv.reader(opened.handle, delimiter=separator)
        line = 1
        for row in rows:
            yield line, row
            line = rows.line_num + 1


def read_lines(path: Path, encoding: str) -> list[str]:
    """The lines of a text file, perhaps compressed, without their ends.

    Raises:
        DataError: the file is in another encoding, or damaged.
    """
    try:
        with get_handle(path, "rb", compression="infer", is_text=False) as opened:
            text: str = opened.handle.read().decode(_with_mark(encoding))
    except UnicodeDecodeError as error:
        raise foreign_encoding(path, encoding) from error
    except LookupError as error:
        raise DataError(f"data.encoding={encoding}: {error}; utf-8 and cp1252 are usual") from error
    except (ValueError, OSError, ImportError, *BROKEN) as error:
        raise DataError(f"{path}: cannot be read: {str(error).strip()}") from error
    lines = text.replace("\r\n", "\n").split("\n")  # no splitlines: U+2028 ends no line here
    return lines[:-1] if not lines[-1] else lines


def _with_mark(encoding: str) -> str:
    """The same encoding, with or without a byte order mark."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def check_file(path: Path) -> Path:
    """The path as it is, if a file with something in it stands there.

    Raises:
        DataError: it does not.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder, but a file is wanted here")
    if not path.exists():
        raise DataError(f"{path}: there is no such file (data.path)")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    return path


def find_table(folder: Path, stem: str) -> Path | None:
    """The table called `stem` in a folder, whatever its ending; None if there is none.

    Raises:
        DataError: there are several.
    """
    found = sorted(file for file in folder.glob(f"{stem}.*") if kind_of(file) in READERS)
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise DataError(f"{folder}: which is the {stem} split, {names}? Leave one of them there")
    return found[0] if found else None


def kind_of(path: Path) -> str:
    """The ending that says what a file is.

    >>> kind_of(Path("train.csv.xz"))
    '.csv'
    """
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    return endings[-1] if endings else ""


def row_name(path: Path | str, row: int) -> str:
    """How an error names a row: the first one below the header is row 1."""
    return f"{path}, row {row + 1}"


Reader = Callable[[Path, str, str], pd.DataFrame]


def _read_csv(path: Path, encoding: str, separator: str) -> pd.DataFrame:
    table = pd.read_csv(path, sep=separator, dtype=str, na_filter=False, encoding=encoding)
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first column for row names
        raise ValueError("row 1 has more cells than the header; quote cells that hold a separator")
    return table


def _read_json(path: Path, encoding: str, lines: bool = False) -> pd.DataFrame:
    return pd.read_json(path, lines=lines, dtype=False, encoding=_with_mark(encoding))


READERS: dict[str, Reader] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": lambda path, encoding, separator: pd.read_parquet(path),
    ".json": lambda path, encoding, separator: _read_json(path, encoding),
    ".jsonl": lambda path, encoding, separator: _read_json(path, encoding, lines=True),
}


def _known_kind(path: Path) -> str:
    kind = kind_of(path)
    if kind not in READERS:
        raise DataError(f"{path}: files of the kind {kind!r} are not read; {_kinds()}")
    return kind


def _kinds() -> str:
    return f"choices: {', '.join(READERS)}, each also with {', '.join(sorted(COMPRESSIONS))}"


def _parse(path: Path, reader: Reader, encoding: str, separator: str) -> pd.DataFrame:
    try:
        return reader(path, encoding, separator)
    except UnicodeDecodeError as error:
        raise foreign_encoding(path, encoding) from error
    except LookupError as error:
        raise DataError(f"data.encoding={encoding}: {error}; utf-8 and cp1252 are usual") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path}: the file is empty") from error
    except PermissionError as error:
        raise DataError(f"{path}: may not be read by this user") from error
    except (ValueError, OSError, ImportError, *BROKEN) as error:
        reason = str(error).strip()
        if "EOF inside string" in reason:
            *_, (line, _) = csv_rows(path, encoding, separator)
            reason = f"{reason}: the quote that is opened in line {line} is never closed"
        raise DataError(f"{path}: cannot be read as {kind_of(path)[1:]}: {reason}") from error


def foreign_encoding(path: Path, encoding: str) -> DataError:
    """What to say of a file that is not in the encoding it was read in."""
    return DataError(
        f"{path}: {_first_foreign_byte(path, encoding)} is not {encoding}. "
        "Save the file as UTF-8, or name its encoding, such as data.encoding=cp1252"
    )


def _first_foreign_byte(path: Path, encoding: str) -> str:
    """Where decoding fails; pandas itself counts from the start of a cell or of a piece."""
    with get_handle(path, "rb", compression="infer", is_text=False) as opened:
        raw = opened.handle.read()
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return f"byte {error.start} (0x{raw[error.start]:02x}, in line {line})"
    return "a byte"


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING
