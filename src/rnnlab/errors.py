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


SECTIONS = (
    *("task", "analysis", "data", "model", "optimizer", "scheduler", "trainer", "callbacks"),
    *("logger", "sampler", "pruner", "launcher", "space", "budgets", "answer", "progress"),
)  # of settings, of a run and of a search
VALUE = r"(?P<value>\[.*?\]|\{.*?\}|'.*?'|[^\[{'].*?|)"
OPTION = r"(?P<option>--[a-z-]+)(?: (?P<text>\S+))?"
SETTING_BEGINNING = re.compile(  # data.seq_len=0: must be positive; --port -1: must be positive
    rf"(?:(?P<setting>[a-z_][\w.]*)={VALUE}|{OPTION}"
    rf"|(?P<name>[a-z_]+|(?:{'|'.join(SECTIONS)})\.[\w.]+)): "  # data.path: must be given
)
FILE_BEGINNING = re.compile(  # data.positive_class=x: no such class; reviews.csv, line 3: no label
    rf"(?:(?P<setting>[a-z_][\w.]*)={VALUE}|{OPTION}"
    r"|(?P<file>[^\s,]+)(?:, (?:line|row|column) [^:]*)?): "
)


class Problem(str):
    """One problem in words, and in the parts that a program reads.

    An error reads `setting` and `value` from the beginning of the message, unless one is given.

    Attributes:
        setting: dotted name of a setting, or an option of a command; None if no one is at fault.
        value: as it was read, or the file or folder that is at fault.
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
        problem.setting, problem.value = setting, value
        problem.choices, problem.suggestions = sorted(choices), list(suggestions)
        return problem

    def with_message(self, message: str) -> "Problem":
        """Return the same problem in other words."""
        return Problem(message, self.setting, self.value, self.choices, self.suggestions)

    def with_beginning(self, pattern: re.Pattern[str]) -> "Problem":
        """Return the problem with the setting and the value that its message begins with."""
        match = pattern.match(self)
        if not match or self.setting is not None or self.value is not None:
            return self
        parts = match.groupdict()
        setting = parts["setting"] or parts["option"] or parts.get("name")
        values = (parts.get(name) for name in ("value", "text", "file"))
        value = next((one for one in values if one is not None), None)
        return Problem(self, setting, value, self.choices, self.suggestions)

    def with_suggestions(self) -> "Problem":
        """Return the problem with the choices that are similar to the value, if none are given."""
        if self.suggestions or self.setting is None or not isinstance(self.value, str):
            return self
        mark = " " if self.setting.startswith("-") else "="
        near = nearest_names(self.value, self.choices)
        suggestions = [f"{self.setting}{mark}{name}" for name in near]
        return Problem(self, self.setting, self.value, self.choices, suggestions)


class UserError(Exception):
    """An error with problems that the user can fix; `code` is its name for programs.

    Args:
        problems: one for each line of the message.
    """

    code: ClassVar[str] = ""
    exit_status: ClassVar[ExitStatus] = ExitStatus.REJECTED
    beginning: ClassVar[re.Pattern[str]] = SETTING_BEGINNING

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        texts = (one if isinstance(one, Problem) else Problem(one) for one in problems)
        self.problems = [one.with_beginning(self.beginning).with_suggestions() for one in texts]


class ConfigError(UserError, ValueError):
    """An invalid setting; the message has its value, the reason, and what to type instead."""

    code = "config"


class DataError(UserError, ValueError):
    """An invalid file; the message has file, row or column, the value found, and what to do."""

    code = "data"
    beginning = FILE_BEGINNING


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


def about_file(path: object, reason: str) -> Problem:
    """Return the problem of a file or a folder."""
    return Problem(f"{path}: {reason}", value=str(path))


def unknown_name(
    begin: str,
    name: str,
    choices: Iterable[str],
    end: str = "",
    empty: str = "",
    setting: str | None = None,
) -> Problem:
    """Return the problem of a name that is not valid, with the nearest valid one and all choices.

    Args:
        begin: of the message.
        name: that was read.
        choices: names that are valid.
        end: of the message.
        empty: what the message has in place of the choices if there is none.
        setting: that has the name; None if the message begins with it, or if there is none.
    """
    names = list(choices)
    hint = did_you_mean(name, names) if names or not empty else empty
    value = None if setting is None else name
    return Problem(f"{begin}{hint}{end}", setting, value, choices=names)


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
