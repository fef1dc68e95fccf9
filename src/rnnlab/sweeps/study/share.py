"""A study as several processes at once see it: whose trial is whose, and what comes next."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import TrialState

from rnnlab.sweeps.study.components import seed_of
from rnnlab.sweeps.study.lease import Watch, this_process
from rnnlab.sweeps.study.storage import Lock
from rnnlab.sweeps.workers.messages import TrialResult, stored_result

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "infeasible": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass
class ClaimedTrial:
    """A trial that is ours.

    Attributes:
        trial: of Optuna.
        words: of the command line of train.py that make it; its seed is one of them.
        folder: where it is done.
        attempt: how often somebody began it, this time included.
        oom_overrides: overrides that were added because memory ran out.
        seconds: that earlier attempts took.
        restart: whether this attempt must not go on from what stands in the folder.
    """

    trial: optuna.Trial
    words: list[str]
    folder: Path
    attempt: int
    oom_overrides: list[str] = field(default_factory=list)
    seconds: float = 0.0
    restart: bool = False

    @property
    def number(self) -> int:
        """Of the trial in its study."""
        return int(self.trial.number)


class SharedStudy:
    """Take, keep and finish trials, so that no two processes do the same one and none is lost.

    A trial belongs to the process that wrote its lease (rnnlab.sweeps.study.lease). Choosing a
    trial and finishing one happen under the lock of the study.

    Args:
        study: of Optuna.
        lock: see rnnlab.sweeps.study.storage.
        n_trials: in all, whoever does them.
        folder: of trials, a folder each.
        draw: gives a trial its values, as words of the command line; called again for a trial
            whose first owner died before they were written down.
        sampler: from a number to the sampler that draws this trial.
        lease_seconds: see Watch.
    """

    def __init__(
        self,
        study: optuna.Study,
        lock: Lock,
        n_trials: int,
        folder: Path,
        draw: Callable[[optuna.Trial], list[str]],
        sampler: Callable[[int], optuna.samplers.BaseSampler],
        lease_seconds: float,
    ) -> None:
        self.study = study
        self.lock = lock
        self.n_trials = n_trials
        self.folder = folder
        self.draw = draw
        self.sampler = sampler
        self.watch = Watch(lease_seconds)
        self.owner = this_process()
        self.mine: dict[int, ClaimedTrial] = {}
        self._beat = 0

    def claim(self) -> ClaimedTrial | None:
        """The next trial to do: one whose owner died, or a new one; None where there is none."""
        with self.lock():
            trials = self.study.get_trials(deepcopy=False)
            number = next((t.number for t in trials if self._is_abandoned(t)), None)
            if number is not None:
                return self._take_over(trials[number])
            begun = sum(trial.state != TrialState.WAITING for trial in trials)
            return self._begin() if begun < self.n_trials else None

    def _is_abandoned(self, trial: "FrozenTrial") -> bool:
        if trial.state != TrialState.RUNNING or trial.number in self.mine:
            return False
        return self.watch.is_dead(trial.number, trial.user_attrs.get("lease"))

    def _begin(self) -> ClaimedTrial:
        trials = self.study.get_trials(deepcopy=False)
        waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
        self.study.sampler = self.sampler(min(waiting, default=len(trials)))
        return self._own(self.study.ask())

    def _take_over(self, found: "FrozenTrial") -> ClaimedTrial:
        self.study.sampler = self.sampler(found.number)
        if not found.params:  # its owner may have died before it drew anything
            self.study.sampler.before_trial(self.study, found)
        trial = optuna.trial.Trial(self.study, found._trial_id)
        if "overrides" not in found.user_attrs:
            self._draw_again(trial, found)
        return self._own(trial)

    def _draw_again(self, trial: optuna.Trial, found: "FrozenTrial") -> None:
        """Draw what its owner had drawn when it died, so that the rest is drawn as before."""
        told = {**trial.relative_params, **found.system_attrs.get("fixed_params", {})}
        for name, distribution in found.distributions.items():
            if name not in told:
                self.study.sampler.sample_independent(self.study, found, name, distribution)

    def _own(self, trial: optuna.Trial) -> ClaimedTrial:
        known = trial.user_attrs
        words = known.get("overrides") or self.draw(trial)
        claim = ClaimedTrial(
            trial,
            list(words),
            self.folder / f"{trial.number:04}",
            known.get("attempts", 0) + 1,
            list(known.get("oom_overrides", known.get("smaller", []))),
            known.get("seconds", 0.0),
        )
        trial.set_user_attr("overrides", claim.words)
        trial.set_user_attr("attempts", claim.attempt)
        self.mine[trial.number] = claim
        self._write_lease(claim)
        return claim

    def _write_lease(self, claim: ClaimedTrial) -> None:
        lease = {**self.owner.plain(), "beat": self._beat}
        claim.trial.set_user_attr("lease", lease)

    def renew(self) -> list[int]:
        """Say that we live, to processes on other machines.

        Returns:
            Numbers of trials that another one has taken over, because we were silent for too long.
        """
        self._beat += 1
        with self.lock():
            lost = [number for number, claim in self.mine.items() if not self.is_owner(claim)]
            for number in lost:
                del self.mine[number]
            for claim in self.mine.values():
                self._write_lease(claim)
        return lost

    def is_owner(self, claim: ClaimedTrial) -> bool:
        """Whether nobody has taken a trial for dead and gone on with it."""
        lease = self._stored(claim).user_attrs.get("lease") or {}
        return all(lease.get(key) == value for key, value in self.owner.plain().items())

    def _stored(self, claim: ClaimedTrial) -> "FrozenTrial":
        return self.study.get_trials(deepcopy=False)[claim.number]

    def retry(self, claim: ClaimedTrial, oom_overrides: Sequence[str] = ()) -> None:
        """Count one more attempt; with less memory, from the start.

        The folder goes first: whoever takes over a moment later must not find its result. It may
        be on another machine; whoever does the job there is told, too.
        """
        claim.attempt += 1
        claim.trial.set_user_attr("attempts", claim.attempt)
        claim.restart = bool(oom_overrides)
        if oom_overrides:
            shutil.rmtree(claim.folder, ignore_errors=True)
            claim.oom_overrides = list(oom_overrides)
            claim.trial.set_user_attr("oom_overrides", claim.oom_overrides)

    def release(self, claim: ClaimedTrial, seconds: float) -> None:
        """Leave a trial to whoever comes next, who goes on from its last checkpoint."""
        self.mine.pop(claim.number, None)
        with self.lock():
            if self.is_owner(claim):
                claim.trial.set_user_attr("seconds", claim.seconds + seconds)
                claim.trial.set_user_attr("lease", None)

    def finish(
        self, claim: ClaimedTrial, result: TrialResult, values: Sequence[float] | None
    ) -> bool:
        """Write down how a trial ended, once.

        Args:
            claim: the trial.
            result: on it; a final one.
            values: of the objectives, of a complete trial.

        Returns:
            Whether it was still ours.
        """
        with self.lock():
            self.mine.pop(claim.number, None)
            if self._stored(claim).state.is_finished() or not self.is_owner(claim):
                return False
            self._write_result(claim, result)
            state = STATES[result.state]
            self.study.tell(claim.number, values, state, skip_if_finished=True)
            return True

    def _write_result(self, claim: ClaimedTrial, result: TrialResult) -> None:
        told: Mapping[str, Any] = asdict(result)
        told = {**told, "score": result.scores.get("score")}
        claim.trial.set_user_attr("result", told)
        if claim.oom_overrides:
            claim.trial.set_user_attr("overrides", [*claim.words, *claim.oom_overrides])
        if result.state == "infeasible":
            claim.trial.set_constraint(str(result.failure), 1.0)

    def counts(self) -> dict[str, int]:
        """How many trials there are of each state of a result, and how many still run."""
        trials = self.study.get_trials(deepcopy=False)
        names = [state_of(trial) for trial in trials if trial.state != TrialState.WAITING]
        return {name: names.count(name) for name in ("running", *STATES)}

    def is_done(self) -> bool:
        """Whether all trials have ended."""
        counts = self.counts()
        return sum(counts.values()) >= self.n_trials and not counts["running"]


def state_of(trial: "FrozenTrial") -> str:
    """The state of a trial in the words of a result."""
    if not trial.state.is_finished():
        return "running"
    return str(stored_result(trial).get("state", trial.state.name.lower()))


def trial_seed(seed: int, number: int) -> int:
    """The seed of a run, from that of its study and its number alone."""
    return seed_of(seed, "trial", number) % 2**31
