"""Time, processor time and memory of whole commands."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from threading import Thread
from typing import NamedTuple

from benchmarks.pairs import ClockName
from benchmarks.runs import Settings

POLL_SECONDS = 0.02
SPIN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"


class Usage(NamedTuple):
    """What a command used.

    Attributes:
        wall: seconds.
        cpu: seconds of the process and of its children.
        first_line: seconds until its first output; `wall` without one.
        peak_mib: largest resident memory of the process; 0 where the system does not tell.
        output: its output and error messages.
    """

    wall: float
    cpu: float
    first_line: float
    peak_mib: float
    output: str

    def seconds(self, clock: ClockName) -> float:
        """Return the seconds of a clock."""
        return self.cpu if clock == "cpu" else self.wall


def measure_command(
    script: Path,
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    fails: bool = False,
) -> Usage:
    """Run a script of a checkout and return what it used.

    Args:
        script: train.py or sweep.py of this or another checkout.
        words: its command line.
        folder: where it runs.
        environment: additional variables.
        fails: it must end with an error; otherwise it must not.

    Raises:
        RuntimeError: the command failed, or did not fail.
    """
    paths = {"PYTHONPATH": str(script.parent / "src")}
    variables = {**os.environ, **paths, **(environment or {})}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # a second start compiles no sources
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(script), *words],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    reader = OutputReader(process, start)
    peak, pid = 0.0, 0
    while not pid:
        peak = max(peak, read_peak_mib(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        time.sleep(0 if pid else POLL_SECONDS)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    if (process.returncode != 0) != fails:
        raise RuntimeError(f"{' '.join(words)}: ended with {process.returncode}\n{reader.text}")
    cpu = usage.ru_utime + usage.ru_stime
    return Usage(wall, cpu, reader.first_line or wall, peak, reader.text)


class OutputReader(Thread):
    """Thread that reads the output of a process.

    Attributes:
        first_line: seconds from `start` to the end of the first line; None without one.
        text: the whole output.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", start: float) -> None:
        super().__init__(daemon=True)
        assert process.stdout is not None
        self._lines, self._start = process.stdout, start
        self.first_line: float | None = None
        self.text = ""
        self.start()

    def run(self) -> None:
        """Read until the process closes its output."""
        for line in self._lines:
            if self.first_line is None:
                self.first_line = time.perf_counter() - self._start
            self.text += line.decode(errors="replace")


def read_peak_mib(pid: int) -> float:
    """Return the peak resident memory of a process since its start, in MiB; 0 if it has ended.

    ru_maxrss would contain the memory of the parent before exec.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    match = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(match[1]) / 1024 if match else 0.0


def measure_other_work(seconds: float = 1.0) -> float:
    """Return the share of all processors that is in use now, in percent.

    This process sleeps in the meantime, so that other programs use it.
    """
    import psutil

    return float(psutil.cpu_percent(seconds))


def find_disturbance(settings: Settings) -> str | None:
    """Return why this is no idle machine; None if it is."""
    share = measure_other_work()
    if share <= settings.max_other_work:
        return None
    return f"needs an idle machine, and other programs use {share:.0f}% of its processors"


class BusyCores:
    """One busy process per core, which can be stopped and continued."""

    def __init__(self, processes: "Sequence[subprocess.Popen[bytes]]") -> None:
        self._processes = processes

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the processes run."""
        self._signal(SIGCONT)
        try:
            yield
        finally:
            self._signal(SIGSTOP)

    def _signal(self, number: int) -> None:
        for process in self._processes:
            process.send_signal(number)


@contextmanager
def busy_cores(count: int) -> Iterator[BusyCores]:
    """Start processes that are stopped until they are needed."""
    with ExitStack() as stack:
        processes = []
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", SPIN])
            stack.callback(process.wait)
            stack.callback(process.kill)
            process.send_signal(SIGSTOP)
            processes.append(process)
        yield BusyCores(processes)
