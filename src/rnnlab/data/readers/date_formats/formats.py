"""Formats of dates: patterns of cells, and the conversion of their digits with array operations.

The shape of a cell is its text with a 0 for each digit. A format is a regular expression on shapes.
The cells of one shape have their digits in the same places, and are converted together.

N cells of one shape, W bytes each.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from rnnlab.data.readers.date_formats.fields import (
    MONTH_NAMES,
    WEEKDAY_NAMES,
    CellFields,
    ParsedDates,
    group,
)
from rnnlab.data.readers.date_formats.numbers import NUMBER_UNITS
from rnnlab.data.readers.dates import DAY
from rnnlab.errors import ConfigError
from rnnlab.spec import Array

COMPLETE_DATES = [  # directives of years, months, days, quarters and weeks
    *(year + rest for year in "Yy" for rest in ("", "m", "b", "q", "j", "md", "bd")),
    *("G", "GV", "GVu"),
]
ALIASES = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%h": "%b"}
DIGIT_DIRECTIVES = {  # directive -> its least and most digits
    **dict.fromkeys("mdHMSV", (1, 2)),
    **{"Y": (4, 4), "G": (4, 4), "y": (2, 2), "j": (1, 3), "q": (1, 1), "u": (1, 1), "f": (1, 9)},
}
AUTOMATIC_YEARS, ALL_YEARS = (1500, 2300), (1, 9999)  # of formats that are found or given


def _names(words: str) -> str:
    """Return a pattern of full names and their first three letters."""
    return "|".join(f"{word[:3]}(?:{word[3:]})?" for word in words.split())


WORD_DIRECTIVES = {
    "b": _names(MONTH_NAMES).replace("sep(?:tember)?", "sep(?:t(?:ember)?)?"),
    "a": _names(WEEKDAY_NAMES),
    "p": r"[ap]\.?m\.?",
    "z": r"z|utc|gmt|[+-]00(?::?00)?",
}
CLOCK = (  # time of day: 1:30, 01:30:00.5, 01.30.00, 01-30-00, T0130, 1:30 pm, 01
    r"(?=0{1,2}(?!0)|0000(?:00)?(?!0))(?P<H>0{1,2})"
    r"(?:(?P<sign>:|\.(?=00\.00)|-(?=00-00)|)(?P<M>00)(?:(?P=sign)(?P<S>00)(?:[.,](?P<f>0{1,9}))?)?)?"
    rf"(?: ?(?P<p>{WORD_DIRECTIVES['p']}))?(?: ?(?P<z>{WORD_DIRECTIVES['z']}))?"
)
INTERVAL_END = "(?P<end> +- +[^ ].*)?"  # the dates of intervals are their starts
NUMERIC_DATES = [("%Y", "%m", "%d"), ("%d", "%m", "%Y"), ("%m", "%d", "%Y")]
SHORT_DATES = [("%d", "%m", "%y"), ("%m", "%d", "%y"), ("%y", "%m", "%d")]
NAMED_DATES = [("%d", "%b", "%Y"), ("%b", "%d", "%Y"), ("%Y", "%b", "%d")]
SHORT_NAMED_DATES = [("%d", "%b", "%y"), ("%b", "%d", "%y"), ("%y", "%b", "%d")]
MONTH_YEARS = [("%Y", "%m"), ("%m", "%Y"), ("%y", "%m"), ("%m", "%y"), ("%m", "%d"), ("%d", "%m")]
NAMED_MONTHS = [("%b", "%Y"), ("%Y", "%b"), ("%b", "%y"), ("%y", "%b"), ("%b", "%d"), ("%d", "%b")]
LAYOUTS = [  # that cells without data.date_format may have, as in strptime; %q is the quarter
    *(sign.join(date) for sign in "-/. _" for date in NUMERIC_DATES + SHORT_DATES),
    *(sign.join(date) for sign in ("-", "/", ".", " ", "") for date in NAMED_DATES),
    *(sign.join(date) for sign in ("-", "/", ".", " ", "") for date in SHORT_NAMED_DATES),
    *(sign.join(date) for sign in "-/. _" for date in MONTH_YEARS),
    *(sign.join(date) for sign in ("-", "/", ".", " ", "") for date in NAMED_MONTHS),
    *("%b %d, %Y", "%b %d %Y", "%d %b, %Y", "%d. %b %Y", "%b, %Y", "%b. %d, %Y"),
    *("%b %d, %y", "%d %b, %y"),
    *(date + clock for date, clock in product(("%Y%m%d", "%y%m%d"), ("", "%H%M", "%H%M%S"))),
    *("".join(date) + clock for date in NUMERIC_DATES[1:] for clock in ("", "%H%M", "%H%M%S")),
    *("".join(date) + clock for date in SHORT_DATES[:2] for clock in ("", "%H%M", "%H%M%S")),
    *("%d-%b %Y", "%b-%d %Y", "%Y %b-%d", "%Y %d-%b"),  # of two columns
    *("%Y", "%y%m", "%Y%m", "%Y%m%d%H", "%YM%m", "%Y%j", "%j%Y", "%Y-%j", "%Y/%j", "%Y %j"),
    *("%G-W%V-%u", "%G-W%V", "%GW%V%u", "%GW%V", "%G W%V", "%G/W%V", "W%V %G", "W%V-%G"),
    *("%YQ%q", "%Y-Q%q", "%Y Q%q", "%Y:Q%q", "%Y.Q%q", "%Y/Q%q", "%Y_Q%q"),
    *("Q%q %Y", "Q%q-%Y", "Q%q/%Y", "Q%q%Y", "%qQ%Y", "%qQ %Y"),
    *("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y"),
]


@dataclass(frozen=True)
class DateFormat:
    """A format of dates.

    Attributes:
        text: as in strptime, without the time of day if the cells decide about it.
        pattern: of the shapes of cells; its groups are named after the directives.
        years: first and last year that are accepted.
    """

    text: str
    pattern: re.Pattern[str]
    years: tuple[int, int] = ALL_YEARS

    def has(self, directive: str) -> bool:
        """Return whether the format has a directive."""
        return f"%{directive}" in self.text

    @property
    def has_year(self) -> bool:
        """Return whether the format has a year."""
        return any(map(self.has, "YyG"))

    @property
    def day_first(self) -> bool | None:
        """Return whether the day precedes the number of the month; None if the year is first."""
        day, month = self.text.find("%d"), self.text.find("%m")
        if min(day, month) < 0 or self.text.lower().startswith("%y"):
            return None
        return day < month

    def parse(self, match: re.Match[str], cells: Array) -> ParsedDates:
        """Return the dates of cells of one shape, (N, W), which `match` describes."""
        fields = CellFields(match, cells)
        days, valid = fields.days(self.years)
        clock, valid_clock = fields.clock()
        offset, valid_offset = fields.offset()
        return ParsedDates(days * DAY + clock, offset, valid & valid_clock & valid_offset)

    def describe(self, match: re.Match[str], cell: str) -> str:
        """Return the format of a cell as in strptime, with its time of day.

        >>> date = compile_format("%d/%m/%Y %H:%M")
        >>> date.describe(date.pattern.fullmatch("00/00/0000 00:00"), "01/02/2020 12:00")
        '%d/%m/%Y %H:%M'
        """
        text, end = "", 0
        for name in sorted(match.re.groupindex, key=lambda name: match.span(name)):
            if match[name] is None or name in ("sign", "end"):
                continue
            directive = {"b": "bB", "a": "aA"}.get(name, name * 2)[len(match[name]) > 3]
            directive = "I" if name == "H" and group(match, "p") else directive
            text += f"{cell[end : match.start(name)]}%{directive}"
            end = match.end(name)
        return (text + cell[end : match.start("end") if group(match, "end") else None]).strip()


def compile_format(text: str) -> DateFormat:
    """Return a format that the user gives, as in strptime.

    Raises:
        ConfigError: it has an unknown directive, a directive twice, or no year.
    """
    try:
        pattern = re.compile(rf"\s*{_translate(_expand(text))}{INTERVAL_END}\s*", re.IGNORECASE)
    except (KeyError, re.error) as error:
        directives = ", ".join(
            f"%{name}" for name in (*DIGIT_DIRECTIVES, "b", "B", "a", "A", "p", "z")
        )
        raise ConfigError(
            f"data.date_format={text}: each part of the format is one of {directives}, once; or "
            f"the format is one of {', '.join(NUMBER_UNITS)}"
        ) from error
    date = DateFormat(_expand(text), pattern)
    if "%I" in text and "%p" not in text:
        raise ConfigError(f"data.date_format={text}: an hour of %I needs am or pm, %p")
    if not date.has_year:
        raise ConfigError(
            f"data.date_format={text}: a date needs a year, %Y or %y. If another column has it, "
            "name both with data.date_columns=[year,day]"
        )
    parts = "".join(name for name in "YyGbmqjdVu" if name in pattern.groupindex)
    timeless = "H" in pattern.groupindex and parts[-1] not in "dju"
    if parts not in COMPLETE_DATES or timeless:
        raise ConfigError(
            f"data.date_format={text}: the parts of the date are not a year, month, day, quarter "
            "or week, or there is a time without a day. Examples: %Y-%m-%d %H:%M, %Y-%m, %YQ%q, "
            "%G-W%V-%u"
        )
    return date


@lru_cache
def find_layouts() -> list[DateFormat]:
    """Return all formats that cells without data.date_format may have."""
    formats = []
    for text in LAYOUTS:
        pattern = _translate(text).replace("<j>0{1,3}", "<j>000")
        if re.search("%[YyG].*%[dju]|%[dj].*%[Yy]", text) and "%H" not in text:
            weekday = rf"(?:(?P<a>{WORD_DIRECTIVES['a']})\.?,? +)?"
            pattern = rf"{weekday}{pattern}(?:(?:T|,? +|[;_]|:(?=00:)){CLOCK}{INTERVAL_END})?"
        compiled = re.compile(rf"\s*{pattern}\s*", re.IGNORECASE)
        formats.append(DateFormat(text, compiled, AUTOMATIC_YEARS))
    return formats


def _expand(text: str) -> str:
    """Return a format without aliases and without the flags of glibc.

    >>> _expand("%F %-H:%M")
    '%Y-%m-%d %H:%M'
    """
    for alias, format in ALIASES.items():
        text = text.replace(alias, format)
    return re.sub("%[-_0]([a-zA-Z])", r"%\1", text).replace("%e", "%d").replace("%Z", "%z")


def _translate(text: str) -> str:
    """Return the pattern of the shapes of a format."""
    tokens = re.findall("%.|[^%]+|%", text)
    return "".join(_translate_tokens(tokens))


def _translate_tokens(tokens: list[str]) -> Iterator[str]:
    for previous, token, following in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        name = {"B": "b", "A": "a", "I": "H"}.get(token[1:], token[1:])
        if not token.startswith("%") or token == "%%":
            literal = re.sub(r"\d", "0", token.replace("%%", "%"))
            yield re.sub(r"(\\ )+", r"\\s+", re.escape(literal))
        elif name in WORD_DIRECTIVES:
            yield f"(?P<{name}>{WORD_DIRECTIVES[name]})"
        else:
            least, most = DIGIT_DIRECTIVES[name]
            adjacent = _is_number(previous) or _is_number(following)
            yield f"(?P<{name}>0{{{most if adjacent and name != 'f' else least},{most}}})"
            if name == "S" and "%f" not in tokens:
                yield r"(?:[.,](?P<f>0{1,9}))?"


def _is_number(token: str) -> bool:
    """Return whether a token is a directive of digits, next to which others have a fixed width."""
    return token.startswith("%") and token[1:] in DIGIT_DIRECTIVES.keys() - {"f"} | {"I"}
