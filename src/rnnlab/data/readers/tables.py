"""Tables in CSV, TSV, JSON, JSON Lines, Parquet, Feather and Excel files.

The extension names the format; see `rnnlab.data.readers.files` for compression and encodings.
"""

import csv
import importlib.util
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rnnlab.data.readers.files import (
    COMPRESSIONS,
    DAMAGE,
    READ_ERRORS,
    check_file,
    file_format,
    open_bytes,
    open_text,
)
from rnnlab.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

MISSING = {"", "nan", "n/a", "null"}  # cells without a value
Delimiter = Literal["comma", "semicolon", "tab", "pipe"]
DELIMITERS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
DEFAULT_DELIMITERS: dict[str, Delimiter] = {".csv": "comma", ".tsv": "tab"}  # of the text formats
PARSE_ERRORS = (ValueError, LookupError, ImportError, SyntaxError, OSError, *DAMAGE)


def read_table(
    path: Path,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    encoding: str = "utf-8",
    delimiter: Delimiter | None = None,
    notes: list[str] | None = None,
    settings: str = "data.text_column and data.label_column",
) -> "pd.DataFrame":
    """Return all rows of the named columns as text; a missing cell is an empty string.

    Args:
        path: of a file in one of the formats of `TABLE_READERS`, perhaps compressed.
        columns: required columns.
        optional: columns that are returned if the table has them.
        encoding: of CSV, TSV and JSON files.
        delimiter: of the cells in CSV and TSV files; None for comma and tab.
        notes: receives the number of blank lines, if there are some.
        settings: the settings that name the columns, for errors.

    Raises:
        DataError: the file cannot be opened or parsed, has no rows or a row that is too short, or
            lacks a required column.
        ConfigError: there is no such encoding.
    """
    sign = DELIMITERS[delimiter or default_delimiter(path)]
    if is_delimited(path) and len(columns) > 1:
        check_file(path)
        check_delimiter(path, columns[0], encoding, sign)
    table = load_frame(path, encoding, delimiter)
    for column in columns:
        if column not in table.columns:
            raise DataError(
                f"{path}: there is no column {column!r}; {did_you_mean(column, map(str, table))}. "
                f"Name the right ones with {settings}"
            )
    if table.empty:
        raise DataError(f"{path}: has a header but no rows")
    if is_delimited(path):
        blank = count_blank_lines(path, len(table.columns), encoding, sign)
        if blank and notes is not None:
            notes.append(f"{blank:,} empty lines of {path.name} were left out")
    names = [*columns, *(column for column in optional if column in table.columns)]
    return table[names].fillna("").astype(str)


def load_frame(
    path: Path, encoding: str = "utf-8", delimiter: Delimiter | None = None
) -> "pd.DataFrame":
    """Return a table as pandas parses it: cells of CSV, TSV and Excel files as text.

    Raises:
        DataError: the file cannot be opened or parsed.
        ConfigError: there is no such encoding.
    """
    import pandas as pd

    reader = TABLE_READERS[_check_format(check_file(path))]
    sign = DELIMITERS[delimiter or default_delimiter(path)]
    try:
        return reader(path, encoding, sign)
    except (ConfigError, DataError):
        raise
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path}: the file is empty") from error
    except PARSE_ERRORS as error:
        reason = str(error).strip()
        if "EOF inside string" in reason:
            *_, (line, _) = csv_rows(path, encoding, sign)
            reason = f"{reason}: the quote that is opened in line {line} is never closed"
        raise DataError(f"{path}: cannot be read as {file_format(path)[1:]}: {reason}") from error


def is_table(path: Path) -> bool:
    """Return whether the extension is that of a table."""
    return file_format(path) in TABLE_READERS


def is_delimited(path: Path) -> bool:
    """Return whether the file is a CSV or TSV file."""
    return file_format(path) in DEFAULT_DELIMITERS


def default_delimiter(path: Path) -> Delimiter:
    """Return the usual delimiter of a file with this extension."""
    return DEFAULT_DELIMITERS.get(file_format(path), "comma")


def check_delimiter(path: Path, column: str, encoding: str, sign: str) -> None:
    """Check that the header is not a single cell that holds another delimiter.

    Raises:
        DataError: it is.
    """
    header: list[str] = []
    with suppress(ValueError, StopIteration, csv.Error, *READ_ERRORS):  # load_frame reports them
        header = next(row for _, row in csv_rows(path, encoding, sign) if row)
    if len(header) != 1:
        return
    counts = {name: header[0].count(other) for name, other in DELIMITERS.items()}
    name = max(counts, key=lambda name: counts[name])
    if counts[name]:
        current = next(name for name, other in DELIMITERS.items() if other == sign)
        raise DataError(
            f"{path}: there is no column {column!r}; the header {header[0][:80]!r} is separated by "
            f"{name} ({DELIMITERS[name]!r}), not by {current}: set data.delimiter={name}"
        )


def count_blank_lines(path: Path, width: int, encoding: str, sign: str) -> int:
    """Return the number of blank lines; check that no other row has fewer cells than the header.

    pandas fills a short row with empty cells, which would pass for an empty text.

    Raises:
        DataError: a row is too short; names its line.
    """
    blank = 0
    for line, row in csv_rows(path, encoding, sign):
        if len(row) <= 1 and not "".join(row).strip():
            blank += 1
        elif len(row) < width:
            raise DataError(
                f"{path}, line {line}: {len(row)} cells, but the header has {width}. Complete the "
                "row or remove it; a cell with a line break must be quoted"
            )
    return blank


def csv_rows(path: Path, encoding: str, sign: str) -> Iterator[tuple[int, list[str]]]:
    """Iterate over the rows of a CSV file, each with the number of its first line."""
    csv.field_size_limit(2**31 - 1)  # a text may be longer than the default of 128 KiB
    with open_text(path, encoding, newline="") as stream:
        rows = csv.reader(stream, delimiter=sign)
        line = 1
        for row in rows:
            yield line, row
            line = rows.line_num + 1


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the table called `stem` in a folder, in any format; None if there is none.

    Raises:
        DataError: there are several.
    """
    files = sorted(file for file in folder.glob(f"{stem}.*") if is_table(file))
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{folder}: several files of the {stem} split: {names}. Keep one of them")
    return files[0] if files else None


def row_name(path: Path | str, row: int) -> str:
    """Return the name of a row in errors: the first one below the header is row 1."""
    return f"{path}, row {row + 1}"


def is_missing(cell: str) -> bool:
    """Return whether a cell has no value."""
    return cell.strip().lower() in MISSING


# Formats.


def _check_format(path: Path) -> str:
    name = file_format(path)
    if name not in TABLE_READERS:
        raise DataError(
            f"{path}: files of the format {name!r} are not supported; choices: "
            f"{', '.join(TABLE_READERS)}, each also with {', '.join(COMPRESSIONS)}"
        )
    return name


def _read_csv(path: Path, encoding: str, sign: str) -> "pd.DataFrame":
    import pandas as pd

    with open_text(path, encoding, newline="") as stream:
        table = pd.read_csv(stream, sep=sign, dtype=str, na_filter=False)
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first column for row names
        raise ValueError("row 1 has more cells than the header; quote cells that hold a separator")
    return table


def _read_json(path: Path, encoding: str, lines: bool = False) -> "pd.DataFrame":
    import pandas as pd

    with open_text(path, encoding) as stream:
        return pd.read_json(
            stream, lines=lines, dtype=False, precise_float=True, convert_dates=False
        )


def _read_binary(path: Path, function: str) -> "pd.DataFrame":
    import pandas as pd

    if path.suffix.lower() not in COMPRESSIONS:
        return getattr(pd, function)(path)
    with open_bytes(path) as file:
        return getattr(pd, function)(io.BytesIO(file.read()))


def _read_excel(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if importlib.util.find_spec("openpyxl") is None:
        raise DataError(
            f"{path}: .xlsx files need the package openpyxl: pip install 'rnnlab[xlsx]'"
        )
    with open_bytes(path) as file:
        sheets = pd.read_excel(
            io.BytesIO(file.read()), None, dtype=str, na_filter=False, engine="openpyxl"
        )
    full = [name for name, sheet in sheets.items() if len(sheet.columns)]
    if len(full) != 1:
        raise DataError(
            f"{path}: exactly one sheet with content is expected, but there are {len(full)}"
            f"{': ' if full else ''}{', '.join(full)}. Save the right one as a CSV file"
        )
    return sheets[full[0]]


Reader = Callable[[Path, str, str], "pd.DataFrame"]  # path, encoding and delimiter
TABLE_READERS: dict[str, Reader] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".json": lambda path, encoding, sign: _read_json(path, encoding),
    ".jsonl": lambda path, encoding, sign: _read_json(path, encoding, lines=True),
    ".parquet": lambda path, encoding, sign: _read_binary(path, "read_parquet"),
    ".feather": lambda path, encoding, sign: _read_binary(path, "read_feather"),
    ".xlsx": lambda path, encoding, sign: _read_excel(path),
}
