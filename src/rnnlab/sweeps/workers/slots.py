"""Slots of a search; each runs one trial at a time, independently of the others."""

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
    """End of a trial in a slot.

    Attributes:
        result: None if the process died without one.
        reason: how the process died, in that case.
        stop_reason: why it was asked to stop; None if it was not.
        seconds: since this attempt started.
    """

    claim: ClaimedTrial
    result: TrialResult | None
    reason: str
    stop_reason: str | None
    seconds: float


class Slot:
    """A runner, and the trial that it runs."""

    def __init__(self, runner: Runner, clock: Callable[[], float] = time.monotonic) -> None:
        self.runner = runner
        self.claim: ClaimedTrial | None = None
        self.stop_reason: str | None = None
        self._clock = clock
        self._start_time = self._kill_time = 0.0
        self._has_started = False

    @property
    def is_busy(self) -> bool:
        return self.claim is not None

    @property
    def is_free(self) -> bool:
        return not self.is_busy and self.runner.is_ready()

    @property
    def seconds(self) -> float:
        """Seconds since the trial started, including earlier attempts."""
        earlier = self.claim.seconds if self.claim else 0.0
        return earlier + self._clock() - self._start_time

    def start(self, claim: ClaimedTrial, job: Job) -> None:
        self.claim, self.stop_reason = claim, None
        self._start_time = self._clock()
        self._has_started = False
        self.runner.start(job)

    def is_late(self, limit: float | None) -> bool:
        """Return whether the trial takes longer than a limit, not counting imports."""
        if self.claim is None or limit is None:
            return False
        if not self._has_started and self.runner.has_started():
            self._has_started, self._start_time = True, self._clock()
        return self._has_started and self.seconds > limit

    def stop(self, reason: str) -> None:
        """Ask the trial to save and stop; it is killed after GRACE_SECONDS."""
        if self.claim is not None and self.stop_reason is None:
            self.stop_reason = reason
            self._kill_time = self._clock() + GRACE_SECONDS
            self.runner.stop()

    def kill(self) -> None:
        """Kill the trial and forget it."""
        self.runner.kill()
        self.claim = None

    def poll(self) -> TrialEnd | None:
        """Return the end of the trial; None while it runs, or without a trial."""
        if self.claim is None:
            return None
        if self.stop_reason and self._clock() > self._kill_time:
            self.runner.kill()
            return self._end_trial(None, f"did not stop within {GRACE_SECONDS:.0f} s")
        try:
            result = self.runner.poll()
        except WorkerDied as error:
            return self._end_trial(None, str(error))
        return self._end_trial(result, "") if result else None

    def _end_trial(self, result: TrialResult | None, reason: str) -> TrialEnd:
        assert self.claim is not None
        seconds = self._clock() - self._start_time
        end = TrialEnd(self.claim, result, reason, self.stop_reason, seconds)
        self.claim = None
        return end


def checkpoint_time(folder: Path) -> float:
    """Return when the trial last saved a checkpoint to resume from; 0 if it never did."""
    checkpoint = folder / "checkpoints" / "last.ckpt"
    return checkpoint.stat().st_mtime if checkpoint.exists() else 0.0
