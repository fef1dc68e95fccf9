"""Errors for the user of the program, as opposed to its developer."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches


class ConfigError(ValueError):
    """An invalid setting; the message has its value, the reason, and what to type instead."""


class DataError(ValueError):
    """An invalid file; the message has file, row or column, the value found, and what to do."""


class DataChangedError(DataError):
    """The data of a run is not the one that it was started with; its folder stays as it was."""


class DivergedError(RuntimeError):
    """A loss or a prediction that is not finite; the message names the settings that help."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{problem}: lower optimizer.lr, or set trainer.gradient_clip_val (1.0 is a good start)"
        )


class RunStopped(RuntimeError):  # noqa: N818, not an error
    """A run that stopped on request, after saving its last checkpoint."""


class DiskFullError(RunStopped):
    """A run that stopped because the disk is full; it can be resumed when there is space."""


class OutageError(RuntimeError):
    """A disk or a database of a search that is away for too long; it can be continued later."""


class RunPruned(RuntimeError):  # noqa: N818, not an error
    """A run that a search pruned."""


MAX_CHOICES = 100  # that are listed
SIMILARITY_MARGIN = 0.05  # both names are suggested below this difference of similarity


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return a sentence with the nearest valid name and all choices.

    >>> did_you_mean("gur", ["lstm", "gru"])
    'did you mean gru? choices: gru, lstm'
    >>> did_you_mean("transformer", ["lstm", "gru"])
    'choices: gru, lstm'
    """
    names = sorted(choices)
    near = get_close_matches(name, names, n=2, cutoff=0.5)
    if len(near) == 2 and similarity(name, near[0]) - similarity(name, near[1]) > SIMILARITY_MARGIN:
        near.pop()
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    rest = f" and {len(names) - MAX_CHOICES:,} more" if len(names) > MAX_CHOICES else ""
    return f"{hint}choices: {', '.join(names[:MAX_CHOICES])}{rest}"


def similarity(first: str, second: str) -> float:
    """Return the similarity of two words, 0..1."""
    return SequenceMatcher(None, first, second).ratio()
