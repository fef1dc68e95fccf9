"""The process of a slot: does one trial after the other, so that imports are paid once.

    python -m rnnlab.sweeps.workers.worker <conf>

A job is a line on standard input; its end is the result in the trial's folder. The process ends
when its standard input does.
"""

import os
import queue
import signal
import sys
from pathlib import Path
from typing import Any

from rnnlab.sweeps.workers import parent_watch
from rnnlab.sweeps.workers.messages import Job

STOP = "stop\n"  # the running trial saves and stops


def main(conf: Path) -> None:
    """Work until told to stop."""
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()

    def heard(line: str) -> None:
        if line == STOP:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            jobs.put(line)

    interruptible()
    parent_watch.hold(heard)
    warm_up()
    try:
        while True:
            work(Job.read(jobs.get()), conf)
    except KeyboardInterrupt:
        return


def work(job: Job, conf: Path) -> None:
    """Do a job; between two jobs the process can be stopped, too."""
    from rnnlab.sweeps.workers.trial import do

    print(f"--- {job.folder}, attempt {job.attempt}", flush=True)
    do(job, conf)
    interruptible()


def interruptible() -> None:
    """Make SIGTERM what Ctrl-C is; a training has a handler of its own, which saves first."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, interrupt)


def warm_up() -> None:
    """Import what every trial needs, while the search still looks at its settings."""
    import rnnlab.experiment.build
    import rnnlab.experiment.run  # noqa: F401


if __name__ == "__main__":
    main(Path(sys.argv[1]))
