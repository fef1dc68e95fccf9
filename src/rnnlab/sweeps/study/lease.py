"""Ownership of trials: leases, and checks whether their owners are alive."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

START_TOLERANCE = 2.0  # seconds by which two readings of a process's start may differ


@dataclass(frozen=True)
class Owner:
    """A process that searches.

    Attributes:
        host: machine, boot and process namespace, in which `pid` identifies this process.
        pid: process id.
        start_time: seconds since the epoch; a pid is reused after a while.
    """

    host: str
    pid: int
    start_time: float

    def to_plain(self) -> dict[str, Any]:
        """Return the fields as a study stores them."""
        return {"host": self.host, "pid": self.pid, "started": self.start_time}


def this_process() -> Owner:
    """Return the owner of this process."""
    return Owner(this_host(), os.getpid(), psutil.Process().create_time())


@cache
def this_host() -> str:
    """Return the namespace in which a pid is unique: host name, boot and container."""
    parts = [socket.gethostname()]
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if boot.exists() and namespace.exists():
        parts += [boot.read_text().strip()[:8], str(namespace.readlink())]
    return " ".join(parts)


class LeaseMonitor:
    """Checks whether the owners of trials are alive.

    An owner on this host is looked up in the process table. An owner on another host is alive as
    long as its lease changes. The time is measured with the local clock only, so clocks need not
    agree.

    Args:
        lease_seconds: time without a new heartbeat after which a remote owner is dead.
        clock: monotonic seconds.
    """

    def __init__(self, lease_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._observations: dict[int, tuple[Any, float]] = {}

    def is_dead(self, number: int, lease: Mapping[str, Any] | None) -> bool:
        """Whether no process works on a trial.

        Args:
            number: of the trial.
            lease: the plain form of its owner, and `beat`, a counter; None without an owner.
        """
        if not lease:
            return True
        owner = Owner(lease["host"], lease["pid"], lease["started"])
        if owner.host == this_host():
            return not is_running(owner)
        return self._is_silent(number, lease)

    def _is_silent(self, number: int, lease: Mapping[str, Any]) -> bool:
        now = self._clock()
        previous, since = self._observations.get(number, (None, now))
        if previous != lease:
            self._observations[number] = (dict(lease), now)
            return False
        return now - since > self.lease_seconds


def is_running(owner: Owner) -> bool:
    """Whether a process of this host is alive; zombies are not."""
    try:
        process = psutil.Process(owner.pid)
        same_start = abs(process.create_time() - owner.start_time) < START_TOLERANCE
        return bool(same_start and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
