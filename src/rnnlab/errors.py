"""Errors for the user of the program, as opposed to its developer, and exit statuses."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches
from enum import IntEnum
from typing import Any, ClassVar


class ExitStatus(IntEnum):
    """Exit status of a command; docs/commands.md explains each."""

    OK = 0
    DIFFERENT = 1  # evaluate and repeat; also of Python for a defect of this package
    REJECTED = 2
    STOPPED = 130
    PIPE_CLOSED = 141


SETTING_PREFIX = re.compile(  # data.seq_len=0: must be positive; --port -1: must be positive
    r"(?P<setting>[a-z_][\w.]*)=(?P<value>\[.*?\]|\{.*?\}|'.*?'|[^\[{'].*?|): "
    r"|(?P<option>--[a-z-]+)(?: (?P<text>\S+))?: "
)


class Problem(str):
    """One problem in words, and in the parts that a program reads.

    A message that begins with a setting or an option, as in `data.seq_len=0: must be positive`,
    names it, so that `setting` and `value` need not be given.

    Attributes:
        setting: dotted name of a setting, or an option of a command; None if no one is at fault.
        value: as it was read.
        choices: names that are valid in its place.
        suggestions: what to type instead.
    """

    setting: str | None
    value: Any
    choices: Sequence[str]
    suggestions: Sequence[str]

    def __new__(
        cls,
        message: str,
        setting: str | None = None,
        value: Any = None,
        choices: Iterable[str] = (),
        suggestions: Iterable[str] = (),
    ) -> "Problem":
        """Return the message with its parts."""
        problem = super().__new__(cls, message)
        match = SETTING_PREFIX.match(message) if setting is None else None
        if match:
            setting = match["setting"] or match["option"]
            value = match["value"] if match["setting"] else match["text"]
        problem.setting, problem.value = setting, value
        problem.choices, problem.suggestions = sorted(choices), list(suggestions)
        return problem

    def with_message(self, message: str) -> "Problem":
        """Return the same problem in other words."""
        return Problem(message, self.setting, self.value, self.choices, self.suggestions)


class UserError(Exception):
    """An error with problems that the user can fix; `code` is its name for programs.

    Args:
        problems: one for each line of the message.
    """

    code: ClassVar[str] = ""
    exit_status: ClassVar[ExitStatus] = ExitStatus.REJECTED

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = [one if isinstance(one, Problem) else Problem(one) for one in problems]


class ConfigError(UserError, ValueError):
    """An invalid setting; the message has its value, the reason, and what to type instead."""

    code = "config"


class DataError(UserError, ValueError):
    """An invalid file; the message has file, row or column, the value found, and what to do."""

    code = "data"


class UsageError(ConfigError):
    """Options of a command that cannot be read."""

    code = "usage"


class DataChangedError(DataError):
    """The data of a run is not the one that it was started with; its folder stays as it was."""

    code = "data_changed"


class DivergedError(UserError, RuntimeError):
    """A loss or a prediction that is not finite; the message names the settings that help."""

    code = "diverged"

    def __init__(self, problem: str) -> None:
        super().__init__(
            Problem(
                f"{problem}: lower optimizer.lr, or set trainer.gradient_clip_val (1.0 is a good "
                "start)",
                suggestions=["trainer.gradient_clip_val=1.0"],
            )
        )


class RunStopped(UserError, RuntimeError):  # noqa: N818, not an error
    """A run that stopped on request, after saving its last checkpoint."""

    code = "stopped"
    exit_status = ExitStatus.STOPPED


class DiskFullError(RunStopped):
    """A run that stopped because the disk is full; it can be resumed when there is space."""

    code = "disk_full"


class OutageError(UserError, RuntimeError):
    """A disk or a database of a search that is away for too long; it can be continued later."""

    code = "outage"


class CommandExit(SystemExit):
    """The end of a command whose error was printed.

    Args:
        error: of the user.
        name: of the kind of error, for programs; None for that of the error.
    """

    def __init__(self, error: UserError, name: str | None = None) -> None:
        self.status = int(error.exit_status)
        super().__init__(self.status)
        self.name, self.problems = name or error.code, error.problems


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
    near = nearest_names(name, names)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    rest = f" and {len(names) - MAX_CHOICES:,} more" if len(names) > MAX_CHOICES else ""
    return f"{hint}choices: {', '.join(names[:MAX_CHOICES])}{rest}"


def nearest_names(name: str, choices: Iterable[str]) -> list[str]:
    """Return the one or two valid names that are similar to a name; none if no one is.

    >>> nearest_names("gur", ["lstm", "gru"])
    ['gru']
    """
    near = get_close_matches(name, list(choices), n=2, cutoff=0.5)
    if len(near) == 2 and similarity(name, near[0]) - similarity(name, near[1]) > SIMILARITY_MARGIN:
        near.pop()
    return near


def similarity(first: str, second: str) -> float:
    """Return the similarity of two words, 0..1."""
    return SequenceMatcher(None, first, second).ratio()
