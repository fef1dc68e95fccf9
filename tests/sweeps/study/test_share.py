"""Trials are claimed, kept and finished: none twice and none lost, whichever process dies."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from rnnlab.config.program import hide_passwords
from rnnlab.errors import ConfigError
from rnnlab.sweeps.study.definition import define_study, find_setting_changes
from rnnlab.sweeps.study.lease import LeaseMonitor, Owner, is_running, this_host, this_process
from rnnlab.sweeps.study.pruners import make_pruner
from rnnlab.sweeps.study.share import SharedStudy, trial_state
from rnnlab.sweeps.study.storage import open_storage, study_lock
from rnnlab.sweeps.workers.messages import TrialResult
from tests.helpers.shared_studies import DEAD, TPE, disown, open_shared, study_url

RANDOM = {"_target_": "optuna.samplers.RandomSampler"}


def done(attempt: int, score: float) -> TrialResult:
    return TrialResult(attempt, "complete", scores={"score": score}, seconds=1.0)


def score_of(trial: optuna.trial.FrozenTrial | optuna.Trial) -> float:
    return trial.params["size"] - 1000 * trial.params["rate"]


def complete(study: SharedStudy) -> None:
    """Do all that is left."""
    while (claim := study.claim()) is not None:
        score = score_of(claim.trial)
        assert study.finish(claim, done(claim.attempt, score), [score])


def params_of(study: SharedStudy) -> list[dict]:
    return [trial.params for trial in study.study.get_trials()]


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_n_trials_is_the_total_over_sessions(kind: str, tmp_path: Path) -> None:
    first = open_shared(tmp_path, kind)
    for _ in range(2):
        claim = first.claim()
        assert claim is not None
        first.finish(claim, done(1, 0.5), [0.5])
    complete(open_shared(tmp_path, kind))
    last = open_shared(tmp_path, kind)
    assert last.is_done()
    assert last.claim() is None
    assert [trial.number for trial in last.study.get_trials()] == list(range(6))


@pytest.mark.parametrize(
    "sampler", [TPE, RANDOM, {"_target_": "optuna.samplers.QMCSampler", "seed": 3}]
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_an_interrupted_search_draws_what_an_uninterrupted_one_draws(
    sampler: dict, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = open_shared(tmp_path / "a", n_trials=8, sampler=sampler)
    complete(whole)
    for _ in range(8):  # every trial loses its owner once, and the search is begun anew
        session = open_shared(tmp_path / "b", n_trials=8, sampler=sampler)
        claim = session.claim()
        assert claim is not None
        disown(session, claim.number)
        again = open_shared(tmp_path / "b", n_trials=8, sampler=sampler)
        second = again.claim()
        assert second is not None
        assert (second.number, second.attempt, second.overrides) == (
            claim.number,
            2,
            claim.overrides,
        )
        score = score_of(second.trial)
        again.finish(second, done(2, score), [score])
    assert params_of(open_shared(tmp_path / "b")) == params_of(whole)


def test_a_trial_whose_owner_died_before_it_drew_is_drawn_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = open_shared(tmp_path / "a")
    complete(whole)
    session = open_shared(tmp_path / "b")
    session.study.sampler = session.make_sampler(0)
    session.study.ask()  # and it is gone
    complete(open_shared(tmp_path / "b"))
    assert params_of(open_shared(tmp_path / "b")) == params_of(whole)


@pytest.mark.parametrize("sampler", [TPE, RANDOM])
def test_a_trial_whose_owner_died_while_it_drew_is_drawn_to_its_end(
    sampler: dict, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = open_shared(tmp_path / "a", sampler=sampler)
    complete(whole)
    session = open_shared(tmp_path / "b", sampler=sampler)
    session.study.sampler = session.make_sampler(0)
    session.study.ask().suggest_float("rate", 1e-4, 1e-1, log=True)  # and it is gone
    complete(open_shared(tmp_path / "b", sampler=sampler))
    assert params_of(open_shared(tmp_path / "b")) == params_of(whole)


def test_a_living_owner_keeps_its_trial(tmp_path: Path) -> None:
    one, other = open_shared(tmp_path), open_shared(tmp_path)
    mine, yours = one.claim(), other.claim()
    assert mine is not None
    assert yours is not None
    assert (mine.number, yours.number) == (0, 1)
    one.finish(mine, done(1, 0.5), [0.5])
    other.finish(yours, done(1, 0.4), [0.4])
    assert [trial_state(trial) for trial in one.study.get_trials()] == ["complete", "complete"]


def test_who_lost_its_trial_does_not_write_it_down(tmp_path: Path) -> None:
    study = open_shared(tmp_path)
    claim = study.claim()
    assert claim is not None
    disown(study, 0, replace(this_process(), host="elsewhere"))
    assert study.renew() == [0]
    assert not study.finish(claim, done(1, 0.1), [0.1])
    assert study.study.get_trials()[0].state == TrialState.RUNNING


def test_what_was_given_back_is_taken_first_with_its_time(tmp_path: Path) -> None:
    study = open_shared(tmp_path)
    claim = study.claim()
    assert claim is not None
    study.release(claim, 12.5)
    again = open_shared(tmp_path).claim()
    assert again is not None
    assert (again.number, again.attempt, again.seconds) == (0, 2, 12.5)
    assert again.folder == tmp_path / "trials" / "0000"


@pytest.mark.parametrize(
    ("result", "state", "name"),
    [
        (TrialResult(1, "pruned"), TrialState.PRUNED, "pruned"),
        (TrialResult(1, "infeasible", "diverged"), TrialState.PRUNED, "infeasible"),
        (TrialResult(1, "failed", "crash", "why"), TrialState.FAIL, "failed"),
    ],
)
def test_how_a_trial_ended_is_kept(
    result: TrialResult, state: TrialState, name: str, tmp_path: Path
) -> None:
    study = open_shared(tmp_path)
    claim = study.claim()
    assert claim is not None
    study.finish(claim, result, None)
    (trial,) = study.study.get_trials()
    assert trial.state == state
    assert study.counts()[name] == 1
    assert trial.user_attrs["result"]["failure"] == result.failure
    assert any(value > 0 for value in trial.constraints.values()) == (name == "infeasible")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_many_at_once_take_each_trial_once(kind: str, tmp_path: Path) -> None:
    open_shared(tmp_path, kind)  # the tables are made once
    studies = [open_shared(tmp_path, kind, n_trials=12, sampler=RANDOM) for _ in range(3)]
    threads = [threading.Thread(target=complete, args=(study,)) for study in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trials = open_shared(tmp_path, kind).study.get_trials()
    assert [trial.number for trial in trials] == list(range(12))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert all(trial.user_attrs["attempts"] == 1 for trial in trials)


def test_memory_that_ran_out_is_remembered(tmp_path: Path) -> None:
    study = open_shared(tmp_path)
    claim = study.claim()
    assert claim is not None
    claim.folder.mkdir(parents=True)
    (claim.folder / "config.yaml").write_text("old")
    study.retry(claim, ["data.batch_size=8"])
    assert not claim.folder.exists(), "a run with another batch cannot go on from there"
    disown(study, 0)
    second = open_shared(tmp_path).claim()
    assert second is not None
    assert (second.attempt, second.oom_overrides) == (3, ["data.batch_size=8"])


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    url = study_url(tmp_path)
    holder = (
        "import sys, time; from rnnlab.sweeps.study.storage import *\n"
        f"with study_lock({url!r}, 's')(): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.wait()
    with study_lock(url, "s")():
        pass


def test_a_journal_that_a_kill_cut_short_is_mended(tmp_path: Path) -> None:
    study = open_shared(tmp_path)
    complete(study)
    journal = tmp_path / "study.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 4, "wor')
    again = open_shared(tmp_path, n_trials=7)
    complete(again)
    assert params_of(again)[:6] == params_of(study)[:6]
    assert len(params_of(again)) == 7


def test_a_process_is_known_by_its_start_too() -> None:
    me = this_process()
    assert is_running(me)
    assert not is_running(replace(me, start_time=me.start_time - 100)), "the pid was reused"
    assert not is_running(DEAD)


def test_a_process_that_waits_to_be_buried_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    start_time = psutil.Process(process.pid).create_time()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert not is_running(Owner(this_host(), process.pid, start_time))
    process.wait()


def test_a_process_elsewhere_is_believed_while_it_beats() -> None:
    now = [0.0]
    monitor = LeaseMonitor(60.0, clock=lambda: now[0])
    lease = {"host": "elsewhere", "pid": os.getpid(), "started": 0.0, "beat": 0}
    assert not monitor.is_dead(0, lease)
    now[0] = 50.0
    assert not monitor.is_dead(0, lease | {"beat": 1})
    now[0] = 105.0
    assert not monitor.is_dead(0, lease | {"beat": 1})
    now[0] = 111.0
    assert monitor.is_dead(0, lease | {"beat": 1})


@pytest.mark.parametrize("url", ["study.db", "mysql://me@host/db", "jurnal:///x"])
def test_what_is_no_storage_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"storage=.*(choices:|give) "):
        open_storage(url)


def test_a_password_is_not_shown() -> None:
    url = "postgresql+nodriver://me:secret@127.0.0.1:1/db"
    assert "secret" not in hide_passwords(url)
    with pytest.raises(Exception, match="nodriver") as error:
        open_storage(url)
    assert "secret" not in str(error.value)


def test_what_changed_is_told() -> None:
    base = {"monitor": "val/loss", "mode": "min", "data": {"seq_len": 5}, "output_dir": "a"}
    then = define_study({"optimizer.lr": {"low": 1, "high": 2}}, base, ["score"], 0)
    elsewhere = define_study(
        {"optimizer.lr": {"low": 1, "high": 2}}, base | {"output_dir": "b"}, ["score"], 0
    )
    assert find_setting_changes(then, elsewhere) == []
    base = base | {"data": {"seq_len": 6}}
    now = define_study({"optimizer.lr": {"low": 1, "high": 3}}, base, ["score"], 0)
    assert find_setting_changes(then, now) == [
        "base.data.seq_len: 5 -> 6",
        "space.optimizer.lr.high: 2 -> 3",
    ]


def test_no_pruner_prunes_nothing() -> None:
    assert isinstance(make_pruner(None), optuna.pruners.NopPruner)


def test_with_less_memory_it_begins_afresh_wherever_the_folder_is(tmp_path: Path) -> None:
    study = open_shared(tmp_path)
    claim = study.claim()
    assert claim is not None
    study.retry(claim, ["data.batch_size=8"])  # the folder is on another machine
    assert (claim.attempt, claim.restart) == (2, True)
    study.retry(claim)
    assert (claim.attempt, claim.restart) == (3, False), "what it did with less goes on"
    assert claim.oom_overrides == ["data.batch_size=8"]
