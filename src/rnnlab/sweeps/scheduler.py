"""The loop of a search: free slots claim trials and results are stored until all are done."""

import math
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from rnnlab.errors import ConfigError, OutageError, RunStopped
from rnnlab.sweeps.study.folders import clear_folder
from rnnlab.sweeps.study.outages import Backoff, Patience, find_outage
from rnnlab.sweeps.study.share import ClaimedTrial, SharedStudy
from rnnlab.sweeps.workers import messages
from rnnlab.sweeps.workers.messages import FINAL_STATES, OUTAGE, Job, TrialResult
from rnnlab.sweeps.workers.slots import Slot, TrialEnd, checkpoint_time

BUSY_SECONDS = 0.02  # between two polls of the slots
IDLE_SECONDS = 0.2  # the same while other processes do the last trials
CLAIM_SECONDS = 1.0  # between two attempts to claim a trial if none is left
MIN_FAILURES = 2  # the search stops if this many trials, and all, have invalid settings or data


class SearchView(Protocol):
    """Output of a running search."""

    def update(self, shared: SharedStudy, slots: Sequence[Slot]) -> None:
        """Show the state of the search; called often."""

    def print_result(self, claim: ClaimedTrial, result: TrialResult) -> None:
        """Print how a trial ended."""

    def print_line(self, line: str) -> None:
        """Print a message."""


@dataclass(frozen=True)
class Limits:
    """Limits after which the search gives up.

    Attributes:
        max_attempts: times that the process of a trial may end without a result and without
            progress.
        trial_timeout: seconds of one trial.
        timeout: seconds of this session of the search.
    """

    max_failures: int
    max_attempts: int
    trial_timeout: float | None = None
    timeout: float | None = None


class SearchStopped(RunStopped):
    """The search was asked to stop, or its time is over; the same command continues it."""


class SearchFailed(ConfigError):  # noqa: N818, it is for the user
    """Too many trials failed."""

    code = "search_failed"


@dataclass
class Scheduler:
    """Loop that does the trials of a study in some slots."""

    shared: SharedStudy
    slots: Sequence[Slot]
    make_job: Callable[[ClaimedTrial], Job]
    objective_values: Callable[[TrialResult], Sequence[float]]
    limits: Limits
    view: SearchView
    _deaths: dict[int, tuple[int, float]] = field(default_factory=dict)
    _stop_reason: str | None = None
    _num_signals: int = 0
    _is_done: bool = False
    _backoff: Backoff = field(default_factory=Backoff)
    _end_at: float = math.inf
    _claim_at: float = 0.0
    _renew_at: float = 0.0

    def run(self) -> None:
        """Run until all trials of the study have ended, including those of other processes.

        Raises:
            SearchStopped: Ctrl-C, SIGTERM, or `timeout`; running trials have saved checkpoints.
            SearchFailed: too many trials failed.
        """
        self.shared.patience = Patience(self.view.print_line, lambda: self._stop_reason is not None)
        self._end_at = time.monotonic() + (self.limits.timeout or math.inf)
        with self._handle_signals():
            while not self._is_over():
                try:
                    self._advance()
                except OutageError as error:
                    self._request_stop(str(error))
                time.sleep(BUSY_SECONDS if self._is_busy() else IDLE_SECONDS)
        if self._stop_reason:
            raise SearchStopped(self._stop_reason)

    def _advance(self) -> None:
        self._start_trials()
        self._poll_slots()
        self._renew_leases()
        if time.monotonic() > self._end_at:
            self._request_stop(f"timeout={self.limits.timeout:g} s")
        self.view.update(self.shared, self.slots)
        self._is_done = not self._is_busy() and self.shared.is_done()

    def _is_busy(self) -> bool:
        return any(slot.is_busy for slot in self.slots)

    def _is_over(self) -> bool:
        return self._is_done or (self._stop_reason is not None and not self._is_busy())

    @contextmanager
    def _handle_signals(self) -> Iterator[None]:
        handlers = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
        for name in handlers:
            signal.signal(name, self._on_signal)
        try:
            yield
        except BaseException:
            self._release_trials()
            raise
        finally:
            for name, handler in handlers.items():
                signal.signal(name, handler)

    def _release_trials(self) -> None:
        """Kill the running trials and leave them to the next owner."""
        for slot in self.slots:
            claim, seconds = slot.claim, slot.seconds
            slot.kill()
            if claim is not None:
                self._release(claim, seconds - claim.seconds)

    def _release(self, claim: ClaimedTrial, seconds: float) -> None:
        """Leave a trial to the next owner; without its storage, it is left with this process."""
        with suppress(OutageError):
            self.shared.release(claim, seconds)

    def _on_signal(self, number: int, frame: Any) -> None:
        self._num_signals += 1
        if self._num_signals > 1:
            raise SearchStopped("stopped at once")
        self._request_stop("stopped")

    def _request_stop(self, reason: str) -> None:
        if self._stop_reason is None:
            self._stop_reason = reason
            count = sum(slot.is_busy for slot in self.slots)
            action = f"{count} running trials save and stop; interrupt again to stop at once"
            if count:
                self.view.print_line(f"{reason}: {action}")
        for slot in self.slots:
            slot.stop("search")

    def _start_trials(self) -> None:
        now = time.monotonic()
        if self._stop_reason or now < self._claim_at:
            return
        for slot in self.slots:
            if slot.is_free and not self._start_trial(slot):
                self._claim_at = now + CLAIM_SECONDS  # no trial is left for now
                return

    def _start_trial(self, slot: Slot) -> bool:
        claim = self.shared.claim()
        if claim is None:
            return False
        job = self.make_job(claim)
        if message := clear_folder(claim.folder, job.origin):
            self.view.print_line(message)
        result = messages.load_result(claim.folder, origin=job.origin)
        if result is not None:  # its owner died before it stored the result
            self._handle_end(slot, TrialEnd(claim, result, "", None, 0.0))
        else:
            self._start(slot, claim, job)
        return True

    def _start(self, slot: Slot, claim: ClaimedTrial, job: Job) -> None:
        try:
            slot.start(claim, job)
        except OSError as error:
            if not (reason := find_outage(error)):
                raise
            slot.claim = None
            self._leave(claim, 0.0, reason)

    def _leave(self, claim: ClaimedTrial, seconds: float, reason: str) -> None:
        """Release a trial in an outage, and claim the next one after a pause."""
        self._release(claim, seconds)
        pause = self._backoff.next_pause()
        if pause is None:
            self._request_stop(reason)
        else:
            self._claim_at = time.monotonic() + pause
            message = f"trial {claim.number}: {reason}; trying again in {pause:g} s"
            self.view.print_line(message)

    def _poll_slots(self) -> None:
        for slot in self.slots:
            if slot.is_late(self.limits.trial_timeout):
                slot.stop("time-out")
            end = slot.poll()
            if end is not None:
                self._claim_at = 0.0
                self._handle_end(slot, end)

    def _handle_end(self, slot: Slot, end: TrialEnd) -> None:
        """Store the result of a trial, or try the trial again."""
        result = end.result
        if result is None or result.state not in FINAL_STATES:
            self._handle_interruption(slot, end)
        elif result.oom_overrides and not end.claim.oom_overrides:
            message = "out of memory; trying again with half the batch"
            self.view.print_line(f"trial {end.claim.number}: {message}")
            self.shared.retry(end.claim, result.oom_overrides)
            self._start(slot, end.claim, self.make_job(end.claim))
        else:
            seconds = result.seconds or end.claim.seconds + end.seconds
            self._store_result(end.claim, replace(result, seconds=seconds))

    def _handle_interruption(self, slot: Slot, end: TrialEnd) -> None:
        claim = end.claim
        if end.stop_reason == "time-out":
            message = f"took longer than trial_timeout={self.limits.trial_timeout:g} s"
            self._store_result(claim, TrialResult(claim.attempt, "failed", "time-out", message))
        elif end.stop_reason or self._stop_reason:
            self._release(claim, end.seconds)
        elif end.result and end.result.failure == OUTAGE:
            self._leave(claim, end.seconds, end.result.message)
        elif not self._may_retry(claim):
            message = f"its process ended {self.limits.max_attempts} times: {end.reason}"
            self._store_result(claim, TrialResult(claim.attempt, "failed", "crash", message))
        elif slot.is_free:
            claim.seconds += end.seconds
            self.shared.retry(claim)
            self._start(slot, claim, self.make_job(claim))
        else:  # the slot has lost its machine; another one may claim the trial
            self._release(claim, end.seconds)

    def _may_retry(self, claim: ClaimedTrial) -> bool:
        """Whether a trial made progress lately, or died fewer than `max_attempts` times."""
        deaths, previous_time = self._deaths.get(claim.number, (0, 0.0))
        time_saved = checkpoint_time(claim.folder)
        deaths = deaths + 1 if time_saved == previous_time else 1
        self._deaths[claim.number] = (deaths, time_saved)
        return deaths < self.limits.max_attempts

    def _store_result(self, claim: ClaimedTrial, result: TrialResult) -> None:
        values = None
        if result.state == "complete":
            try:
                values = self.objective_values(result)
            except ConfigError as error:
                result = replace(result, state="failed", failure="config", message=str(error))
        if self.shared.finish(claim, result, values):
            self.view.print_result(claim, result)
        self._check_failures()

    def _check_failures(self) -> None:
        trials = self.shared.trials()
        results = [result for trial in trials if (result := messages.stored_result(trial))]
        failures = [result for result in results if result["state"] == "failed"]
        if len(failures) == len(results) >= min(MIN_FAILURES, self.shared.n_trials) and all(
            result["failure"] in ("config", "data") for result in failures
        ):
            raise SearchFailed(f"every trial fails: {failures[-1]['message']}")
        if len(failures) >= self.limits.max_failures:
            raise SearchFailed(
                f"max_failures={self.limits.max_failures} is reached: {count_failures(failures)}. "
                f"The last: {failures[-1]['message']}"
            )

    def _renew_leases(self) -> None:
        now = time.monotonic()
        if now < self._renew_at:
            return
        self._renew_at = now + self.shared.monitor.lease_seconds / 4
        lost_numbers = self.shared.renew()
        for slot in self.slots:
            if slot.claim is not None and slot.claim.number in lost_numbers:
                number = slot.claim.number
                self.view.print_line(f"trial {number}: another process has taken it over")
                slot.kill()


def count_failures(failures: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of failures of each class.

    >>> count_failures([{"failure": "crash"}, {"failure": "data"}, {"failure": "crash"}])
    '2 crash, 1 data'
    """
    counts = Counter(str(result["failure"]) for result in failures)
    return ", ".join(f"{count} {name}" for name, count in counts.items())
