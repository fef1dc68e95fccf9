"""What speaks to the user instead of to the developer."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches


class ConfigError(ValueError):
    """A setting that cannot work: what was given, why not, what to type instead."""


class DataError(ValueError):
    """A file that cannot be used: which file, which row or column, what was found, what to do."""


class RunStopped(RuntimeError):  # noqa: N818, it is no error
    """The run was asked to stop, and did so after saving its last checkpoint."""


class RunPruned(RuntimeError):  # noqa: N818, it is no error
    """A search gave the run up."""


EQUALLY_NEAR = 0.05  # difference of likeness below which both names are offered


def did_you_mean(given: str, choices: Iterable[str]) -> str:
    """A sentence with the nearest valid name and all the choices.

    >>> did_you_mean("gur", ["lstm", "gru"])
    'did you mean gru? choices: gru, lstm'
    >>> did_you_mean("transformer", ["lstm", "gru"])
    'choices: gru, lstm'
    """
    names = sorted(choices)
    near = get_close_matches(given, names, n=2, cutoff=0.5)
    if len(near) == 2 and likeness(given, near[0]) - likeness(given, near[1]) > EQUALLY_NEAR:
        near.pop()
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}choices: {', '.join(names)}"


def likeness(one: str, other: str) -> float:
    """How alike two words are, 0..1."""
    return SequenceMatcher(None, one, other).ratio()
