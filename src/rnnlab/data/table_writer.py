"""Tables written in parts, in the format of the extension."""

import csv
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from rnnlab.errors import ConfigError, about_file, unknown_name

if TYPE_CHECKING:
    import pandas as pd


def write_csv(frame: "pd.DataFrame", file: IO[Any], is_first: bool, delimiter: str = ",") -> None:
    """Append a part to a CSV file; the first part has the header."""
    texts = frame.select_dtypes(["object", "string"])
    # The writer quotes no cell for a carriage return alone, which readers take for a line break.
    has_returns = any("\r" in str(cell) for name in texts for cell in texts[name])
    quoting = csv.QUOTE_NONNUMERIC if has_returns else csv.QUOTE_MINIMAL
    frame.to_csv(file, index=False, header=is_first, sep=delimiter, quoting=quoting)


def write_tsv(frame: "pd.DataFrame", file: IO[Any], is_first: bool) -> None:
    """Append a part to a TSV file; the first part has the header."""
    write_csv(frame, file, is_first, "\t")


def write_json_lines(frame: "pd.DataFrame", file: IO[Any], is_first: bool) -> None:
    """Append a part to a JSON Lines file."""
    frame.to_json(
        file,
        orient="records",
        lines=True,
        date_format="iso",
        double_precision=15,
        force_ascii=False,
    )


TEXT_FORMATS: dict[str, Callable[["pd.DataFrame", IO[Any], bool], None]] = {
    ".csv": write_csv,
    ".tsv": write_tsv,
    ".jsonl": write_json_lines,
}
FORMATS = (*TEXT_FORMATS, ".parquet")


def check_format(path: Path) -> None:
    """Raise ConfigError if the extension of a file to write names no format."""
    if path.suffix.lower() not in FORMATS:
        problem = unknown_name(f"{path}: {path.suffix!r} is no format; ", path.suffix, FORMATS)
        raise ConfigError(problem)


def schema_of_parts(schema: Any) -> Any:
    """Return the schema of a table by that of its first rows; a column without values is text."""
    import pyarrow

    for place, column in enumerate(schema):
        if pyarrow.types.is_null(column.type):
            schema = schema.set(place, column.with_type(pyarrow.string()))
    return schema


class TableWriter(AbstractContextManager["TableWriter"]):
    """Writes a table in parts. The file gets its name when it is complete.

    Args:
        path: ends with .csv, .tsv, .jsonl or .parquet.

    Raises:
        ConfigError: the extension is another one, or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        check_format(path)
        self.path, self.rows = path, 0
        self._temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        self._file: Any = None

    def __enter__(self) -> Self:
        if self.path.suffix.lower() in TEXT_FORMATS:
            try:
                self._file = self._temporary.open("w", encoding="utf-8", newline="")
            except OSError as error:
                raise ConfigError(
                    about_file(self.path, f"cannot be written ({error.strerror})")
                ) from error
        return self

    def write(self, frame: "pd.DataFrame") -> None:
        """Append the rows of a table with the same columns as the ones before.

        Raises:
            ConfigError: the file cannot be written.
        """
        try:
            self._write(frame)
        except OSError as error:
            raise ConfigError(
                about_file(self.path, f"cannot be written ({error.strerror})")
            ) from error
        self.rows += len(frame)

    def _write(self, frame: "pd.DataFrame") -> None:
        suffix = self.path.suffix.lower()
        if suffix in TEXT_FORMATS:
            TEXT_FORMATS[suffix](frame, self._file, self.rows == 0)
            return
        import pyarrow
        from pyarrow.parquet import ParquetWriter

        try:
            table = pyarrow.Table.from_pandas(frame, preserve_index=False)
            if self._file is None:
                self._file = ParquetWriter(self._temporary, schema_of_parts(table.schema))
            self._file.write_table(table.cast(self._file.schema))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
            reason = (
                f"a column has values of several types ({error}), which a Parquet file cannot "
                "have. Write a .csv or .jsonl file"
            )
            raise ConfigError(about_file(self.path, reason)) from error

    def __exit__(self, kind: object, *error: object) -> None:
        if self._file is not None:
            self._file.close()
            if kind is None:
                self._temporary.replace(self.path)
        self._temporary.unlink(missing_ok=True)
