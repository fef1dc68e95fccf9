"""The head of several processes that do a trial together: starts them with torchrun and waits.

    python -m rnnlab.sweeps.workers.group <conf> <job.json>

It alone waits until the trial's folder is free, so that its processes all find the same there. It
ends when its standard input does, and so does each of them.
"""

import sys
from pathlib import Path

from rnnlab.sweeps.workers import parent_watch
from rnnlab.sweeps.workers.messages import Job
from rnnlab.sweeps.workers.trial import trial_lock


def main(conf: str, job_file: str) -> None:
    """Start the processes of a job; ends with an error where one of them does."""
    from torch.distributed.run import main as torchrun

    parent_watch.hold()
    job = Job.read(Path(job_file).read_text(encoding="utf-8"))
    with trial_lock(Path(job.folder)):
        each = f"--nproc_per_node={job.devices}"
        torchrun(["--standalone", each, "-m", "rnnlab.sweeps.workers.rank", conf, job_file])


if __name__ == "__main__":
    main(*sys.argv[1:])
