"""The loop of a search: free slots take trials, ended ones are written down, until all are done."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from rnnlab.errors import ConfigError, RunStopped
from rnnlab.sweeps.study.share import ClaimedTrial, SharedStudy
from rnnlab.sweeps.workers.messages import (
    FINAL_STATES,
    Job,
    TrialResult,
    load_result,
    stored_result,
)
from rnnlab.sweeps.workers.slots import Slot, TrialEnd, checkpoint_time

POLL_SECONDS = 0.02
IDLE_SECONDS = 0.2  # while others do the last trials
CLAIM_SECONDS = 1.0  # between two looks for a trial that somebody left
HOPELESS = 2  # trials, all of which end in a setting or in data that cannot work


class SearchView(Protocol):
    """What a person sees meanwhile."""

    def show(self, shared: SharedStudy, slots: Sequence[Slot]) -> None:
        """How the search stands; called often."""

    def ended(self, claim: ClaimedTrial, result: TrialResult) -> None:
        """A trial has ended."""

    def say(self, line: str) -> None:
        """Something worth a line."""


@dataclass(frozen=True)
class Limits:
    """When to give up.

    Attributes:
        max_failures: trials.
        max_attempts: ends of a trial's process, without a result and without any progress.
        trial_timeout: seconds of one trial.
        timeout: seconds of this session of the search.
    """

    max_failures: int
    max_attempts: int
    trial_timeout: float | None = None
    timeout: float | None = None


class SearchStopped(RunStopped):
    """The search was asked to stop, or its time is over; it can go on."""


class SearchFailed(ConfigError):  # noqa: N818, it is for the user
    """So many trials failed that the search makes no sense."""


@dataclass
class Search:
    """Do the trials of a study in some slots.

    Attributes:
        shared: the study.
        slots: where trials are done.
        job_of: makes the job of a trial.
        values_of: from a complete trial's result to the values of its objectives.
        limits: when to give up.
        screen: what a person sees.
    """

    shared: SharedStudy
    slots: Sequence[Slot]
    job_of: Callable[[ClaimedTrial], Job]
    values_of: Callable[[TrialResult], Sequence[float]]
    limits: Limits
    screen: SearchView
    _deaths: dict[int, tuple[int, float]] = field(default_factory=dict)
    _stop: str | None = None
    _signals: int = 0
    _claim_at: float = 0.0
    _renew_at: float = 0.0

    def run(self) -> None:
        """Return when all trials of the study have ended, ours and those of others.

        Raises:
            SearchStopped: Ctrl-C, SIGTERM, or `timeout`; running trials have saved.
            SearchFailed: too many failed.
        """
        started = time.monotonic()
        with self._hearing_signals():
            while not self._is_over():
                self._begin_trials()
                self._look_at_trials()
                self._keep_leases()
                if self.limits.timeout and time.monotonic() - started > self.limits.timeout:
                    self._ask_to_stop(f"timeout={self.limits.timeout:g} s")
                self.screen.show(self.shared, self.slots)
                busy = any(slot.is_busy for slot in self.slots)
                time.sleep(POLL_SECONDS if busy else IDLE_SECONDS)
        if self._stop:
            raise SearchStopped(self._stop)

    def _is_over(self) -> bool:
        if any(slot.is_busy for slot in self.slots):
            return False
        return self._stop is not None or self.shared.is_done()

    @contextmanager
    def _hearing_signals(self) -> Iterator[None]:
        before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
        for name in before:
            signal.signal(name, self._hear)
        try:
            yield
        except BaseException:
            self._let_go()
            raise
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _let_go(self) -> None:
        """End what runs, for whoever comes next."""
        for slot in self.slots:
            claim, seconds = slot.claim, slot.seconds
            slot.kill()
            if claim is not None:
                self.shared.release(claim, seconds - claim.seconds)

    def _hear(self, number: int, frame: Any) -> None:
        self._signals += 1
        if self._signals > 1:
            raise SearchStopped("stopped at once")
        self._ask_to_stop("stopped")

    def _ask_to_stop(self, reason: str) -> None:
        if self._stop is None:
            self._stop = reason
            busy = sum(slot.is_busy for slot in self.slots)
            if busy:
                self.screen.say(f"{reason}: {busy} running save and stop; again: at once")
        for slot in self.slots:
            slot.stop("search")

    def _begin_trials(self) -> None:
        now = time.monotonic()
        if self._stop or now < self._claim_at:
            return
        for slot in self.slots:
            if slot.is_free and not self._begin_one(slot):
                self._claim_at = now + CLAIM_SECONDS  # nothing to do, for now
                return

    def _begin_one(self, slot: Slot) -> bool:
        claim = self.shared.claim()
        if claim is None:
            return False
        told = load_result(claim.folder)  # somebody ended it, and died before he wrote it down
        if told is not None:
            self._settle(slot, TrialEnd(claim, told, "", None, 0.0))
        else:
            slot.start(claim, self.job_of(claim))
        return True

    def _look_at_trials(self) -> None:
        for slot in self.slots:
            limit = self.limits.trial_timeout
            if limit and slot.is_busy and slot.seconds > limit:
                slot.stop("time-out")
            ended = slot.poll()
            if ended is not None:
                self._claim_at = 0.0
                self._settle(slot, ended)

    def _settle(self, slot: Slot, ended: TrialEnd) -> None:
        """Write a trial down, or let it go on."""
        result = ended.result
        if result is None or result.state not in FINAL_STATES:
            self._unfinished(slot, ended)
        elif result.oom_overrides and not ended.claim.oom_overrides:
            self.screen.say(f"trial {ended.claim.number}: out of memory; again with half the batch")
            self.shared.retry(ended.claim, result.oom_overrides)
            slot.start(ended.claim, self.job_of(ended.claim))
        else:
            spent = result.seconds or ended.claim.seconds + ended.seconds
            self._finish(ended.claim, replace(result, seconds=spent))

    def _unfinished(self, slot: Slot, ended: TrialEnd) -> None:
        claim = ended.claim
        if ended.stop_reason == "time-out":
            message = f"took longer than trial_timeout={self.limits.trial_timeout:g} s"
            self._finish(claim, self._failed(claim, "time-out", message))
        elif ended.stop_reason or self._stop:
            self.shared.release(claim, ended.seconds)
        elif not self._may_try_again(claim):
            reason = f"its process ended {self.limits.max_attempts} times: {ended.reason}"
            self._finish(claim, self._failed(claim, "crash", reason))
        elif slot.is_free:
            claim.seconds += ended.seconds
            self.shared.retry(claim)
            slot.start(claim, self.job_of(claim))
        else:  # this slot has lost its machine: for any other
            self.shared.release(claim, ended.seconds)

    def _may_try_again(self, claim: ClaimedTrial) -> bool:
        """A process that got nowhere, several times, will not get anywhere."""
        deaths, before = self._deaths.get(claim.number, (0, 0.0))
        mark = checkpoint_time(claim.folder)
        deaths = deaths + 1 if mark == before else 1
        self._deaths[claim.number] = (deaths, mark)
        return deaths < self.limits.max_attempts

    def _failed(self, claim: ClaimedTrial, failure: str, message: str) -> TrialResult:
        return TrialResult(claim.attempt, "failed", failure, message)

    def _finish(self, claim: ClaimedTrial, result: TrialResult) -> None:
        values = None
        if result.state == "complete":
            try:
                values = self.values_of(result)
            except ConfigError as error:
                result = replace(result, state="failed", failure="config", message=str(error))
        if self.shared.finish(claim, result, values):
            self.screen.ended(claim, result)
        self._check_failures()

    def _check_failures(self) -> None:
        results = [stored_result(trial) for trial in self.shared.study.get_trials(deepcopy=False)]
        told = [result for result in results if result]
        failed = [result for result in told if result["state"] == "failed"]
        hopeless = min(HOPELESS, self.shared.n_trials)
        if len(failed) == len(told) >= hopeless and all(
            result["failure"] in ("config", "data") for result in failed
        ):
            raise SearchFailed(f"every trial fails: {failed[-1]['message']}")
        if len(failed) >= self.limits.max_failures:
            raise SearchFailed(
                f"max_failures={self.limits.max_failures} is reached: {by_class(failed)}. "
                f"The last: {failed[-1]['message']}"
            )

    def _keep_leases(self) -> None:
        now = time.monotonic()
        if now < self._renew_at:
            return
        self._renew_at = now + self.shared.watch.lease_seconds / 4
        lost = self.shared.renew()
        for slot in self.slots:
            if slot.claim is not None and slot.claim.number in lost:
                self.screen.say(f"trial {slot.claim.number}: another process has taken it over")
                slot.kill()


def by_class(failed: Sequence[Mapping[str, Any]]) -> str:
    """How many failures there are of each class.

    >>> by_class([{"failure": "crash"}, {"failure": "data"}, {"failure": "crash"}])
    '2 crash, 1 data'
    """
    names = [str(result["failure"]) for result in failed]
    return ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))
