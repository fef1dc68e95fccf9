"""The two errors that speak to the user instead of to the developer."""

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigError(ValueError):
    """A setting that cannot work: what was given, why not, what to type instead."""


class DataError(ValueError):
    """A file that cannot be used: which file, which row or column, what was found, what to do."""


def did_you_mean(given: str, choices: Iterable[str]) -> str:
    """A sentence with the nearest valid name and all the choices.

    >>> did_you_mean("gur", ["lstm", "gru"])
    'did you mean gru? choices: gru, lstm'
    >>> did_you_mean("transformer", ["lstm", "gru"])
    'choices: gru, lstm'
    """
    names = sorted(choices)
    near = get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}choices: {', '.join(names)}"
