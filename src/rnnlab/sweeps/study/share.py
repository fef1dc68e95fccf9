"""A study that several processes share: who owns which trial, and which trial comes next."""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from rnnlab.sweeps.study.folders import trial_origin
from rnnlab.sweeps.study.lease import LeaseMonitor, Owner, this_process
from rnnlab.sweeps.study.outages import Patience, repeat_in_outages
from rnnlab.sweeps.study.storage import Lock
from rnnlab.sweeps.workers.messages import TrialResult, stored_result

OPTUNA_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "infeasible": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass
class ClaimedTrial:
    """A trial that this process owns.

    Attributes:
        overrides: command line of train.py that repeats it, including its seed.
        attempt: number of attempts, including this one.
        oom_overrides: overrides that were added because memory ran out.
        seconds: that earlier attempts took.
        restart: whether this attempt must ignore what the folder holds.
    """

    trial: optuna.Trial
    overrides: list[str]
    folder: Path
    attempt: int
    oom_overrides: list[str] = field(default_factory=list)
    seconds: float = 0.0
    restart: bool = False

    @property
    def number(self) -> int:
        return int(self.trial.number)


@dataclass(eq=False)
class SharedStudy:
    """Claim, keep and finish trials: no two processes do the same trial, and none is lost.

    A trial belongs to the process that wrote its lease (rnnlab.sweeps.study.lease). Trials are
    claimed and finished under the lock of the study. Every operation can be repeated: what a
    database stored before the connection broke is found, not stored again.

    Attributes:
        n_trials: total number of trials, of all processes.
        folder: of all trials, with a subfolder each.
        suggest: draws the values of a trial and returns its command line; called again for a
            trial whose first owner died before it stored them.
        make_sampler: returns the sampler that draws the trial with this number.
        patience: repeats the operations while the storage is away.
        claims: trials of this process, by number.
    """

    study: optuna.Study
    lock: Lock
    n_trials: int
    folder: Path
    suggest: Callable[[optuna.Trial], list[str]]
    make_sampler: Callable[[int], optuna.samplers.BaseSampler]
    lease_seconds: float
    patience: Patience = field(default_factory=Patience)
    owner: Owner = field(init=False, default_factory=this_process)
    claims: dict[int, ClaimedTrial] = field(init=False, default_factory=dict)
    _session: str = field(init=False, default_factory=partial(secrets.token_hex, 3))
    _heartbeat: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.monitor = LeaseMonitor(self.lease_seconds)

    def trials(self) -> list[FrozenTrial]:
        """Return all trials of the study, which must not be changed."""
        return self.patience.run(lambda: self.study.get_trials(deepcopy=False))

    @repeat_in_outages
    def claim(self) -> ClaimedTrial | None:
        """Claim a trial whose owner died, or else a new one; None if no trial is left."""
        with self.lock():
            trials = self.study.get_trials(deepcopy=False)
            number = next((t.number for t in trials if self._is_abandoned(t)), None)
            if number is not None:
                return self._take_over(trials[number])
            count = sum(trial.state != TrialState.WAITING for trial in trials)
            return self._ask() if count < self.n_trials else None

    def _is_abandoned(self, trial: FrozenTrial) -> bool:
        if trial.state != TrialState.RUNNING or trial.number in self.claims:
            return False
        lease = trial.user_attrs.get("lease")
        if lease and lease.get("session") == self._session:
            return True  # stored in an outage, in which its claim failed
        return self.monitor.is_dead(trial.number, lease)

    def _ask(self) -> ClaimedTrial:
        trials = self.study.get_trials(deepcopy=False)
        waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
        number = min(waiting, default=len(trials))
        self.study.sampler = self.make_sampler(number)
        trial = self.study.ask()
        if trial.number != number:  # Optuna began a trial twice, because a connection broke
            return self._take_over(self.study.get_trials(deepcopy=False)[number])
        return self._add_claim(trial)

    def _take_over(self, frozen_trial: FrozenTrial) -> ClaimedTrial:
        self.study.sampler = self.make_sampler(frozen_trial.number)
        if not frozen_trial.params:  # its owner may have died before the first draw
            self.study.sampler.before_trial(self.study, frozen_trial)
        trial = optuna.trial.Trial(self.study, frozen_trial._trial_id)
        if "overrides" not in frozen_trial.user_attrs:
            self._replay_draws(trial, frozen_trial)
        return self._add_claim(trial)

    def _replay_draws(self, trial: optuna.Trial, frozen_trial: FrozenTrial) -> None:
        """Draw what the dead owner had drawn, so that the other values are the same, too."""
        params = {**trial.relative_params, **frozen_trial.system_attrs.get("fixed_params", {})}
        for name, distribution in frozen_trial.distributions.items():
            if name not in params:
                self.study.sampler.sample_independent(self.study, frozen_trial, name, distribution)

    def _add_claim(self, trial: optuna.Trial) -> ClaimedTrial:
        attributes = trial.user_attrs
        overrides = attributes.get("overrides") or self.suggest(trial)
        claim = ClaimedTrial(
            trial,
            list(overrides),
            self.folder / f"{trial.number:04}",
            attributes.get("attempts", 0) + 1,
            list(attributes.get("oom_overrides", attributes.get("smaller", []))),
            attributes.get("seconds", 0.0),
        )
        trial.set_user_attr("overrides", claim.overrides)
        trial.set_user_attr("attempts", claim.attempt)
        self._write_lease(claim)
        self.claims[trial.number] = claim
        return claim

    def _write_lease(self, claim: ClaimedTrial) -> None:
        lease = {**self.owner.to_plain(), "session": self._session, "beat": self._heartbeat}
        claim.trial.set_user_attr("lease", lease)

    @repeat_in_outages
    def renew(self) -> list[int]:
        """Renew the leases, so that processes on other machines see that this one is alive.

        Return the numbers of the trials that another process has taken over after a missing
        heartbeat.
        """
        self._heartbeat += 1
        with self.lock():
            lost_numbers = [n for n, claim in self.claims.items() if not self.is_owner(claim)]
            for number in lost_numbers:
                del self.claims[number]
            for claim in self.claims.values():
                self._write_lease(claim)
        return lost_numbers

    def is_owner(self, claim: ClaimedTrial) -> bool:
        """Whether no other process has taken over a trial."""
        lease = self._load(claim).user_attrs.get("lease") or {}
        return all(lease.get(key) == value for key, value in self.owner.to_plain().items())

    def _load(self, claim: ClaimedTrial) -> FrozenTrial:
        return self.study.get_trials(deepcopy=False)[claim.number]

    def retry(self, claim: ClaimedTrial, oom_overrides: Sequence[str] = ()) -> None:
        """Count one more attempt; with `oom_overrides`, start from the beginning.

        The folder is removed first: a process that takes over a moment later must not find the
        old result. The folder may be on another machine, whose worker removes it, too.
        """
        claim.attempt += 1
        claim.restart = bool(oom_overrides)
        if oom_overrides:
            shutil.rmtree(claim.folder, ignore_errors=True)
            claim.oom_overrides = list(oom_overrides)
        self._write_attempt(claim)

    @repeat_in_outages
    def _write_attempt(self, claim: ClaimedTrial) -> None:
        claim.trial.set_user_attr("attempts", claim.attempt)
        if claim.oom_overrides:
            claim.trial.set_user_attr("oom_overrides", claim.oom_overrides)

    @repeat_in_outages
    def release(self, claim: ClaimedTrial, seconds: float) -> None:
        """Leave a trial to the next owner, which continues from its last checkpoint."""
        self.claims.pop(claim.number, None)
        with self.lock():
            if self.is_owner(claim):
                claim.trial.set_user_attr("seconds", claim.seconds + seconds)
                claim.trial.set_user_attr("lease", None)

    @repeat_in_outages
    def finish(
        self, claim: ClaimedTrial, result: TrialResult, values: Sequence[float] | None
    ) -> bool:
        """Store the final result of a trial, once; return whether this process still owned it."""
        with self.lock():
            self.claims.pop(claim.number, None)
            if not self.is_owner(claim):
                return False
            if not self._load(claim).state.is_finished():
                self._write_result(claim, result)
                state = OPTUNA_STATES[result.state]
                self.study.tell(claim.number, values, state, skip_if_finished=True)
            return True

    def _write_result(self, claim: ClaimedTrial, result: TrialResult) -> None:
        plain = {**asdict(result), "score": result.scores.get("score")}
        del plain["origin"]  # the study holds it already
        claim.trial.set_user_attr("result", plain)
        if claim.oom_overrides:
            claim.trial.set_user_attr("overrides", [*claim.overrides, *claim.oom_overrides])
        if result.state == "infeasible":
            claim.trial.set_constraint(str(result.failure), 1.0)

    def counts(self) -> dict[str, int]:
        """Return the number of running trials and of trials with each final state."""
        trials = self.trials()
        names = [trial_state(trial) for trial in trials if trial.state != TrialState.WAITING]
        return {name: names.count(name) for name in ("running", *OPTUNA_STATES)}

    def is_done(self) -> bool:
        """Whether all trials have ended."""
        counts = self.counts()
        return sum(counts.values()) >= self.n_trials and not counts["running"]


def stored_origin(token: str, trial: FrozenTrial) -> dict[str, Any]:
    """Return the origin of a trial; overrides that memory made necessary are no part of it."""
    overrides = trial.user_attrs["overrides"]
    oom_overrides = trial.user_attrs.get("oom_overrides", [])
    if oom_overrides and overrides[-len(oom_overrides) :] == oom_overrides:
        overrides = overrides[: -len(oom_overrides)]
    return trial_origin(token, trial.number, overrides)


def trial_state(trial: FrozenTrial) -> str:
    """Return the state of a trial: `running`, or that of its result."""
    if not trial.state.is_finished():
        return "running"
    return str(stored_result(trial).get("state", trial.state.name.lower()))
