"""Values as words of Hydra's command line, and back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from rnnlab.errors import ConfigError

BARE = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.-]*")  # needs no quotes ...
RESERVED = {"null", "true", "false", "nan", "inf"}  # ... unless Hydra reads it as something else


def text(value: Any) -> str:
    """The text behind `key=` that Hydra reads back as this value.

    Args:
        value: None, a boolean, a number, a string, or lists and dictionaries of these.

    Raises:
        ConfigError: Hydra has no spelling for it.

    >>> text([None, 1e-05, "a b", {"deep": True}])
    "[null,1e-05,'a b',{deep:true}]"
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return value if _is_bare(value) else _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(text(member) for member in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_name(k)}:{text(v)}' for k, v in value.items())}}}"
    raise ConfigError(f"{value!r}: a {type(value).__name__} cannot stand on a command line")


def _is_bare(value: str) -> bool:
    return BARE.fullmatch(value) is not None and value.lower() not in RESERVED


def _quoted(value: str) -> str:
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(value, Quote.single).with_quotes()


def _name(key: Any) -> str:
    if isinstance(key, str) and _is_bare(key):
        return key
    raise ConfigError(f"{key!r}: a key within a value must be a plain word")


@dataclass(frozen=True)
class Word:
    """A word of the command line.

    Attributes:
        given: the whole.
        key: a dotted key or a group, without the sign before it.
        sign: "", "+", "++" or "~".
        value: what stands behind the `=`; a sweep as Hydra's own object; None where there is none.
        is_sweep: whether that is several values, such as `choice(...)`.
    """

    given: str
    key: str
    sign: str
    value: Any
    is_sweep: bool


def read_word(word: str) -> Word:
    """A word as Hydra's own parser understands it.

    Raises:
        ConfigError: Hydra does not understand it.
    """
    from hydra.errors import HydraException

    try:
        override: Any = _parser().parse_override(word)
        value = override.value()
    except (HydraException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{word}: Hydra cannot read it, {reason}") from error
    key = override.get_key_element()
    name = key.lstrip("+~")
    return Word(word, name, key.removesuffix(name), unquoted(value), override.is_sweep_override())


@cache
def _parser() -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create()


def unquoted(value: Any) -> Any:
    """The value without Hydra's marks of quotes, within lists and dictionaries too."""
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [unquoted(member) for member in value]
    if isinstance(value, dict):
        return {unquoted(key): unquoted(member) for key, member in value.items()}
    return value
