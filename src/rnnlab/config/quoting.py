"""Values of the command line as a user types them, quoted where Hydra's parser needs it.

Hydra reads `data.path=sales.csv` and `data.target_columns=[open,close]`, but not `sales (1).csv`,
`[CO(GT)]` or a name with an umlaut. What Hydra can read keeps its meaning.
"""

import re
import shlex
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

KEY = re.compile(r"[+~]{0,2}[A-Za-z_$][\w$./@:-]*")
FUNCTIONS = "choice|range|interval|glob|sort|shuffle|tag|int|float|str|bool|json_str|extend_list"
FUNCTION = re.compile(rf"({FUNCTIONS})\s*\(")  # a mistake in a call is an error, no text
PAIRS = {"(": ")", "[": "]", "{": "}"}


def quote_override(text: str) -> str:
    """Return an override with quotes around the texts that Hydra cannot read.

    >>> quote_override("data.path=sales (1).csv")
    "data.path='sales (1).csv'"
    >>> quote_override("data.target_columns=[CO(GT),T]")
    "data.target_columns=['CO(GT)',T]"
    >>> quote_override('data.class_names={"0": ham}')
    'data.class_names={0:ham}'
    """
    key, equals, value = text.partition("=")
    if not equals or not KEY.fullmatch(key) or FUNCTION.match(value) or is_readable(text):
        return text
    values = split_commas(value) if value.strip(", ") else [value]
    result = f"{key}={','.join(map(_quote_value, values))}"
    return result if is_readable(result) else text


def quote(value: str) -> str:
    """Return a text in Hydra's single quotes."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(value, Quote.single).with_quotes()


def quote_resume(text: str) -> str:
    """Quote the folder in resume=<folder>: the name of a run of -m contains `=` and commas.

    >>> quote_resume("resume=outputs/sine-gru/x-model=gru,seed=1")
    "resume='outputs/sine-gru/x-model=gru,seed=1'"
    """
    key, _, path = text.partition("=")
    if key != "resume" or path == "null" or path[:1] in ("'", '"'):
        return text
    return f"resume={quote(path)}"


def type_as_text(key: str, value: str) -> str:
    """Return what to type in a shell so that a setting is one text, whatever its characters.

    >>> print(type_as_text("data.path", "a,b.csv"))
    "data.path='a,b.csv'"
    """
    return quote_for_shell(f"{key}={quote(value)}")


def type_as_texts(key: str, value: str) -> str:
    """Return what to type so that a setting is one text, or a list in brackets with such members.

    >>> print(type_as_texts("data.target_columns", "[{x},b]"))
    "data.target_columns=['{x}','b']"
    """
    if value[:1] + value[-1:] != "[]":
        return type_as_text(key, value)
    members = [quote(member.strip()) for member in split_commas(value[1:-1])]
    return quote_for_shell(f"{key}=[{','.join(members)}]")


def quote_for_shell(word: str) -> str:
    """Return a word as a shell reads it, in double quotes where these suffice."""
    return f'"{word}"' if not set(word) & set('"$`\\!') else shlex.quote(word)


def is_readable(text: str) -> bool:
    """Return whether Hydra's parser reads an override."""
    from hydra.errors import HydraException

    try:
        parse_readable(text)
    except (HydraException, ValueError):
        return False
    return True


@lru_cache(maxsize=2000)
def parse_readable(text: str) -> Any:
    """Return what Hydra's parser reads, which takes milliseconds; nobody changes it.

    Raises:
        HydraException, ValueError: the parser cannot read the override.
    """
    return override_parser().parse_override(text)


@cache
def override_parser() -> Any:
    """Return Hydra's parser."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create()


def split_commas(text: str) -> list[str]:
    """Split at the commas outside of quotes and brackets; a text that closes none is one part.

    >>> split_commas("a,f(b,c),'d,e'")
    ['a', 'f(b,c)', "'d,e'"]
    """
    parts, closing, mark, start = [], [], "", 0
    for i, character in enumerate(text):
        if mark:
            mark = "" if character == mark and text[i - 1] != "\\" else mark
        elif character in "'\"" and not text[start:i].strip(" [{"):
            mark = character
        elif character in PAIRS:
            closing.append(PAIRS[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            parts.append(text[start:i])
            start = i + 1
    return [text] if mark or closing else [*parts, text[start:]]


def _quote_value(value: str) -> str:
    """Return one value, or the members of a list or dictionary, with quotes where needed."""
    value = value.strip()
    if is_readable(f"x={value}"):
        return value
    if value[:1] + value[-1:] == "[]":
        return f"[{','.join(map(_quote_value, split_commas(value[1:-1])))}]"
    if value[:1] + value[-1:] == "{}":
        return f"{{{','.join(_quote_members(value[1:-1]))}}}"
    return quote(value)


def _quote_members(text: str) -> Iterator[str]:
    for member in split_commas(text):
        key, colon, value = _split_member(member)
        yield f"{key}{colon}{_quote_value(value)}"


def _split_member(member: str) -> tuple[str, str, str]:
    """Return key, colon and value; Hydra reads no quotes around keys."""
    match = re.match(r"""\s*(["'])([\w .+-]+)\1\s*:""", member)
    return (match[2], ":", member[match.end() :]) if match else member.partition(":")
