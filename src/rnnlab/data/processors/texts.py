"""Texts as inputs of a processor: a list, the lines of a file, or a column of a table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from rnnlab.data.processors.base import read_texts
from rnnlab.data.readers.delimited import TableFormat
from rnnlab.data.readers.tables import (
    TEXT_ROWS,
    FrameTable,
    Table,
    is_table,
    open_stream,
)
from rnnlab.data.text.unknown_tokens import MAX_UNKNOWN_SHARE
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.errors import ConfigError, DataError
from rnnlab.spec import UNKNOWN_ID, Ints

if TYPE_CHECKING:
    import pandas as pd

    from rnnlab.data.processors.base import Inputs


def read_vocabulary(content: Any) -> Vocabulary:
    """Return the vocabulary of plain values; raise ValueError if they are damaged."""
    try:
        return Vocabulary.from_plain(content)
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"is no vocabulary ({error!r})") from error


StoredVocabulary = Annotated[
    Vocabulary, PlainValidator(read_vocabulary), PlainSerializer(Vocabulary.to_plain)
]


@dataclass(frozen=True)
class TextColumn:
    """The column of texts of a table.

    Attributes:
        table_format: of tables.
        find: returns its place; raises DataError if there is none.
        name: of the column.
        setting: that names it in training, for errors.
        new_columns: columns that the predictions add.
        lines_encoding: of files with one text in each line.
    """

    table_format: TableFormat
    find: Callable[[Table], int]
    name: str
    setting: str
    new_columns: Sequence[str]
    lines_encoding: str = "utf-8"

    def read(self, inputs: "Inputs") -> "Iterator[tuple[pd.DataFrame, str]]":
        """Yield parts of the inputs, and the name of their column of texts.

        Args:
            inputs: texts; a file with one text a line; or a table, whose columns are kept.

        Raises:
            ConfigError: the inputs are something else.
            DataError: they cannot be read, or a table has no column of texts, or one that is added.
        """
        import pandas as pd

        is_file = isinstance(inputs, str | Path)
        if isinstance(inputs, pd.DataFrame) or (is_file and is_table(Path(str(inputs)))):
            yield from self._read_table(open_stream(inputs, self.table_format))
        else:
            for texts in split_parts(read_texts(inputs, self.lines_encoding)):
                yield pd.DataFrame({"text": texts}), "text"

    def _read_table(self, table: Table) -> "Iterator[tuple[pd.DataFrame, str]]":
        import pandas as pd

        try:
            place = self.find(table)
        except DataError:
            table.check_delimiter(self.name)
            raise
        name = table.header[place]
        self._check(table, place)
        if isinstance(table, FrameTable) and not len(table.frame):
            raise DataError(f"{table.path}: has no rows")
        for piece in table.pieces(range(len(table.header)), TEXT_ROWS):
            columns = [pd.Series(cells).reset_index(drop=True) for cells in piece]
            part = pd.concat(columns, axis=1, keys=table.header)
            part[name] = part[name].astype(object).where(part[name].notna(), "").astype(str)
            yield part, name

    def _check(self, table: Table, place: int) -> None:
        if isinstance(table, FrameTable):
            table.check_not_nested(place, self.setting)
        for name in self.new_columns:
            if name in table.header:
                raise DataError(f"{table.path}: has a column {name!r} already; rename it")


def split_parts(texts: Iterator[str], size: int = TEXT_ROWS) -> Iterator[list[str]]:
    """Yield lists of `size` texts; the last one may be shorter.

    >>> list(split_parts(iter("abc"), 2))
    [['a', 'b'], ['c']]
    """
    part = list[str]()
    for text in texts:
        part.append(text)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def check_batch_size(batch_size: int) -> int:
    """Return the batch size unchanged; raise ConfigError if it is not positive."""
    if batch_size < 1:
        raise ConfigError(f"batch_size={batch_size}: must be at least 1")
    return batch_size


def split_by_length(lengths: Ints, batch_size: int) -> list[Ints]:
    """Return the rows of batches of sequences of similar length, the short ones first."""
    order = np.argsort(lengths, kind="stable")
    return np.split(order, range(batch_size, len(order), batch_size))


@dataclass
class TextCounts:
    """Numbers of the texts so far, and of their tokens."""

    texts: int = 0
    empty: int = 0
    tokens: int = 0
    unknown: int = 0

    def add(self, texts: Sequence[str], tokens: int, unknown: int) -> list[str]:
        """Count some texts; return notes on empty texts and on unknown tokens so far."""
        self.texts += len(texts)
        self.empty += sum(not text.strip() for text in texts)
        self.tokens, self.unknown = self.tokens + tokens, self.unknown + unknown
        notes = [f"{self.empty:,} of {self.texts:,} texts are empty"] if self.empty else []
        if self.unknown > MAX_UNKNOWN_SHARE * self.tokens:
            share = self.unknown / self.tokens
            notes.append(f"{share:.0%} of the tokens are not in the vocabulary")
        return notes


def count_tokens(ids: Sequence[list[int]]) -> dict[str, int]:
    """Return the numbers of `tokens` of texts, and of `unknown` ones."""
    return {
        "tokens": sum(map(len, ids)),
        "unknown": sum(row.count(UNKNOWN_ID) for row in ids),
    }
