"""Columns of a tab-separated file that hold the sentence pairs, and whether it has a header.

Such files are published with and without a header, and with further columns: numbers of the
sentences (Tatoeba), a licence (Anki), a score. The columns are chosen with certainty, or the file
is rejected with the settings that name them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnlab.data.readers.dates import excerpt
from rnnlab.data.readers.delimited import number_columns
from rnnlab.errors import DataError, unknown_name

Pair = tuple[str, str]
Places = tuple[int, int]
CellRows = Sequence[Sequence[str]]

MAX_COLUMNS_SHOWN = 6  # columns in an error
SAMPLE_ROWS = 1_000  # first rows of a file, which decide
COLUMN_SETTINGS = "data.source_column and data.target_column"
MIN_ROWS = 20  # of which at most one is of single words, as a header is
REPETITIONS = 20  # a column of words that occur as often as this, on average, holds labels
PREFIX_SIZE = 12  # characters that all addresses or licences of a column share
COLUMN_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    source target src tgt trg input output text sentence sentences translation translations word
    words phrase frase frases satz zin oración traduction traducción traduzione übersetzung
    vertaling original reference id number score language lang attribution licence license
    english german french spanish italian portuguese dutch swedish danish norwegian finnish
    polish czech slovak russian ukrainian bulgarian greek turkish arabic hebrew persian hindi
    chinese japanese korean thai vietnamese indonesian romanian hungarian deutsch français
    español italiano português nederlands svenska dansk norsk suomi polski čeština русский
    türkçe en de fr es it pt nl sv da no fi pl cs sk ru uk bg el tr ar he fa hi zh ja ko th vi
    ro hu eng deu ger fra fre spa ita por nld rus zho chi cmn jpn kor ara hin ces cze tur pol
        """,
    )
)  # of which names of columns consist


@dataclass(frozen=True)
class PairColumns:
    """Columns that hold the pairs.

    Attributes:
        languages: of source and target.
        source, target: names of the columns; None for those with the names of the languages. In a
            file without a header the names are column1, column2 ...
    """

    languages: Pair
    source: str | None = None
    target: str | None = None

    @property
    def names(self) -> Pair:
        """Names of the source column and of the target column."""
        return self.source or self.languages[0], self.target or self.languages[1]

    @property
    def settings(self) -> list[str]:
        """The settings that name a column."""
        sides = {"source": self.source, "target": self.target}
        return [f"data.{side}_column={name}" for side, name in sides.items() if name is not None]

    def are_in(self, header: Sequence[str]) -> bool:
        """Return whether a header has both columns; the case of languages does not matter."""
        return all(find_name(header, name) is not None for name in self.names)


def join_lines(cell: str) -> str:
    r"""Return a sentence without line breaks and without white space around it.

    >>> join_lines(" a\r\nb\n")
    'a b'
    """
    return cell.replace("\r\n", "\n").replace("\n", " ").strip()


def find_name(header: Sequence[str], name: str) -> int | None:
    """Return the place of a name in a header, in this or another case; None if it is absent.

    >>> find_name(["DE", "en"], "de"), find_name(["DE", "en"], "fr")
    (0, None)
    """
    for names in (list(header), [each.casefold() for each in header]):
        if name in names:
            return names.index(name)
    return None


def has_header(file: Path, rows: CellRows, columns: PairColumns, setting: bool | None) -> bool:
    """Return whether the first row has the names of the columns.

    Args:
        file: for errors.
        rows: the first rows of the file.
        columns: that the user named.
        setting: data.header; None to decide it here.

    Raises:
        DataError: the first row may be a header or a pair.
    """
    if setting is not None:
        return setting
    names = number_columns(rows[0])
    explicit = [name for name in (columns.source, columns.target) if name is not None]
    if columns.are_in(names) or set(explicit) & set(names):
        return True
    if looks_like_header(rows):
        raise DataError(
            f"{file}, line 1: {excerpt(', '.join(names))} looks like the names of columns. Set "
            "data.header=true to leave the line out, or data.header=false if it is a pair"
        )
    return False


def looks_like_header(rows: CellRows) -> bool:
    """Return whether the first row consists of names, and the others do not.

    >>> looks_like_header([["English", "German"], ["Go.", "Geh."]])
    True
    """
    first, *others = rows
    if 2 * sum(map(is_column_name, first)) > len(first):
        return True
    columns = [[row[place] for row in others] for place in range(len(first))]
    if any(
        has_letters([name]) and are_numbers(cells)
        for name, cells in zip(first, columns, strict=True)
    ):
        return True
    num_bare = sum(map(are_bare_words, others))
    return are_bare_words(first) and num_bare * MIN_ROWS < len(others)


def has_letters(cells: Sequence[str]) -> bool:
    """Return whether a cell has a letter."""
    return any(character.isalpha() for cell in cells for character in cell)


def are_numbers(cells: Sequence[str]) -> bool:
    """Return whether the cells that are not empty have digits and no letters."""
    full = [cell for cell in cells if cell.strip()]
    return (
        all(any(map(str.isdigit, cell)) for cell in full) and bool(full) and not has_letters(full)
    )


def is_column_name(cell: str) -> bool:
    """Return whether a cell consists of usual words for columns, such as "source_text"."""
    words = re.findall(r"[^\W\d_]+", cell.casefold())
    return bool(words) and COLUMN_WORDS.issuperset(words)


def are_bare_words(cells: Sequence[str]) -> bool:
    """Return whether each cell is a single word without a mark."""
    return all(cell.strip().isidentifier() for cell in cells)


def choose_columns(
    file: Path, header: Sequence[str], rows: CellRows, columns: PairColumns, notes: list[str]
) -> Places:
    """Return the places of source and target.

    Args:
        file: for errors and notes.
        header: names of the columns, of the file or numbered.
        rows: the first rows below the header.
        columns: that the user named.
        notes: receives the choice if it depends on the rows.

    Raises:
        DataError: a named column is missing, or several columns may hold the sentences.
    """
    if columns.settings or columns.are_in(header):
        return find_columns(file, header, columns)
    if len(header) == 2:
        return 0, 1
    places = [place for place in range(len(header)) if holds_sentences([r[place] for r in rows])]
    if len(places) != 2:
        examples = list(zip(header, rows[0], strict=True))[:MAX_COLUMNS_SHOWN]
        cells = ", ".join(f"{name}: {excerpt(cell)}" for name, cell in examples)
        raise DataError(
            f"{file}: has {len(header)} columns, and it is not certain which two hold the "
            f"sentences ({cells}). Name them with {COLUMN_SETTINGS}, such as "
            f"data.source_column={header[0]} data.target_column={header[1]}"
        )
    source, target = places
    rest = [name for place, name in enumerate(header) if place not in places]
    notes.append(
        f"{file.name}: {header[source]} is the source and {header[target]} the target; "
        f"{', '.join(rest)} not read ({COLUMN_SETTINGS})"
    )
    return source, target


def find_columns(file: Path, header: Sequence[str], columns: PairColumns) -> Places:
    """Return the places of the named columns.

    Raises:
        DataError: there is no such column, there are several, or both are the same one.
    """
    places = []
    for name in columns.names:
        place = find_name(header, name)
        if place is None:
            end = f". Name the right ones with {COLUMN_SETTINGS}"
            raise DataError(
                unknown_name(f"{file}: there is no column {name!r}; ", name, header, end)
            )
        if header.count(name) > 1:
            raise DataError(f"{file}, line 1: there are two columns {name!r}; rename one")
        places.append(place)
    source, target = places
    if source == target:
        raise DataError(f"{file}: {header[source]!r} cannot be both source and target")
    return source, target


def holds_sentences(cells: Sequence[str]) -> bool:
    """Return whether a column may hold sentences: no numbers, labels, addresses or licences.

    >>> holds_sentences(["1276", "1277"]), holds_sentences(["eng", "eng"])
    (False, False)
    """
    full = [cell.strip() for cell in cells if cell.strip()]
    if not has_letters(full):
        return False
    is_label = not any(" " in cell for cell in full)
    distinct = len(set(full))
    prefix = full[0][:PREFIX_SIZE]
    is_address = len(prefix) == PREFIX_SIZE and all(cell.startswith(prefix) for cell in full)
    return (
        distinct > 1 and not is_address and not (is_label and distinct * REPETITIONS <= len(full))
    )
