"""Head process of a trial on several devices: starts one process per device with torchrun.

    python -m rnnlab.sweeps.workers.group <conf> <job.json>

Only the head waits until the folder of the trial is free, so all its processes find the same
files. It ends when its standard input closes, and its processes end with it.
"""

import sys
from pathlib import Path

from rnnlab.sweeps.workers.messages import Job
from rnnlab.sweeps.workers.parent_watch import die_with_parent
from rnnlab.sweeps.workers.trial import take_folder, trial_lock


def main(conf: str, job_file: str) -> None:
    """Start the processes of a job; exit with an error if one of them fails."""
    from torch.distributed.run import main as torchrun

    die_with_parent()
    job = Job.from_line(Path(job_file).read_text(encoding="utf-8"))
    with trial_lock(Path(job.folder)):
        take_folder(job)
        processes = f"--nproc_per_node={job.devices}"
        torchrun(["--standalone", processes, "-m", "rnnlab.sweeps.workers.rank", conf, job_file])


if __name__ == "__main__":
    main(*sys.argv[1:])
