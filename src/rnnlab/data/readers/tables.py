"""Tables in CSV, TSV, JSON, JSON Lines, Parquet, Feather and Excel files.

The extension names the format; see `rnnlab.data.readers.files` for compression and encodings.
"""

import importlib.util
import io
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.data.base import Split
from rnnlab.data.readers.cells import Cells, cell_texts
from rnnlab.data.readers.delimited import (
    CHUNK_ROWS,
    DEFAULT_DELIMITERS,
    DelimitedTable,
    TableFormat,
    is_delimited,
    number_columns,
)
from rnnlab.data.readers.files import (
    COMPRESSIONS,
    DAMAGE,
    check_file,
    file_format,
    open_bytes,
)
from rnnlab.data.readers.typed_tables.json_files import read_json, read_json_lines
from rnnlab.data.readers.typed_tables.nested_cells import (
    check_not_nested,
    decode_bytes,
    find_column_with_field,
    find_field,
)
from rnnlab.data.readers.typed_tables.streams import (
    name_index,
    stream_json_lines,
    stream_parquet,
)
from rnnlab.data.sources.split_names import file_stem, find_splits
from rnnlab.errors import ConfigError, DataError, Problem, unknown_name
from rnnlab.runtime.files import expand_path
from rnnlab.runtime.progress import progress_bar

if TYPE_CHECKING:
    import pandas as pd

FRAME_NAME = "table"  # of a table in memory, in errors
DEFAULT_FORMAT = TableFormat()
TEXT_ROWS = 1000  # of a table of long texts that are in memory at once
PARSE_ERRORS = (ValueError, LookupError, ImportError, SyntaxError, OSError, *DAMAGE)


def read_table(
    path: Path,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    table_format: TableFormat = DEFAULT_FORMAT,
    notes: list[str] | None = None,
    settings: str = "data.text_column and data.label_column",
) -> "pd.DataFrame":
    """Return all rows of the named columns as text; a missing cell is an empty string.

    Args:
        path: of a file in one of the formats of `TABLE_READERS`, perhaps compressed.
        columns: required columns.
        optional: columns that are returned if the table has them.
        table_format: of CSV and TSV files, and the encoding of JSON files.
        notes: receives the number of empty lines, if there are some.
        settings: the settings that name the columns, for errors.

    Raises:
        DataError: the file cannot be opened or parsed, has no rows or a row with a wrong number of
            cells, or lacks a required column.
        ConfigError: there is no such encoding.
    """
    import pandas as pd

    table = open_known_table(path, table_format)
    if len(columns) > 1:
        table.check_delimiter(columns[0])
    names = [*columns, *(column for column in optional if column in table.header)]
    places = [find_column(table, name, settings) for name in names]
    return pd.DataFrame(list(iterate_rows(table, places, notes)), columns=names, dtype=object)


def iterate_rows(
    table: "Table", places: Sequence[int], notes: list[str] | None = None
) -> Iterator[tuple[str, ...]]:
    """Iterate over the rows of the columns at some places, as text, with a progress bar.

    Args:
        table: a CSV or TSV file is read meanwhile.
        places: of the columns.
        notes: receives repairs of the file, at the end.

    Raises:
        DataError: there is no row, or one has a wrong number of cells.
    """
    is_empty = True
    for piece in read_pieces(table, places, TEXT_ROWS):
        is_empty = False
        yield from zip(*map(cell_texts, piece), strict=True)
    if is_empty:
        raise DataError(f"{table.path}: has a header but no rows")
    if notes is not None:
        notes += table.repairs


def read_pieces(
    table: "Table", places: Sequence[int], max_rows: int = CHUNK_ROWS
) -> Iterator[list[Cells]]:
    """Iterate over pieces of a table, as its method `pieces` does, with a progress bar."""
    from rich.progress import TextColumn

    column = TextColumn("reading {task.completed:,.0f} rows")
    with progress_bar(column) as bar:
        task = bar.add_task("")
        for piece in table.pieces(places, max_rows):
            yield piece
            bar.advance(task, len(piece[0]))


class FrameTable:
    """Table of another format than CSV, with its own types; cells of Excel are text.

    Attributes: see DelimitedTable.
    """

    looks_like_values = False

    def __init__(self, path: Path, frame: "pd.DataFrame") -> None:
        self.path, self.frame = path, frame
        self.header = [str(name) for name in frame.columns]
        self.repairs: Sequence[str] = frame.attrs.get("repairs", ())
        self.may_lack_header: bool = frame.attrs.get("may_lack_header", False)
        self.nameless: Set[int] = frame.attrs.get("nameless", frozenset())
        self.width = len(self.header)

    def check_delimiter(self, column: str) -> None:
        """See DelimitedTable; there is none."""

    def pieces(self, places: Sequence[int], max_rows: int = CHUNK_ROWS) -> Iterator[list[Cells]]:
        """See DelimitedTable."""
        for start in range(0, len(self.frame), max_rows):
            yield [self.frame.iloc[start : start + max_rows, place] for place in places]

    def name_row(self, row: int) -> str:
        """Return the name of a row in errors: the first one below the header is row 1."""
        return row_name(self.path, row)

    def add_field(self, name: str) -> None:
        """Add the column of a field of objects, such as body.text, if there is one.

        Raises:
            DataError: there is a column of objects without such a field.
        """
        values = find_field(self.path, self.frame, name)
        if values is not None:
            self.frame = self.frame.assign(**{name: values})
            self.header.append(name)

    def describe_field(self, name: str, setting: str) -> str:
        """Return what to type for a field of objects with this name; empty if there is none."""
        column = find_column_with_field(self.frame, name)
        return f"Objects have this field: {setting}={column}.{name}" if column else ""

    def check_not_nested(self, place: int, setting: str) -> None:
        """Check that a column, which a setting names, has no objects or lists.

        Raises:
            DataError: it has.
        """
        cells = self.frame.iloc[:, place]
        if cells.dtype.kind == "O":
            check_not_nested(self.path, cells, self.header[place], setting)


class StreamedTable(FrameTable):
    """Table that is read in parts, of which only one is in memory.

    Args:
        path: of a file of a format of `FRAME_STREAMS`.
        table_format: see TableFormat.

    Attributes:
        frame: the first rows; all of them if a field of objects was added.
    """

    def __init__(self, path: Path, table_format: TableFormat) -> None:
        import pandas as pd

        self.format, self._checks, self._is_whole = table_format, dict[int, str](), False
        self.path = path
        super().__init__(path, next(self._read(TEXT_ROWS), pd.DataFrame()))

    def _read(self, size: int) -> "Iterator[pd.DataFrame]":
        with explain_damage(self.path):
            yield from FRAME_STREAMS[file_format(self.path)](self.path, self.format.encoding, size)

    def pieces(self, places: Sequence[int], max_rows: int = CHUNK_ROWS) -> Iterator[list[Cells]]:
        """See DelimitedTable."""
        if self._is_whole:
            yield from super().pieces(places, max_rows)
            return
        first = 0
        for frame in self._read(max_rows):
            for place, setting in self._checks.items():
                cells = frame.iloc[:, place]
                check_not_nested(self.path, cells, self.header[place], setting, first)
            yield [frame.iloc[:, place] for place in places]
            first += len(frame)

    def add_field(self, name: str) -> None:
        """See FrameTable; a table with fields of objects is read whole."""
        if find_field(self.path, self.frame, name) is not None:
            self.frame, self._is_whole = load_frame(self.path, self.format), True
            super().add_field(name)

    def check_not_nested(self, place: int, setting: str) -> None:
        """See FrameTable; the rows are checked when they are read."""
        self._checks[place] = setting
        super().check_not_nested(place, setting)


Table = DelimitedTable | FrameTable


def open_known_table(path: Path, table_format: TableFormat) -> Table:
    """Open a table whose extension must be in `TABLE_READERS`.

    Raises:
        DataError: it is not, or the file cannot be opened or parsed.
        ConfigError: there is no such encoding.
    """
    _check_format(check_file(path))
    return open_table(path, table_format)


def open_table(path: Path, table_format: TableFormat) -> Table:
    """Open a table; extensions that are not in `TABLE_READERS`, such as .txt, are read as CSV.

    Raises:
        DataError: the file cannot be opened or parsed.
        ConfigError: there is no such encoding.
    """
    check_file(path)
    if is_table(path) and not is_delimited(path):
        return FrameTable(path, load_frame(path, table_format))
    return DelimitedTable(path, table_format)


def open_stream(inputs: object, table_format: TableFormat) -> Table:
    """Open a table as open_inputs does, but read JSON Lines and Parquet files in parts."""
    if isinstance(inputs, str | Path):
        path = check_file(expand_path(inputs))
        if path.suffix.lower() in FRAME_STREAMS or file_format(path) == ".jsonl":
            return StreamedTable(path, table_format)
    return open_inputs(inputs, table_format)


def open_inputs(inputs: object, table_format: TableFormat) -> Table:
    """Open a file, or a pandas table in memory, whose index becomes columns if it has values.

    The name of a table in memory is `attrs["name"]`.

    Raises:
        ConfigError: the inputs are neither.
        DataError: the file cannot be opened or parsed.
    """
    import pandas as pd

    if isinstance(inputs, str | Path):
        return open_table(expand_path(inputs), table_format)
    if isinstance(inputs, pd.DataFrame):
        has_index = not isinstance(inputs.index, pd.RangeIndex) and any(inputs.index.names)
        path = Path(str(inputs.attrs.get("name", FRAME_NAME)))
        return FrameTable(path, inputs.reset_index() if has_index else inputs)
    raise ConfigError(f"the inputs must be a file or a pandas table, not {type(inputs).__name__}")


def find_column(table: Table, name: str, settings: str, hint: str | None = None) -> int:
    """Return the place of a column, or of a field of a column of objects.

    `settings` names columns, and `hint` is added to the error; None for what describes a missing
    header.

    Raises:
        DataError: there is none with this name, or several.
    """
    if name not in table.header and isinstance(table, FrameTable):
        table.add_field(name)
    if name not in table.header:
        hint = describe_missing_header(table) if hint is None else hint
        begin = f"{table.path}: there is no column {name!r}; "
        end = (
            f". Name the right {'ones' if ' and ' in settings else 'one'} with {settings}"
            f"{explain_comma(table, name, settings)}{f'. {hint}' if hint else ''}"
        )
        setting = None if " " in settings else settings
        raise DataError(unknown_name(begin, name, table.header, end, setting=setting))
    if table.header.count(name) > 1:
        raise DataError(f"{table.path}, line 1: there are two columns {name!r}; rename one")
    return table.header.index(name)


def explain_comma(table: Table, name: str, settings: str) -> str:
    """Return how to type the name of a column with a comma, if `name` is a part of one."""
    for column in table.header:
        is_list = settings.endswith("columns") and "," in column
        if is_list and name in map(str.strip, column.split(",")):
            return f"; a name with a comma is typed in quotes: \"{settings}=['{column}']\""
    return ""


def describe_missing_header(table: Table) -> str:
    """Return a sentence for errors if the first line looks like values; else an empty one."""
    if not table.looks_like_values:
        return ""
    names = f"{'column1 ... ' * (table.width > 1)}column{table.width}"
    return (
        "The first line looks like values: data.header=false reads it as a row, and the names of "
        f"the columns are {names} then"
    )


def load_frame(path: Path, table_format: TableFormat) -> "pd.DataFrame":
    """Return a table of a format of `FRAME_READERS`.

    Raises:
        DataError: the file cannot be opened or parsed.
        ConfigError: there is no such encoding.
    """
    with explain_damage(path):
        return FRAME_READERS[file_format(path)](path, table_format)


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Raise DataError instead of the errors of a reader of damaged files."""
    try:
        yield
    except (ConfigError, DataError):
        raise
    except PARSE_ERRORS as error:
        reason = str(error).strip()
        raise DataError(f"{path}: cannot be read as {file_format(path)[1:]}: {reason}") from error


def is_table(path: Path) -> bool:
    """Return whether the extension is that of a table."""
    return file_format(path) in TABLE_READERS


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


def find_split_tables(folder: Path) -> dict[Split, Path]:
    """Return the table of each split in a folder; see `rnnlab.data.sources.split_names`."""
    return find_splits(
        folder, {file: file_stem(file) for file in folder.iterdir() if is_table(file)}
    )


def row_name(path: Path | str, row: int) -> str:
    """Return the name of a row in errors: the first one below the header is row 1."""
    return f"{path}, row {row + 1}"


# Formats.


def _check_format(path: Path) -> str:
    name = file_format(path)
    if name not in TABLE_READERS:
        message = (
            f"{path}: files of the format {name!r} are not supported; choices: "
            f"{', '.join(TABLE_READERS)}, each also with {', '.join(COMPRESSIONS)}"
        )
        raise DataError(Problem(message, choices=TABLE_READERS))
    return name


def _read_binary(path: Path, function: str, table_format: TableFormat) -> "pd.DataFrame":
    import pandas as pd

    if path.suffix.lower() not in COMPRESSIONS:
        table = getattr(pd, function)(path)
    else:
        with open_bytes(path) as file:
            table = getattr(pd, function)(io.BytesIO(file.read()))
    decode_bytes(path, table, table_format.encoding)
    return name_index(table)


def _read_excel(path: Path, table_format: TableFormat) -> "pd.DataFrame":
    """Return the only sheet; the first row with content is the header, unless there is none."""
    import pandas as pd

    if importlib.util.find_spec("openpyxl") is None:
        raise DataError(
            f"{path}: .xlsx files need the package openpyxl: pip install 'rnnlab[xlsx]'"
        )
    cells = {"header": None, "dtype": str, "na_filter": False, "engine": "openpyxl"}
    with open_bytes(path) as file:
        sheets = pd.read_excel(io.BytesIO(file.read()), None, **cells)
    full = [name for name, sheet in sheets.items() if len(sheet.columns)]
    if len(full) != 1:
        raise DataError(
            f"{path}: exactly one sheet with content is expected, but there are {len(full)}"
            f"{': ' if full else ''}{', '.join(full)}. Save the right one as a CSV file"
        )
    sheet = sheets[full[0]]
    has_header = table_format.header is not False
    names = list(sheet.iloc[0]) if has_header else [""] * len(sheet.columns)
    table = sheet[int(has_header) :].reset_index(drop=True).set_axis(number_columns(names), axis=1)
    if has_header:
        table.attrs["nameless"] = {place for place, name in enumerate(names) if not name.strip()}
        table.attrs["may_lack_header"] = table_format.header is None
    return table


Reader = Callable[[Path, TableFormat], "pd.DataFrame"]
FRAME_READERS: dict[str, Reader] = {
    ".json": lambda path, table_format: read_json(path, table_format.encoding),
    ".jsonl": lambda path, table_format: read_json_lines(path, table_format.encoding),
    ".parquet": lambda path, form: _read_binary(path, "read_parquet", form),
    ".feather": lambda path, form: _read_binary(path, "read_feather", form),
    ".xlsx": _read_excel,
}
FrameStream = Callable[[Path, str, int], "Iterator[pd.DataFrame]"]
FRAME_STREAMS: dict[str, FrameStream] = {".jsonl": stream_json_lines, ".parquet": stream_parquet}
TABLE_READERS = (*DEFAULT_DELIMITERS, *FRAME_READERS)
