"""Tables in JSON and JSON Lines files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.data.readers.dates import excerpt
from rnnlab.data.readers.files import open_text, read_lines
from rnnlab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "a truth value",
    type(None): "null",
}


def read_json(path: Path, encoding: str) -> "pd.DataFrame":
    """Return the rows of a list of objects, or the columns of an object of lists.

    A file that holds an object in each line is read as JSON Lines; the attribute `repairs` of the
    result says so.

    Raises:
        DataError: the file is neither.
    """
    with open_text(path, encoding) as stream:
        text = stream.read()
    try:
        content = parse_json(text)
    except ValueError as error:
        if not _begins_with_object(text):
            raise _syntax_error(path, error) from error
        table = read_json_lines(path, encoding)
        table.attrs["repairs"] = [f"{path.name} was read as JSON Lines, an object in each line"]
        return table
    return _build_frame(path, content)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; raise ValueError if it is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists or objects are nested too deeply") from None


def read_json_lines(path: Path, encoding: str) -> "pd.DataFrame":
    """Return the objects of all lines, of which empty ones are skipped.

    Raises:
        DataError: a line holds no object; names it.
    """
    import pandas as pd

    return pd.DataFrame(list(iterate_objects(path, encoding)), dtype=object)


def iterate_objects(path: Path, encoding: str) -> Iterator[dict[str, Any]]:
    """Yield the object of each line that is not empty; see read_json_lines."""
    for number, line in enumerate(read_lines(path, encoding), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number:,}"
        try:
            row = parse_json(line)
        except ValueError as error:
            if number == 1 and line.lstrip()[:1] in ("[", "{"):
                _check_document(path, encoding)
            raise _syntax_error(path, error, number, line) from error
        if not isinstance(row, dict):
            raise DataError(
                f"{place}: an object with the columns is expected, but this is {_kind(row)}: "
                f"{excerpt(line)}"
            )
        yield row


def _begins_with_object(text: str) -> bool:
    """Return whether the first line is a complete object."""
    try:
        return isinstance(parse_json(text.lstrip().partition("\n")[0]), dict)
    except ValueError:
        return False


def _check_document(path: Path, encoding: str) -> None:
    """Check that a file of lines is not one JSON document.

    Raises:
        DataError: it is.
    """
    with open_text(path, encoding) as stream:
        try:
            parse_json(stream.read())
        except ValueError:
            return
    raise DataError(
        f"{path}: holds one JSON document instead of an object in each line. Give it the extension "
        ".json"
    )


def _syntax_error(
    path: Path, error: ValueError, line: int | None = None, text: str = ""
) -> DataError:
    if not isinstance(error, json.JSONDecodeError):  # too many digits, or too deep
        return DataError(f"{path}{f', line {line:,}' if line else ''}: {error}")
    line_text = f": {excerpt(text)}" if text else ""
    return DataError(
        f"{path}, line {line or error.lineno:,}, column {error.colno:,}: cannot be read as JSON, "
        f"{error.msg}{line_text}. Correct the line"
    )


def _build_frame(path: Path, content: Any) -> "pd.DataFrame":
    import pandas as pd

    rows = _find_rows(content)
    if rows is not None:
        field, content = rows
        table = _build_frame(path, content)
        table.attrs["repairs"] = [f"the rows of {path.name} are those of its field {field!r}"]
        return table
    if isinstance(content, list):
        for number, row in enumerate(content, start=1):
            if not isinstance(row, dict):
                raise DataError(
                    f"{path}, row {number:,}: an object with the columns is expected, but this is "
                    f"{_kind(row)}: {excerpt(json.dumps(row))}"
                )
        return pd.DataFrame(content, dtype=object)
    if isinstance(content, dict) and any(isinstance(v, list | dict) for v in content.values()):
        try:
            return pd.DataFrame(content, dtype=object)
        except ValueError as error:
            raise DataError(f"{path}: cannot be read as a table, {error}") from error
    if isinstance(content, dict):
        return pd.DataFrame([content], dtype=object)
    raise DataError(f"{path}: a list of objects is expected, but this is {_kind(content)}")


def _find_rows(content: Any) -> tuple[str, list[Any]] | None:
    """Return name and value of the field of a document that has the rows; None if it is none."""
    if not isinstance(content, dict):
        return None
    lists = {field: value for field, value in content.items() if isinstance(value, list)}
    rows = [field for field, value in lists.items() if any(isinstance(v, dict) for v in value)]
    return (rows[0], lists[rows[0]]) if len(rows) == len(lists) == 1 else None


def _kind(value: Any) -> str:
    return KINDS.get(type(value), "a number")
