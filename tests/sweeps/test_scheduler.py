"""The loop of a search, with scripted runners."""

import errno
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import pytest

from rnnlab.errors import ConfigError
from rnnlab.sweeps.scheduler import Limits, Scheduler, SearchFailed, SearchStopped
from rnnlab.sweeps.study import outages
from rnnlab.sweeps.study.outages import Patience
from rnnlab.sweeps.study.share import ClaimedTrial, SharedStudy, trial_state
from rnnlab.sweeps.workers.messages import Job, TrialResult
from rnnlab.sweeps.workers.runner import WorkerDied
from rnnlab.sweeps.workers.slots import Slot
from tests.helpers.shared_studies import disown, open_shared

Play = Callable[[Job, int], TrialResult | Exception | None]  # a job and how often it was polled


@dataclass
class ScriptedRunner:
    """Runner that plays a script and records its calls."""

    play: Play
    jobs: list[Job] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    polls: int = 0

    def is_ready(self) -> bool:
        return True

    def has_started(self) -> bool:
        return True

    def start(self, job: Job) -> None:
        self.jobs.append(job)
        self.polls = 0

    def poll(self) -> TrialResult | None:
        self.polls += 1
        if "stop" in self.calls and self.jobs:
            return TrialResult(self.jobs[-1].attempt, "stopped")
        answer = self.play(self.jobs[-1], self.polls)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        self.calls.append("stop")

    def kill(self) -> None:
        self.calls.append("kill")

    def close(self) -> None:
        self.calls.append("close")


class SilentView:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def update(self, shared: SharedStudy, slots: Sequence[Slot]) -> None:
        pass

    def print_result(self, claim: ClaimedTrial, result: TrialResult) -> None:
        self.lines.append(f"{claim.number} {result.state}")

    def print_line(self, line: str) -> None:
        self.lines.append(line)


def fine(job: Job, polls: int) -> TrialResult:
    return TrialResult(job.attempt, "complete", scores={"score": 0.5}, seconds=2.0)


def number(job: Job) -> int:
    return int(Path(job.folder).name)


def search(
    study: SharedStudy, *runners: ScriptedRunner, values: Callable | None = None, **limits: float
) -> Scheduler:
    def make_job(claim: ClaimedTrial) -> Job:
        overrides = [*claim.overrides, *claim.oom_overrides]
        return Job(str(claim.folder), claim.attempt, overrides)

    return Scheduler(
        study,
        [Slot(runner) for runner in runners],
        make_job,
        values or (lambda result: [result.scores["score"]]),
        Limits(**{"max_failures": 3, "max_attempts": 3, **limits}),
        SilentView(),
    )


def states(study: SharedStudy) -> list[str]:
    return [trial_state(trial) for trial in study.study.get_trials()]


@pytest.fixture
def study(tmp_path: Path) -> SharedStudy:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return open_shared(tmp_path)


def test_all_trials_are_done_once(study: SharedStudy) -> None:
    runner = ScriptedRunner(fine)
    search(study, runner).run()
    assert states(study) == ["complete"] * 6
    assert [number(job) for job in runner.jobs] == list(range(6))


def test_no_slot_waits_for_another(study: SharedStudy) -> None:
    slow = ScriptedRunner(lambda job, polls: fine(job, polls) if fast_done() else None)
    fast = ScriptedRunner(fine)

    def fast_done() -> bool:
        return len(fast.jobs) == 5

    search(study, slow, fast).run()
    assert (len(slow.jobs), len(fast.jobs)) == (1, 5)


@pytest.mark.slow
def test_a_process_that_dies_goes_on_with_its_trial(study: SharedStudy) -> None:
    runner = ScriptedRunner(
        lambda job, polls: (
            WorkerDied("killed") if (number(job), job.attempt) == (2, 1) else fine(job, 1)
        )
    )
    search(study, runner).run()
    assert states(study) == ["complete"] * 6
    again = [job for job in runner.jobs if number(job) == 2]
    assert [job.attempt for job in again] == [1, 2]
    assert again[0].overrides == again[1].overrides
    assert again[0].folder == again[1].folder


@pytest.mark.slow
def test_a_slot_that_lost_its_machine_leaves_its_trial_to_another(study: SharedStudy) -> None:
    """And takes trials again when it has a machine."""

    @dataclass
    class Lost(ScriptedRunner):
        def is_ready(self) -> bool:
            return not self.jobs or len(other.jobs) >= 4

    def play(job: Job, polls: int) -> TrialResult | Exception:
        return WorkerDied("machine") if (number(job), job.attempt) == (0, 1) else fine(job, polls)

    lost, other = Lost(play), ScriptedRunner(play)
    search(study, lost, other).run()
    assert states(study) == ["complete"] * 6
    assert number(lost.jobs[0]) == 0
    again = next(job for job in other.jobs if number(job) == 0)
    assert again.attempt == 2
    assert len(lost.jobs) > 1, "it came back"


@pytest.mark.slow
def test_a_process_that_always_dies_is_a_crash(study: SharedStudy) -> None:
    runner = ScriptedRunner(
        lambda job, polls: WorkerDied("exit 1") if number(job) == 2 else fine(job, polls)
    )
    search(study, runner).run()
    assert states(study) == ["complete", "complete", "failed", *["complete"] * 3]
    result = study.study.get_trials()[2].user_attrs["result"]
    assert result["failure"] == "crash"
    assert "3 times: exit 1" in result["message"]


@pytest.mark.slow
def test_one_that_gets_on_between_its_deaths_is_not_given_up(study: SharedStudy) -> None:
    def play(job: Job, polls: int) -> TrialResult | Exception:
        if number(job) != 2 or job.attempt > 6:
            return fine(job, polls)
        checkpoint = Path(job.folder) / "checkpoints" / "last.ckpt"
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.touch()
        os.utime(checkpoint, (job.attempt, job.attempt))
        return WorkerDied("killed")

    search(study, ScriptedRunner(play)).run()
    assert states(study) == ["complete"] * 6


@pytest.mark.slow
def test_out_of_memory_is_tried_once_with_half_the_batch(study: SharedStudy) -> None:
    less = ["data.batch_size=8", "trainer.accumulate_grad_batches=2"]

    def play(job: Job, polls: int) -> TrialResult:
        if number(job) == 1 and "data.batch_size=8" not in job.overrides:
            Path(job.folder).mkdir(parents=True)
            return TrialResult(job.attempt, "infeasible", "out of memory", oom_overrides=less)
        if number(job) == 2:
            Path(job.folder).mkdir(parents=True, exist_ok=True)
            return TrialResult(job.attempt, "infeasible", "out of memory", oom_overrides=less)
        return fine(job, polls)

    search(study, ScriptedRunner(play)).run()
    assert states(study) == ["complete", "complete", "infeasible", *["complete"] * 3]
    trials = study.study.get_trials()
    assert trials[1].user_attrs["overrides"][-2:] == less, "the command repeats what was done"
    assert trials[2].user_attrs["attempts"] == 2
    assert trials[2].constraints["out of memory"] > 0


@pytest.mark.slow
def test_what_somebody_else_finished_is_only_written_down(study: SharedStudy) -> None:
    claim = study.claim()
    assert claim is not None
    fine(Job("", 1), 1).write(claim.folder)
    study.claims.clear()
    disown(study, 0)
    runner = ScriptedRunner(fine)
    search(study, runner).run()
    assert states(study) == ["complete"] * 6
    assert len(runner.jobs) == 5


def test_ctrl_c_saves_and_the_next_session_goes_on(study: SharedStudy, tmp_path: Path) -> None:
    def play(job: Job, polls: int) -> TrialResult | None:
        if number(job) == 2 and polls == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return None if number(job) == 2 else fine(job, polls)

    runner = ScriptedRunner(play)
    with pytest.raises(SearchStopped, match="stopped"):
        search(study, runner).run()
    assert runner.calls == ["stop"]
    assert states(study) == ["complete", "complete", "running"]
    again = ScriptedRunner(fine)
    search(open_shared(tmp_path), again).run()
    assert [number(job) for job in again.jobs] == [2, 3, 4, 5]
    assert again.jobs[0].attempt == 2
    assert states(study) == ["complete"] * 6


@pytest.mark.slow
def test_a_second_ctrl_c_ends_it_at_once(study: SharedStudy, tmp_path: Path) -> None:
    @dataclass
    class Deaf(ScriptedRunner):
        def poll(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    runner = Deaf(fine)
    with pytest.raises(SearchStopped, match="at once"):
        search(study, runner).run()
    assert runner.calls == ["stop", "kill"]
    search(open_shared(tmp_path), ScriptedRunner(fine)).run()
    assert states(study) == ["complete"] * 6


@pytest.mark.slow
def test_a_trial_that_takes_too_long_is_a_time_out(study: SharedStudy) -> None:
    def play(job: Job, polls: int) -> TrialResult | None:
        return None if number(job) == 1 else fine(job, polls)

    @dataclass
    class OneStop(ScriptedRunner):
        def stop(self) -> None:
            self.calls.append("asked")
            self.play = lambda job, polls: TrialResult(job.attempt, "stopped")

        def start(self, job: Job) -> None:
            self.play = play
            super().start(job)

    search(study, OneStop(play), trial_timeout=0.1).run()
    assert states(study) == ["complete", "failed", *["complete"] * 4]
    assert study.study.get_trials()[1].user_attrs["result"]["failure"] == "time-out"


def test_the_time_of_a_session_ends_it(study: SharedStudy) -> None:
    runner = ScriptedRunner(lambda job, polls: None)
    with pytest.raises(SearchStopped, match=r"timeout=0\.1 s"):
        search(study, runner, timeout=0.1).run()
    assert states(study) == ["running"]
    assert study.study.get_trials()[0].user_attrs["lease"] is None


def test_max_failures_ends_the_search(study: SharedStudy) -> None:
    def play(job: Job, polls: int) -> TrialResult:
        if number(job):
            return TrialResult(job.attempt, "failed", "crash", "KeyError: 'x'")
        return fine(job, polls)

    with pytest.raises(SearchFailed, match=r"max_failures=3 is reached: 3 crash.*KeyError"):
        search(study, ScriptedRunner(play)).run()
    assert states(study) == ["complete", "failed", "failed", "failed"]


def test_settings_that_never_work_end_the_search_at_once(study: SharedStudy) -> None:
    runner = ScriptedRunner(
        lambda job, polls: TrialResult(job.attempt, "failed", "config", "data.path: nothing")
    )
    with pytest.raises(SearchFailed, match=r"every trial fails: data\.path: nothing"):
        search(study, runner).run()
    assert len(runner.jobs) == 2


@pytest.mark.slow
def test_one_setting_that_does_not_work_is_a_failed_trial(study: SharedStudy) -> None:
    def play(job: Job, polls: int) -> TrialResult:
        if number(job) == 3:
            return TrialResult(job.attempt, "failed", "config", "5 heads do not divide 8")
        return fine(job, polls)

    search(study, ScriptedRunner(play)).run()
    assert states(study).count("failed") == 1


def test_a_metric_that_was_not_logged_fails_the_trial(study: SharedStudy) -> None:
    def values(result: TrialResult) -> list[float]:
        raise ConfigError("objectives: val/f1 was not logged")

    with pytest.raises(SearchFailed, match="val/f1 was not logged"):
        search(study, ScriptedRunner(fine), values=values).run()


@pytest.mark.slow
def test_a_trial_that_another_process_took_over_is_dropped(study: SharedStudy) -> None:
    runner = ScriptedRunner(
        lambda job, polls: None if polls < 3 and number(job) == 0 else fine(job, polls)
    )
    loop = search(study, runner)

    def lose_the_first(job: Job, polls: int) -> TrialResult | None:
        if number(job) == 0 and job.attempt == 1:
            disown(study, 0)
            loop._renew_at = 0.0
            return None
        return fine(job, polls)

    runner.play = lose_the_first
    loop.run()
    assert "kill" in runner.calls
    assert states(study) == ["complete"] * 6
    assert study.study.get_trials()[0].user_attrs["attempts"] == 2


def test_the_imports_of_a_process_are_no_time_of_its_trial(study: SharedStudy) -> None:
    @dataclass
    class SlowImports(ScriptedRunner):
        def has_started(self) -> bool:
            return self.polls > 20  # after 0.4 s

        def stop(self) -> None:
            raise AssertionError("no trial takes that long")

    study.n_trials = 1
    runner = SlowImports(lambda job, polls: fine(job, polls) if polls > 25 else None)
    search(study, runner, trial_timeout=0.3).run()
    assert states(study) == ["complete"]


def outage(job: Job) -> TrialResult:
    return TrialResult(job.attempt, "stopped", "outage", "the disk is full")


def test_a_trial_that_met_a_full_disk_goes_on_later(
    study: SharedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "FIRST_PAUSE", 0.01)
    runner = ScriptedRunner(
        lambda job, polls: outage(job) if number(job) == 1 and job.attempt < 6 else fine(job, polls)
    )
    loop = search(study, runner)
    loop.run()
    assert states(study) == ["complete"] * 6
    assert isinstance(loop.view, SilentView)
    lines = loop.view.lines
    assert lines.count("trial 1: the disk is full; trying again in 0.01 s") == 1
    assert lines.count("trial 1: the disk is full; trying again in 0.02 s") == 1, "pauses grow"


def test_a_disk_that_stays_full_stops_the_search(study: SharedStudy, tmp_path: Path) -> None:
    runner = ScriptedRunner(
        lambda job, polls: outage(job) if number(job) == 1 else fine(job, polls)
    )
    loop = search(study, runner)
    loop._backoff = outages.Backoff(limit=0.0)
    with pytest.raises(SearchStopped, match="the disk is full"):
        loop.run()
    assert states(study) == ["complete", "running"]
    search(open_shared(tmp_path), ScriptedRunner(fine)).run()
    assert states(study) == ["complete"] * 6


def test_a_storage_that_stays_away_stops_the_search_and_its_trials(
    study: SharedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Patience.__init__, "__defaults__", (print, lambda: False, 0.0))
    fsync, is_full = os.fsync, []

    def full(file: int) -> None:
        if is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    def play(job: Job, polls: int) -> TrialResult | None:
        if number(job) == 2 and polls == 1:
            is_full.append(True)
            loop._renew_at = 0.0
        return None if number(job) == 2 else fine(job, polls)

    monkeypatch.setattr(os, "fsync", full)
    runner = ScriptedRunner(play)
    loop = search(study, runner)
    with pytest.raises(SearchStopped, match="the disk is full"):
        loop.run()
    assert runner.calls == ["stop"], "the running trial saved"
    is_full.clear()
    disown(study, 2)  # its owner has ended
    again = ScriptedRunner(fine)
    search(open_shared(tmp_path), again).run()
    assert [number(job) for job in again.jobs] == [2, 3, 4, 5]
    assert states(study) == ["complete"] * 6
