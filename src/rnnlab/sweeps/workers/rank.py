"""One of several processes that do a trial together; started by the head of their group.

torchrun --standalone --nproc_per_node=2 -m rnnlab.sweeps.workers.rank <conf> <job.json>
"""

import sys
from pathlib import Path

from rnnlab.sweeps.workers import parent_watch
from rnnlab.sweeps.workers.messages import Job
from rnnlab.sweeps.workers.worker import interruptible

DONE, FAILED = 0, 1


def main(conf: Path, job: Path) -> int:
    """Do the job; one that did not come to its end says so to torchrun, which ends the others."""
    from rnnlab.sweeps.workers.trial import do

    interruptible()
    parent_watch.hold()
    result = do(Job.read(job.read_text(encoding="utf-8")), conf)
    return DONE if result.state in ("complete", "pruned") else FAILED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
