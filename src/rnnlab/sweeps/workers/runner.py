"""Processes that do trials on this machine: one that stays, or a group for one trial."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from rnnlab.runtime.files import write_text
from rnnlab.sweeps.workers.messages import Job, TrialResult, has_result, load_result
from rnnlab.sweeps.workers.worker import STOP

PEER_TIMEOUT_SECONDS = 60.0  # between the ends of two processes of one trial


class WorkerDied(Exception):  # noqa: N818, it is an answer
    """The process ended without a result."""


class Runner(Protocol):
    """What does the trials of one slot."""

    def is_ready(self) -> bool:
        """Whether it could begin a job now; it may have lost its machine and wait for another."""

    def start(self, job: Job) -> None:
        """Begin a job."""

    def poll(self) -> TrialResult | None:
        """The result of the job; None while it runs.

        Raises:
            WorkerDied: there will be none.
        """

    def stop(self) -> None:
        """Ask the job to save and stop."""

    def kill(self) -> None:
        """End the job at once."""

    def close(self) -> None:
        """Give back what the slot holds."""


class LocalRunner:
    """Do trials on some devices of this machine.

    A trial on one device is done by a process that stays for the next one. A trial on several
    devices is a group of processes of its own.

    Args:
        conf: the folder conf/.
        environment: variables beside our own, such as CUDA_VISIBLE_DEVICES.
        log: file for what the processes print.
    """

    def __init__(self, conf: Path, environment: Mapping[str, str], log: Path) -> None:
        self.conf = conf.resolve()
        self.environment = {**os.environ, **environment}
        self.log = log
        self._process: subprocess.Popen[str] | None = None
        self._job: Job | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that stays, or of the head of a group."""
        return self._process.pid if self._process else None

    def warm_up(self) -> None:
        """Start the process that stays, whose imports take seconds."""
        self._process = self._popen("rnnlab.sweeps.workers.worker", str(self.conf))

    def is_ready(self) -> bool:
        """See Runner."""
        return True

    def start(self, job: Job) -> None:
        """See Runner."""
        self._job = job
        if job.restart:
            shutil.rmtree(job.folder, ignore_errors=True)
        if job.devices == 1:
            self._start_in_worker(job)
        else:
            self._start_group(job)

    def _start_in_worker(self, job: Job) -> None:
        if self._process is not None and self._process.poll() is not None:
            self.kill()  # what it has left behind, such as loaders of data
        if self._process is None:
            self.warm_up()
        with suppress(BrokenPipeError):  # it died a moment ago; poll will say so
            self._tell(job.line())

    def _start_group(self, job: Job) -> None:
        self.close()
        job_file = Path(f"{job.folder}.job.json")
        job_file.parent.mkdir(parents=True, exist_ok=True)
        write_text(job_file, job.line())
        job_file.chmod(0o600)  # the URL of the storage may hold a password
        self._process = self._popen(
            "rnnlab.sweeps.workers.group", str(self.conf), str(job_file.resolve())
        )
        self._peers = PeerGroup(job)

    def _popen(self, module: str, *arguments: str) -> "subprocess.Popen[str]":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,  # Ctrl-C in the terminal is for the search alone
                text=True,
            )

    def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def poll(self) -> TrialResult | None:
        """See Runner."""
        assert self._job is not None
        assert self._process is not None
        ended = self._process.poll() is not None  # asked first: the result is written before
        result = load_result(Path(self._job.folder), self._job.attempt)
        code = self._process.returncode
        if self._job.devices > 1:
            ended = self._cut_short(result) or ended
        if result and (ended or self._job.devices == 1):
            return result
        if ended:
            raise WorkerDied("one process ended early" if code is None else how_it_ended(code))
        return None

    def _cut_short(self, result: TrialResult | None) -> bool:
        """End a group whose processes may wait for one that failed, or that ended long ago."""
        failed = result is not None and result.failure is not None
        if failed or self._peers.is_overdue():
            self.kill()
            return True
        return False

    def stop(self) -> None:
        """See Runner."""
        if self._process is None or self._job is None:
            return
        with suppress(ProcessLookupError, BrokenPipeError):
            if self._job.devices == 1:
                self._tell(STOP)
            else:
                self._process.send_signal(signal.SIGTERM)  # the head hands it on

    def kill(self) -> None:
        """See Runner."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """End the process: without its standard input it does not stay."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process = None


class PeerGroup:
    """Several processes that do a trial together, and can wait for one that is gone.

    Args:
        job: theirs.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._first_ended: float | None = None

    def is_overdue(self) -> bool:
        """Whether one ended so long ago that the others will not."""
        now = time.monotonic()
        if self._first_ended is None and has_result(Path(self.job.folder), self.job.attempt):
            self._first_ended = now
        return self._first_ended is not None and now - self._first_ended > PEER_TIMEOUT_SECONDS


def how_it_ended(code: int) -> str:
    """An exit status in words.

    >>> how_it_ended(-9), how_it_ended(3)
    ('killed by SIGKILL', 'exit status 3')
    """
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
