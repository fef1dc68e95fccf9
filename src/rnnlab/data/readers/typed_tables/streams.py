"""Parts of JSON Lines and Parquet files, which may be larger than the memory."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.data.readers.typed_tables.json_files import iterate_objects
from rnnlab.data.readers.typed_tables.nested_cells import decode_bytes

if TYPE_CHECKING:
    import pandas as pd


def stream_json_lines(path: Path, encoding: str, size: int) -> "Iterator[pd.DataFrame]":
    """Yield the objects of a JSON Lines file, `size` at a time; each part has all columns.

    The file is read twice, so that an invalid line is found before the first part.

    Raises:
        DataError: a line holds no object; names it.
    """
    import pandas as pd

    columns: dict[str, None] = {}
    for row in iterate_objects(path, encoding):
        columns |= dict.fromkeys(row)
    rows = iterate_objects(path, encoding)
    while part := list(islice(rows, size)):
        yield pd.DataFrame(part, columns=list(columns), dtype=object)


def stream_parquet(path: Path, encoding: str, size: int) -> "Iterator[pd.DataFrame]":
    """Yield the rows of a Parquet file, `size` at a time; whole numbers may be missing.

    Raises:
        DataError: bytes are not text in this encoding; names the row.
        ValueError, OSError: the file is damaged.
    """
    import pandas as pd
    from pyarrow.parquet import ParquetFile

    types = {"int8": "Int8", "int16": "Int16", "int32": "Int32", "int64": "Int64"}
    types |= {f"u{name}": f"U{dtype}" for name, dtype in types.items()}

    def find_type(kind: Any) -> Any:
        """Return a type that is the same for parts with and without missing numbers."""
        name = types.get(str(kind))
        return pd.api.types.pandas_dtype(name) if name else None

    first = 0
    with ParquetFile(path, memory_map=True) as file:
        for batch in file.iter_batches(batch_size=size):
            frame = batch.to_pandas(types_mapper=find_type)
            decode_bytes(path, frame, encoding, first)
            yield name_index(frame)
            first += len(frame)


def name_index(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table whose index, if it has values, is a column: dates are often the index."""
    import pandas as pd

    if any(frame.index.names) or not pd.api.types.is_integer_dtype(frame.index):
        return frame.reset_index()
    return frame
