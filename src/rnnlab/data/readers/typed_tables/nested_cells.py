"""Objects and lists in the cells of tables: fields of objects are columns, others are rejected."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.data.readers.dates import excerpt
from rnnlab.errors import DataError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

LISTS = (list, tuple, set, np.ndarray)


def find_field(path: Path, frame: "pd.DataFrame", name: str) -> list[Any] | None:
    """Return the values of a field of objects, such as "body.text"; None if no column has objects.

    A field that an object does not have is None.

    Args:
        path: of the file, for errors.
        frame: table with a column of objects, such as "body".
        name: of the column and the field; fields may be nested.

    Raises:
        DataError: no object has such a field, or a cell of the column is no object.
    """
    parts = name.split(".")
    header = [str(column) for column in frame.columns]
    for count in range(len(parts) - 1, 0, -1):
        column = ".".join(parts[:count])
        if header.count(column) != 1:
            continue
        values: list[Any] = frame.iloc[:, header.index(column)].tolist()
        if not any(isinstance(value, dict) for value in values):
            continue
        for number, field in enumerate(parts[count:], start=count):
            values = list(_read_field(path, values, ".".join(parts[:number]), field))
        return values
    return None


def find_column_with_field(frame: "pd.DataFrame", field: str) -> str | None:
    """Return the name of the first column whose objects have a field; None if there is none."""
    for place, column in enumerate(frame.columns):
        objects = (cell for cell in frame.iloc[:, place] if isinstance(cell, dict))
        if any(field in cell for cell in objects):
            return str(column)
    return None


def _read_field(path: Path, values: Iterable[Any], column: str, field: str) -> Iterable[Any]:
    objects = [{} if value is None or value != value else value for value in values]
    for row, value in enumerate(objects, start=1):
        if not isinstance(value, dict):
            raise DataError(
                f"{path}, row {row:,}, column {column!r}: an object with the field {field!r} is "
                f"expected, as in other rows, but found {excerpt(str(value))}"
            )
    names = {str(key) for value in objects for key in value}
    if field not in names:
        begin = f"{path}: the objects in column {column!r} have no field {field!r}; "
        raise DataError(unknown_name(begin, field, names))
    return (value.get(field) for value in objects)


def decode_bytes(path: Path, frame: "pd.DataFrame", encoding: str, first: int = 0) -> None:
    """Replace bytes in the cells of a table by text, in place; `first` rows were before it.

    Raises:
        DataError: bytes are not valid in this encoding; names the row.
    """
    for name in frame.columns:
        cells = frame[name]
        if cells.dtype.kind != "O" or not any(isinstance(cell, bytes) for cell in cells):
            continue
        texts = cells.tolist()
        for row, cell in enumerate(texts):
            if isinstance(cell, bytes):
                try:
                    texts[row] = cell.decode(encoding)
                except UnicodeDecodeError as error:
                    place = f"row {first + row + 1:,}, column {str(name)!r}: byte {error.start}"
                    raise DataError(
                        f"{path}, {place} is not {encoding}. Name the encoding of the texts, such "
                        "as data.encoding=cp1252"
                    ) from error
        frame[name] = texts


def check_not_nested(
    path: Path, cells: Iterable[Any], column: str, setting: str, first: int = 0
) -> None:
    """Check that no cell of a column holds an object or a list.

    Args:
        path: of the file, for errors.
        cells: of all rows.
        column: name of the column.
        setting: that names the column.
        first: rows before them.

    Raises:
        DataError: a cell does.
    """
    for row, cell in enumerate(cells, start=first + 1):
        if isinstance(cell, dict) and any(isinstance(other, str) for other in cells):
            raise DataError(
                f"{path}, row {row:,}, column {column!r}: is an object, {excerpt(str(cell))}, but "
                "other rows have texts. Write all rows alike"
            )
        if isinstance(cell, dict):
            fields = [str(field) for field in cell]
            texts = [str(field) for field, value in cell.items() if isinstance(value, str)]
            field = [*texts, *fields, ""][0]
            raise DataError(
                f"{path}, row {row:,}, column {column!r}: is an object with the fields "
                f"{', '.join(fields[:20])}. Name one of them: {setting}={column}.{field}"
            )
        if isinstance(cell, LISTS):
            raise DataError(
                f"{path}, row {row:,}, column {column!r}: is a list, {excerpt(str(cell))}, but one "
                f"value is expected. Write one in each row, or name another column with {setting}"
            )
