"""Numbers in the cells of tables: missing values, decimal comma, thousands, percent and currency.

A column is read as numbers, or it has an invalid cell; nothing is guessed. The whole column decides
whether a point separates decimals or thousands.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from math import isfinite, isnan, nan
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from rnnlab.errors import ConfigError
from rnnlab.spec import Array

if TYPE_CHECKING:
    import pandas as pd

EMPTY = frozenset({"", "nan", "n/a", "null"})  # cells without a value, in any column
INFINITIES = frozenset({"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
MISSING_NUMBERS = EMPTY | {  # cells without a value in a column of numbers, in lower case
    *("na", "none", "?", "-", "--", ".", "..", "#n/a", "#na", "#n/a n/a", "<na>", "\\n", "nat"),
    *("-nan", "+nan", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
}
Cells: TypeAlias = "list[str] | pd.Series[Any]"  # of a column, text or typed
Decimal = Literal["dot", "comma"]
Thousands = Literal["comma", "dot", "space", "apostrophe"]
DECIMALS: dict[Decimal, str] = {"dot": r"\.", "comma": ","}
THOUSANDS: dict[Thousands, str] = {
    "comma": ",",
    "dot": r"\.",
    "space": "[ \u00a0\u2009\u202f]",
    "apostrophe": "['\u2019]",
}
SIGN = re.compile(r"^([+-]?)\s*([^\w\s.,+-]?)\s*([+-]?)(.*?)\s*([^\w\s.,+-]?)$", re.DOTALL)
DIGIT_PATTERN = re.compile(r"\d")
NOT_NUMERIC = re.compile(r"[^\W\d_eE]|[:/_]|^\D*$")  # a letter, a time, or no digit


class InvalidCell(NamedTuple):
    """A cell that is not a number.

    Attributes:
        row: counted from 0.
        text: of the cell.
        reason: why it is none, and a setting that helps.
    """

    row: int
    text: str
    reason: str


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written.

    Attributes:
        decimal: separator of the decimals, dot | comma; None for a dot unless the column looks like
            whole numbers with a dot between thousands.
        thousands: separator of the thousands: comma | dot | space | apostrophe; None for none.
        strip_signs: remove a percent or currency sign, the same one in a whole column.
        missing: numbers and words that mark a missing value, besides `MISSING_NUMBERS`.
    """

    decimal: Decimal | None = None
    thousands: Thousands | None = None
    strip_signs: bool = False
    missing: tuple[float | str, ...] = ()

    def __post_init__(self) -> None:
        if self.thousands == (self.decimal or "dot"):
            other = "comma" if self.thousands == "dot" else "dot"
            raise ConfigError(
                f"data.thousands={self.thousands}: is the separator of the decimals too; set "
                f"data.decimal={other}"
            )

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Regular expression of a number without its signs."""
        whole = r"\d+"
        if self.thousands:
            whole = rf"\d{{1,3}}(?:{THOUSANDS[self.thousands]}\d{{3}})+|\d+"
        point = DECIMALS[self.decimal or "dot"]
        text = rf"((?:{whole})?)(?:{point}(\d*))?([eE][+-]?\d+)?"
        return re.compile(text, re.ASCII)

    @property
    def is_plain(self) -> bool:
        """Whether Python's float reads the numbers, apart from separators of thousands."""
        return self.decimal != "comma" and not self.strip_signs

    @cached_property
    def missing_numbers(self) -> tuple[float, ...]:
        """Numbers that mark a missing value."""
        values = (
            value if isinstance(value, float) else _to_float(str(value)) for value in self.missing
        )
        return tuple(value for value in values if not isnan(value))

    @cached_property
    def missing_words(self) -> frozenset[str]:
        """Words that mark a missing value, in lower case."""
        words = (value.strip().lower() for value in self.missing if isinstance(value, str))
        return MISSING_NUMBERS.union(words)

    def parse(self, cell: str) -> tuple[float, str] | None:
        """Return the number in a cell and its percent or currency sign; None if there is none."""
        text, symbol = cell.strip(), ""
        before = after = ""
        if self.strip_signs and (match := SIGN.match(text)):
            before, left, after, text, right = match.groups()
            symbol = left + right
            if len(symbol) > 1 or (before and after) or not all(map(is_sign, symbol)):
                return None
        elif text[:1] in "+-":
            before, text = text[:1], text[1:]
        match = self.pattern.fullmatch(text)
        if not match or not (match[1] or match[2]):
            return None
        digits = re.sub(r"\D", "", match[1]) or "0"
        value = float(f"{before}{after}{digits}.{match[2] or 0}{match[3] or ''}")
        return None if np.isinf(value) else (value, symbol)


def is_sign(character: str) -> bool:
    """Return whether a character is a percent or currency sign."""
    return character in "%\u2030" or unicodedata.category(character) == "Sc"


def is_missing(cell: str) -> bool:
    """Return whether a cell of any column has no value."""
    return cell.strip().lower() in EMPTY


@dataclass
class NumberColumn:
    """Numbers of a column, which is read in pieces.

    Attributes:
        name: of the column.
        style: of its numbers.
        parts: the values of each piece; NaN where there is no number.
        rows: number of cells.
        invalid: the first cell that is not a number, or None.
        strange: number of cells that are not numbers in any style.
        missing: number of cells of each word that marks a missing value.
        symbols: percent and currency signs, each with its first cell.
    """

    name: str
    style: NumberStyle
    parts: list[Array] = field(default_factory=list)
    rows: int = 0
    invalid: InvalidCell | None = None
    strange: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    symbols: dict[str, tuple[int, str]] = field(default_factory=dict)
    _points: "_PointCount" = field(default_factory=lambda: _PointCount())

    @property
    def values(self) -> Array:
        """All values, (N,), float64."""
        return np.concatenate(self.parts)

    @property
    def is_text(self) -> bool:
        """Whether there are cells that are not numbers, and hardly any number."""
        cells = self.rows - self.missing.total()
        return self.strange > 0 and 10 * (cells - self.strange) <= cells

    def add(self, cells: Cells) -> None:
        """Append the cells of a piece, text or typed."""
        from pandas.api.types import is_any_real_numeric_dtype

        if not isinstance(cells, list) and is_any_real_numeric_dtype(cells):
            values = cells.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
            self.missing[""] += int(np.isnan(values).sum())
        else:
            values = self._parse(cell_texts(cells))
        values[~np.isfinite(values) | np.isin(values, self.style.missing_numbers)] = np.nan
        self.parts.append(values)
        self.rows += len(values)

    def _parse(self, cells: list[str]) -> Array:
        """Return the numbers of some cells; plain ones are converted together."""
        text = "".join(cells)
        if self.style.is_plain and text.isascii() and "_" not in text:  # float() takes 1_000
            return self._parse_plain(cells, "n" in text or "N" in text)
        return np.array([self._parse_cell(row, cell) for row, cell in enumerate(cells, self.rows)])

    def _parse_plain(self, cells: list[str], has_words: bool) -> Array:
        """Return the numbers of cells that Python's float reads, and of a few others."""
        try:
            values = list(map(float, cells)) if not has_words else [_to_float(c) for c in cells]
        except ValueError:
            values = [_to_float(cell) for cell in cells]
        for index, value in enumerate(values):
            if not isfinite(value):
                values[index] = self._parse_cell(self.rows + index, cells[index])
            elif self._points.possible and value not in self.style.missing_numbers:
                self._points.add(self.rows + index, cells[index])
        return np.array(values, dtype=np.float64)

    def _parse_cell(self, row: int, cell: str) -> float:
        number = self.style.parse(cell)
        if number is not None:
            value, symbol = number
            self.symbols.setdefault(symbol, (row, cell))
            return value
        word = cell.strip()
        if word.lower() in self.style.missing_words or word.lower() in INFINITIES:
            self.missing[word] += 1
            return np.nan
        settings = _matching_settings(DIGIT_PATTERN.sub("0", cell))
        self.strange += not settings
        if self.invalid is None:
            self.invalid = InvalidCell(row, cell, _explain(cell, settings))
        return np.nan

    def find_problem(self) -> InvalidCell | None:
        """Return what makes the column as a whole invalid; None if nothing does."""
        if self.invalid or len(self.symbols) < 2:
            return self.invalid
        first, second = list(self.symbols)[:2]
        reason = f"has {second or 'no sign'}, but cells above have {first or 'no sign'}"
        return InvalidCell(*self.symbols[second], f"{reason}. Use one unit in a column")

    @property
    def has_decimals(self) -> bool:
        """Whether a dot must separate decimals, as in 1.5."""
        return self._points.has_decimals

    def find_doubtful_dot(self, has_semicolons: bool) -> InvalidCell | None:
        """Return a cell whose dot may separate thousands, as 1.234 beside 987; None without one.

        Columns with dots in all cells are doubtful in files with semicolons, which are those of
        countries with a decimal comma.
        """
        points = self._points
        if self.style.decimal or not points.possible or not points.num_grouped:
            return None
        if not points.num_whole and not has_semicolons:
            return None
        return InvalidCell(
            points.row,
            points.text,
            "may have a dot for decimals or for thousands: set data.decimal=dot, or "
            "data.decimal=comma data.thousands=dot",
        )


@dataclass
class _PointCount:
    """Cells like 1.234 and 987: a dot between thousands, if there is no other kind of cell.

    Attributes:
        num_grouped, num_whole: cells like 1.234 and like 987.
        possible: all cells are of these two kinds.
        has_decimals: a cell is like 1.5.
        row, text: of the first cell like 1.234.
    """

    num_grouped: int = 0
    num_whole: int = 0
    possible: bool = True
    has_decimals: bool = False
    row: int = 0
    text: str = ""

    def add(self, row: int, cell: str) -> None:
        number = cell.strip().lstrip("+-")
        whole, point, decimals = number.partition(".")
        self.possible = len(whole) <= 3 and (not point or len(decimals) == 3)
        self.possible &= not whole.startswith("0") or number == "0"
        self.has_decimals = bool(point) and not self.possible
        if point and not self.num_grouped:
            self.row, self.text = row, number
        self.num_grouped += bool(point)
        self.num_whole += not point


def _to_float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return nan


def _make_other_styles() -> dict[str, NumberStyle]:
    """Return styles of numbers by the settings that choose them, simple ones first."""
    separators: list[tuple[Decimal, Thousands | None]] = [
        *(("dot", None), ("comma", None), ("dot", "comma"), ("comma", "dot")),
        *(("dot", "space"), ("comma", "space"), ("dot", "apostrophe"), ("comma", "apostrophe")),
    ]
    styles = {}
    for strip_signs, (decimal, thousands) in product((False, True), separators):
        settings = [f"data.decimal={decimal}"] if decimal == "comma" else []
        settings += [f"data.thousands={thousands}"] if thousands else []
        settings += ["data.strip_signs=true"] if strip_signs else []
        styles[" ".join(settings)] = NumberStyle(decimal, thousands, strip_signs)
    return styles


OTHER_STYLES = _make_other_styles()


@lru_cache
def _matching_settings(shape: str) -> list[str]:
    """Return the settings with which a cell is a number; `shape` has zeros for its digits."""
    if NOT_NUMERIC.search(shape):
        return []
    return [name for name, other in OTHER_STYLES.items() if other.parse(shape) is not None]


def _explain(cell: str, settings: Sequence[str]) -> str:
    """Return why a cell is not a number, and the settings that may help."""
    if "" in settings:  # a plain number
        return "is not a number with these data.decimal and data.thousands. Correct it or them"
    fewest = min((len(name.split()) for name in settings), default=0)
    if choices := [name for name in settings if len(name.split()) == fewest]:
        return f"is not a number. Set {', or '.join(choices)}"
    word = cell.strip()
    example = f"data.missing_values=[{word}]" if word.isalnum() else "data.missing_values"
    return f"is not a number. Correct it, leave the cell empty, or list it in {example}"


def infer_type(cells: Cells) -> Cells:
    """Return typed cells with the type of their values, such as numbers of a JSON file."""
    try:
        return cells if isinstance(cells, list) else cells.infer_objects()
    except UnicodeEncodeError:  # half of a surrogate pair, in JSON: no type of text has it
        return cells


def cell_texts(cells: Cells) -> list[str]:
    """Return all cells as text; a missing one is empty."""
    if isinstance(cells, list):
        return cells
    pairs = zip(cells.tolist(), cells.isna().tolist(), strict=True)
    return ["" if missing else str(cell) for cell, missing in pairs]
