"""Process of a slot: runs one trial after another, so that imports are paid for once.

    python -m rnnlab.sweeps.workers.worker <conf>

Each line on standard input is a job; its result is written to the folder of the trial. The process
ends when its standard input closes.
"""

import io
import os
import queue
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnlab.runtime.process import prepare_process
from rnnlab.sweeps.workers.messages import Job
from rnnlab.sweeps.workers.parent_watch import die_with_parent

STOP = "stop\n"  # the running trial saves and stops


def main(conf: Path) -> None:
    """Run jobs until interrupted."""
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()

    def on_line(line: str) -> None:
        if line == STOP:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            jobs.put(line)

    sys.stdout = sys.stderr = LogStream()
    interrupt_on_sigterm()
    die_with_parent(on_line)
    from rnnlab.sweeps.workers.trial import import_packages

    import_packages()  # while the search still checks its settings

    with suppress(KeyboardInterrupt):
        while True:
            run_line(jobs.get(), conf)


class LogStream(io.TextIOBase):
    """Standard output that drops what a full disk does not take: a log ends no trial."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Write a text at once, and return its length."""
        with suppress(OSError):
            os.write(1, text.encode("utf-8", "replace"))
        return len(text)

    def fileno(self) -> int:
        return 1


def run_line(line: str, conf: Path) -> None:
    """Run the job of a line; between two jobs the process can be interrupted, too."""
    from rnnlab.sweeps.workers.trial import execute_job

    job = Job.from_line(line)
    print(f"--- {job.folder}, attempt {job.attempt}", flush=True)
    execute_job(job, conf)
    interrupt_on_sigterm()


def interrupt_on_sigterm() -> None:
    """Handle SIGTERM like Ctrl-C; a training installs its own handler, which saves first."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)


if __name__ == "__main__":
    prepare_process()
    main(Path(sys.argv[1]))
