"""Who does a trial, and whether that process still lives."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

SAME_START = 2.0  # seconds that two readings of a process's start may differ


@dataclass(frozen=True)
class Owner:
    """A process that searches.

    Attributes:
        host: machine, boot and process space, in which `pid` means this process.
        pid: its number there.
        started: seconds since the epoch; a number is given to a new process after a while.
    """

    host: str
    pid: int
    started: float

    def plain(self) -> dict[str, Any]:
        """As it stands in the study."""
        return asdict(self)


def this_process() -> Owner:
    """The owner that we are."""
    import psutil

    return Owner(this_host(), os.getpid(), psutil.Process().create_time())


@cache
def this_host() -> str:
    """The space in which a process number is unique: host name, boot, and container."""
    marks = [socket.gethostname()]
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if boot.exists() and space.exists():
        marks += [boot.read_text().strip()[:8], str(space.readlink())]
    return " ".join(marks)


class Watch:
    """Tell which owners are dead.

    One of this host is looked up. One of another host is believed for as long as its `beat`
    changes; the time is measured by our own clock alone, so that clocks need not agree.

    Args:
        lease_seconds: without a new beat, after which a process elsewhere is taken for dead.
        clock: seconds that never go back.
    """

    def __init__(self, lease_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._seen: dict[int, tuple[Any, float]] = {}

    def is_dead(self, number: int, lease: Mapping[str, Any] | None) -> bool:
        """Whether nobody does a trial any more.

        Args:
            number: of the trial.
            lease: what its owner wrote: the fields of Owner, and `beat`; None was never written,
                or given back.
        """
        if not lease:
            return True
        owner = Owner(lease["host"], lease["pid"], lease["started"])
        if owner.host == this_host():
            return not is_running(owner)
        return self._is_silent(number, (owner, lease["beat"]))

    def _is_silent(self, number: int, sign: Any) -> bool:
        now = self._clock()
        before, since = self._seen.get(number, (None, now))
        if before != sign:
            self._seen[number] = (sign, now)
            return False
        return now - since > self.lease_seconds


def is_running(owner: Owner) -> bool:
    """Whether a process of this host lives; one that waits to be buried does not."""
    import psutil

    try:
        process = psutil.Process(owner.pid)
        same = abs(process.create_time() - owner.started) < SAME_START
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
