"""Conversion between plain values and overrides of Hydra's command line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnlab.config.quoting import parse_readable, quote, quote_override, type_as_texts
from rnnlab.errors import ConfigError, Problem

PLAIN_TEXT = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.-]*")  # strings that need no quotes ...
KEYWORDS = {"null", "true", "false", "nan", "inf"}  # ... unless Hydra reads them as other values


def format_override(value: Any) -> str:
    """Return the text after `key=` that Hydra parses as this value.

    >>> format_override([None, 1e-05, "a b", {"deep": True, 0: 1}])
    "[null,1e-05,'a b',{deep:true,0:1}]"
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return value if _is_bare(value) else quote(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(format_override(member) for member in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_name(k)}:{format_override(v)}' for k, v in value.items())}}}"
    raise ConfigError(f"{value!r}: a {type(value).__name__} cannot be written on a command line")


def _is_bare(value: str) -> bool:
    return PLAIN_TEXT.fullmatch(value) is not None and value.lower() not in KEYWORDS


def _name(key: Any) -> str:
    if isinstance(key, str) and _is_bare(key):
        return key
    if isinstance(key, bool | int | float):  # such as the labels in data.class_names
        return format_override(key)
    raise ConfigError(f"{key!r}: a key within a value must be a plain word")


@dataclass(frozen=True)
class Override:
    """An override of the command line.

    Attributes:
        text: as Hydra reads it; see quote_override.
        key: a dotted key or a group, without its sign.
        sign: "", "+", "++" or "~".
        value: the value after `=`; Hydra's own object for a sweep; None without a value.
        is_sweep: whether the value is several values, such as `choice(...)`.
    """

    text: str
    key: str
    sign: str
    value: Any
    is_sweep: bool


def parse_override(text: str) -> Override:
    """Parse an override with Hydra's parser, after quoting the texts that it cannot read."""
    from hydra.errors import HydraException

    original, text = text, quote_override(text)
    try:
        override: Any = parse_readable(text)
        value = override.value()
    except (HydraException, ValueError) as error:
        reason = str(error).splitlines()[0].partition(" expecting {")[0]
        key, equals, value = original.partition("=")
        words = [type_as_texts(key, value)] if equals else []
        hint = f"; if it is a text, type {words[0]}" if words else ""
        message = f"{original}: Hydra cannot read it, {reason}{hint}"
        raise ConfigError(Problem(message, key, value, suggestions=words)) from error
    key = override.get_key_element()
    name = key.lstrip("+~")
    sign, is_sweep = key.removesuffix(name), override.is_sweep_override()
    return Override(text, name, sign, unquote(value), is_sweep)


def unquote(value: Any) -> Any:
    """Replace Hydra's quoted strings by plain ones, also in lists and dictionaries."""
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [unquote(member) for member in value]
    if isinstance(value, dict):
        return {unquote(key): unquote(member) for key, member in value.items()}
    return value
