"""One of several processes that train a trial together; started by group.py.

torchrun --standalone --nproc_per_node=2 -m rnnlab.sweeps.workers.rank <conf> <job.json>
"""

import sys
from pathlib import Path

from rnnlab.runtime.process import prepare_process
from rnnlab.sweeps.workers.messages import Job
from rnnlab.sweeps.workers.parent_watch import die_with_parent
from rnnlab.sweeps.workers.worker import interrupt_on_sigterm


def main(conf: Path, job_file: Path) -> int:
    """Run the job and return the exit status; on an error torchrun ends the other processes."""
    from rnnlab.sweeps.workers.trial import execute_job

    interrupt_on_sigterm()
    die_with_parent()
    result = execute_job(Job.from_line(job_file.read_text(encoding="utf-8")), conf)
    return 0 if result.state in ("complete", "pruned") else 1


if __name__ == "__main__":
    prepare_process()
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
