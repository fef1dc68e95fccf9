"""Tables in CSV, TSV, JSON, JSON lines and Parquet, read as they are or refused in words."""

import codecs
import lzma
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from pandas.io.common import get_handle

from rnnlab.errors import DataError, did_you_mean

COMPRESSIONS = {".gz", ".xz", ".bz2", ".zst", ".zip"}
MISSING = {"", "nan", "n/a", "null"}  # cells that say: no value
BROKEN = (zlib.error, lzma.LZMAError, zipfile.BadZipFile, EOFError)  # a damaged compressed file


def read_table(
    path: Path, columns: Sequence[str], optional: Sequence[str] = (), encoding: str = "utf-8"
) -> pd.DataFrame:
    """All rows of the named columns, as text; a missing cell is an empty one.

    Args:
        path: a file whose ending, before an optional .gz, .xz, .bz2, .zst or .zip, says what it is.
        columns: columns that must be there.
        optional: columns that are read where they are there.
        encoding: of CSV, TSV and JSON files.

    Raises:
        DataError: the file is missing, empty, of an unknown kind, in another encoding, not well
            formed, or without one of the columns.
    """
    table = _parse(check_file(path), _reader(path), encoding)
    for column in columns:
        if column not in table.columns:
            raise DataError(
                f"{path}: there is no column {column!r}; {did_you_mean(column, map(str, table))}. "
                "Name the right ones with data.text_column and data.label_column"
            )
    if table.empty:
        raise DataError(f"{path}: has a header but no rows")
    wanted = [*columns, *(column for column in optional if column in table.columns)]
    return table[wanted].fillna("").astype(str)


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


Reader = Callable[[Path, str], pd.DataFrame]


def _read_csv(path: Path, encoding: str, separator: str = ",") -> pd.DataFrame:
    table = pd.read_csv(path, sep=separator, dtype=str, na_filter=False, encoding=encoding)
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first column for row names
        raise ValueError("row 1 has more cells than the header; quote cells that hold a separator")
    return table


def _read_json(path: Path, encoding: str, lines: bool = False) -> pd.DataFrame:
    if codecs.lookup(encoding).name == "utf-8":
        encoding = "utf-8-sig"  # the same, with or without a byte order mark
    return pd.read_json(path, lines=lines, dtype=False, encoding=encoding)


READERS: dict[str, Reader] = {
    ".csv": _read_csv,
    ".tsv": lambda path, encoding: _read_csv(path, encoding, "\t"),
    ".parquet": lambda path, encoding: pd.read_parquet(path),
    ".json": _read_json,
    ".jsonl": lambda path, encoding: _read_json(path, encoding, lines=True),
}


def _reader(path: Path) -> Reader:
    kind = kind_of(path)
    if kind not in READERS:
        raise DataError(f"{path}: files of the kind {kind!r} are not read; {_kinds()}")
    return READERS[kind]


def _kinds() -> str:
    return f"choices: {', '.join(READERS)}, each also with {', '.join(sorted(COMPRESSIONS))}"


def _parse(path: Path, reader: Reader, encoding: str) -> pd.DataFrame:
    try:
        return reader(path, encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: {first_foreign_byte(path, encoding)} is not {encoding}. "
            "Save the file as UTF-8, or name its encoding, such as data.encoding=cp1252"
        ) from error
    except LookupError as error:
        raise DataError(f"data.encoding={encoding}: {error}; utf-8 and cp1252 are usual") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path}: the file is empty") from error
    except PermissionError as error:
        raise DataError(f"{path}: may not be read by this user") from error
    except (ValueError, OSError, ImportError, *BROKEN) as error:
        reason = str(error).strip()
        raise DataError(f"{path}: cannot be read as {kind_of(path)[1:]}: {reason}") from error


def first_foreign_byte(path: Path, encoding: str) -> str:
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
