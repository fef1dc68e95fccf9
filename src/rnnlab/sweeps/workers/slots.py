"""The slots of a search: each does one trial at a time; none waits for another."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rnnlab.sweeps.study.share import ClaimedTrial
from rnnlab.sweeps.workers.messages import Job, TrialResult
from rnnlab.sweeps.workers.runner import Runner, WorkerDied

GRACE_SECONDS = 60.0  # for a trial that was asked to save and stop


@dataclass
class TrialEnd:
    """What came of a trial.

    Attributes:
        claim: the trial.
        result: on it; None where its process died without one.
        reason: how the process ended, then.
        stopped_for: why we had asked it to stop; None where we had not.
        seconds: since this attempt began.
    """

    claim: ClaimedTrial
    result: TrialResult | None
    reason: str
    stop_reason: str | None
    seconds: float


class Slot:
    """One runner and what it does now.

    Args:
        runner: does the trials.
        clock: seconds that never go back.
    """

    def __init__(self, runner: Runner, clock: Callable[[], float] = time.monotonic) -> None:
        self.runner = runner
        self.claim: ClaimedTrial | None = None
        self.stop_reason: str | None = None
        self._clock = clock
        self._started = self._kill_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether it does a trial."""
        return self.claim is not None

    @property
    def is_free(self) -> bool:
        """Whether it can take a trial."""
        return not self.is_busy and self.runner.is_ready()

    @property
    def seconds(self) -> float:
        """Since the trial began here, with earlier attempts."""
        earlier = self.claim.seconds if self.claim else 0.0
        return earlier + self._clock() - self._started

    def start(self, claim: ClaimedTrial, job: Job) -> None:
        """Begin a trial."""
        self.claim, self.stop_reason = claim, None
        self._started = self._clock()
        self.runner.start(job)

    def stop(self, reason: str) -> None:
        """Ask the trial to save and stop; after a while it is ended."""
        if self.claim is not None and self.stop_reason is None:
            self.stop_reason = reason
            self._kill_at = self._clock() + GRACE_SECONDS
            self.runner.stop()

    def kill(self) -> None:
        """End the trial at once and forget it."""
        self.runner.kill()
        self.claim = None

    def poll(self) -> TrialEnd | None:
        """What came of the trial; None while it runs, or where there is none."""
        if self.claim is None:
            return None
        if self.stop_reason and self._clock() > self._kill_at:
            self.runner.kill()
            return self._ended(None, f"did not stop within {GRACE_SECONDS:.0f} s")
        try:
            result = self.runner.poll()
        except WorkerDied as error:
            return self._ended(None, str(error))
        return self._ended(result, "") if result else None

    def _ended(self, result: TrialResult | None, reason: str) -> TrialEnd:
        assert self.claim is not None
        seconds = self._clock() - self._started
        ended = TrialEnd(self.claim, result, reason, self.stop_reason, seconds)
        self.claim = None
        return ended


def progress_mark(folder: Path) -> float:
    """When the trial last saved something to go on from; 0 if it never did."""
    checkpoint = folder / "checkpoints" / "last.ckpt"
    return checkpoint.stat().st_mtime if checkpoint.exists() else 0.0
