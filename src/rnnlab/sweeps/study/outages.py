"""Databases and disks that are away for a moment: growing, visible pauses of a limited time."""

import errno
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from rnnlab.errors import OutageError
from rnnlab.runtime.files import error_chain, is_disk_full

OUTAGE_SECONDS = 60.0  # after which an outage is no short one
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0  # seconds
POLL_SECONDS = 0.1
NETWORK_ERRORS = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN)

P = ParamSpec("P")
R = TypeVar("R")


def find_outage(error: BaseException) -> str:
    """Return what is away for a moment if this led to an error; empty for any other error."""
    if is_disk_full(error):
        return "the disk is full"
    for one in error_chain(error):
        if isinstance(one, OutageError):
            return str(one)
        if isinstance(one, OSError) and one.errno in NETWORK_ERRORS:
            return f"the file system does not answer ({one.strerror})"
        if is_database_error(one):
            return f"the database does not answer ({describe_database_error(one)})"
    return ""


def is_database_error(error: BaseException) -> bool:
    """Return whether a database, or the connection to it, failed."""
    if "sqlalchemy" not in sys.modules:
        return False
    from sqlalchemy.exc import InterfaceError, OperationalError

    return isinstance(error, OperationalError | InterfaceError)


def describe_database_error(error: BaseException) -> str:
    """Return the first line of what the driver of a database says."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


@dataclass
class Backoff:
    """Growing pauses within one outage.

    Args:
        limit: seconds from the first to the last attempt.
    """

    limit: float = OUTAGE_SECONDS
    _start: float = field(init=False, default=0.0)
    _end: float = field(init=False, default=-1e9)  # of the last pause
    _pause: float = field(init=False, default=FIRST_PAUSE)

    def next_pause(self) -> float | None:
        """Return the seconds until the next attempt; None if the outage has lasted too long."""
        now = time.monotonic()
        if now - self._end > self.limit:  # an outage of its own
            self._start, self._pause = now, FIRST_PAUSE
        pause = self._pause
        if now + pause - self._start > self.limit:
            return None
        self._pause, self._end = min(2 * pause, LONGEST_PAUSE), now + pause
        return pause


def print_message(text: str) -> None:
    """Print a message on standard error."""
    print(text, file=sys.stderr, flush=True)


@dataclass
class Patience:
    """Repeats an operation during an outage; the operation must bear to be repeated.

    Args:
        announce: prints a message.
        is_stopped: whether nobody waits for the result any more.
        limit: seconds of an outage.
    """

    announce: Callable[[str], None] = print_message
    is_stopped: Callable[[], bool] = lambda: False
    limit: float = OUTAGE_SECONDS

    def run(self, operation: Callable[[], R]) -> R:
        """Return the result of an operation.

        Raises:
            OutageError: the outage has lasted too long.
        """
        backoff, is_repeated = Backoff(self.limit), False
        while True:
            try:
                result = operation()
            except Exception as error:
                reason = find_outage(error)
                if not reason or isinstance(error, OutageError):
                    raise
                self._pause(backoff, reason, error)
                is_repeated = True
                continue
            if is_repeated:
                self.announce("the search goes on")
            return result

    def _pause(self, backoff: Backoff, reason: str, error: Exception) -> None:
        pause = None if self.is_stopped() else backoff.next_pause()
        if pause is None:
            raise OutageError(reason) from error
        self.announce(f"{reason}; trying again in {pause:g} s")
        end = time.monotonic() + pause
        while time.monotonic() < end and not self.is_stopped():
            time.sleep(POLL_SECONDS)


class HasPatience(Protocol):
    """An object with operations that are repeated during an outage."""

    patience: Patience


S = TypeVar("S", bound=HasPatience)


def repeat_in_outages(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Decorate a method that can be repeated as a whole."""

    @wraps(method)
    def run(self: S, *arguments: P.args, **settings: P.kwargs) -> R:
        return self.patience.run(partial(method, self, *arguments, **settings))

    return cast("Callable[Concatenate[S, P], R]", run)
