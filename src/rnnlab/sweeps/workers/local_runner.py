"""Run trials on this machine: in one lasting process, or in a group of processes per trial."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rnnlab.runtime.files import write_text
from rnnlab.sweeps.workers.messages import Job, TrialResult, has_result, has_started, load_result
from rnnlab.sweeps.workers.runner import Runner, WorkerDied
from rnnlab.sweeps.workers.worker import STOP

PEER_TIMEOUT_SECONDS = 60.0  # between the ends of two processes of one trial


class LocalRunner(Runner):
    """Runner on some devices of this machine.

    Trials on one device share a lasting process. A trial on several devices gets a group of
    processes of its own.

    Args:
        conf: the folder conf/.
        environment: variables that are added to ours, such as CUDA_VISIBLE_DEVICES.
        log: file for the output of the processes.
    """

    def __init__(self, conf: Path, environment: Mapping[str, str], log: Path) -> None:
        self.conf = conf.resolve()
        self.environment = {**os.environ, **environment}
        self.log = log
        self._process: subprocess.Popen[str] | None = None
        self._job: Job | None = None
        self._first_end: float | None = None  # of a process of a group, in monotonic seconds

    def start_worker(self) -> None:
        """Start the lasting process, whose imports take seconds."""
        self._process = self._popen("rnnlab.sweeps.workers.worker")

    def is_ready(self) -> bool:
        return True

    def start(self, job: Job) -> None:
        self._job = job
        if job.restart:
            shutil.rmtree(job.folder, ignore_errors=True)
        if job.devices == 1:
            self._start_in_worker(job)
        else:
            self._start_group(job)

    def _start_in_worker(self, job: Job) -> None:
        if self._process is not None and self._process.poll() is not None:
            self.kill()  # processes that it started, such as data loaders
        if self._process is None:
            self.start_worker()
        with suppress(BrokenPipeError):  # it died a moment ago; poll reports it
            self._send(job.to_line())

    def _start_group(self, job: Job) -> None:
        self.close()
        job_file = Path(f"{job.folder}.job.json")
        job_file.parent.mkdir(parents=True, exist_ok=True)
        write_text(job_file, job.to_line())
        job_file.chmod(0o600)  # the URL of the storage may hold a password
        self._process = self._popen("rnnlab.sweeps.workers.group", str(job_file.resolve()))
        self._first_end = None

    def _popen(self, module: str, *jobs: str) -> "subprocess.Popen[str]":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, str(self.conf), *jobs],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,  # Ctrl-C in the terminal reaches the search only
                text=True,
            )

    def _send(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def has_started(self) -> bool:
        assert self._job is not None
        return has_started(Path(self._job.folder), self._job.attempt)

    def poll(self) -> TrialResult | None:
        assert self._job is not None
        assert self._process is not None
        has_ended = self._process.poll() is not None  # before reading the result, written earlier
        result = load_result(Path(self._job.folder), self._job.attempt, self._job.origin)
        code = self._process.returncode
        if self._job.devices > 1:
            has_ended = self._end_group(self._job, result) or has_ended
        if result and (has_ended or self._job.devices == 1):
            return result
        if has_ended:
            raise WorkerDied("one process ended early" if code is None else describe_exit(code))
        return None

    def _end_group(self, job: Job, result: TrialResult | None) -> bool:
        """Kill a group whose processes may wait for one that failed or ended long ago."""
        now = time.monotonic()
        if self._first_end is None and has_result(Path(job.folder), job.attempt):
            self._first_end = now
        has_failed = result is not None and result.failure is not None
        if has_failed or now - (self._first_end or now) > PEER_TIMEOUT_SECONDS:
            self.kill()
            return True
        return False

    def stop(self) -> None:
        if self._process is None or self._job is None:
            return
        with suppress(ProcessLookupError, BrokenPipeError):
            if self._job.devices == 1:
                self._send(STOP)
            else:
                self._process.send_signal(signal.SIGTERM)  # the head forwards it

    def kill(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        """End the process by closing its standard input."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process = None


def describe_exit(code: int) -> str:
    """Return an exit status as text.

    >>> describe_exit(-9), describe_exit(3)
    ('killed by SIGKILL', 'exit status 3')
    """
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
