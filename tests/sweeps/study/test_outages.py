"""A full disk or a database that is away for a moment loses and doubles nothing."""

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError

from rnnlab.errors import ConfigError, OutageError
from rnnlab.sweeps.study import outages
from rnnlab.sweeps.study.outages import Backoff, Patience, find_outage
from rnnlab.sweeps.study.share import SharedStudy
from rnnlab.sweeps.workers.messages import TrialResult
from tests.helpers.shared_studies import open_shared

N_TRIALS = 2


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    monkeypatch.setattr(outages, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(outages, "POLL_SECONDS", 0.0)


def full_disk() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def database_error() -> OperationalError:
    return OperationalError("SELECT 1", {}, Exception("connection refused\nIs it running?"))


def failing(times: int, error: Exception) -> Callable[[], str]:
    """Return an operation that fails some times."""
    errors = [error] * times

    def operation() -> str:
        if errors:
            raise errors.pop()
        return "done"

    return operation


def test_an_operation_is_repeated_with_a_message_until_it_works() -> None:
    lines: list[str] = []
    assert Patience(lines.append).run(failing(2, database_error())) == "done"
    assert lines == [
        "the database does not answer (connection refused); trying again in 0 s",
        "the database does not answer (connection refused); trying again in 0 s",
        "the search goes on",
    ]


def test_a_long_outage_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "FIRST_PAUSE", 0.05)
    with pytest.raises(OutageError, match="the disk is full"):
        Patience(print, limit=0.2).run(failing(99, full_disk()))
    with pytest.raises(OutageError):
        Patience(print, lambda: True).run(failing(1, full_disk()))


def test_other_errors_are_not_repeated() -> None:
    with pytest.raises(ConfigError):
        Patience(print).run(failing(1, ConfigError("x")))


def test_pauses_grow_and_a_later_outage_is_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(outages, "FIRST_PAUSE", 1.0)
    monkeypatch.setattr("rnnlab.sweeps.study.outages.time.monotonic", lambda: now[0])
    backoff = Backoff(60.0)
    pauses = []
    while (pause := backoff.next_pause()) is not None:
        pauses.append(pause)
        now[0] += pause
    assert pauses == [1, 2, 4, 8, 15, 15, 15]
    now[0] += 100.0
    assert backoff.next_pause() == 1.0


def test_the_cause_of_an_error_counts_unless_it_is_hidden() -> None:
    def nest(cause: Exception | None) -> Exception:
        try:
            try:
                raise full_disk()
            except OSError as error:
                raise RuntimeError("PytorchStreamWriter failed") from (cause or error)
        except RuntimeError as error:
            return error

    assert find_outage(nest(None)).startswith("the disk is full")
    assert not find_outage(nest(ValueError()))
    assert not find_outage(KeyError("x"))


def finish_all(study: SharedStudy) -> list[tuple[Any, ...]]:
    """Do all trials of a study, and return what it holds."""
    while claim := study.claim():
        study.renew()
        study.retry(claim)
        if claim.number == 1 and claim.attempt < 4:
            study.release(claim, 1.0)
            continue
        score = claim.trial.params["rate"]
        assert study.finish(claim, TrialResult(1, "complete", scores={"score": score}), [score])
    return [(t.number, t.params, t.state.name, t.values) for t in study.trials()]


class Fault:
    """Let the n-th call of a function fail.

    Args:
        number: of the call, from 0.
        call: the function.
        after: called before the failure, after the function has done its work.
        error: that is raised.
    """

    def __init__(
        self, number: int, call: Callable, error: Exception, after: Callable | None = None
    ) -> None:
        self.number, self.call, self.error, self.after = number, call, error, after
        self.count = -1

    def __call__(self, *arguments: Any) -> Any:
        self.count += 1
        if self.count != self.number:
            return self.call(*arguments)
        if self.after:
            self.call(*arguments)
            self.after(*arguments)
        raise self.error


def cut_line(file: int) -> None:
    """Leave half of the last line of a file, as a disk that became full."""
    size = os.fstat(file).st_size
    os.ftruncate(file, size - 9)


@pytest.mark.slow
@pytest.mark.parametrize("after", [None, cut_line], ids=["whole line", "half a line"])
def test_a_full_disk_at_any_write_of_the_journal_changes_nothing(
    after: Callable | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = finish_all(open_shared(tmp_path / "calm", n_trials=N_TRIALS))
    assert [trial[0] for trial in calm] == [0, 1]
    number, fsync = 0, os.fsync
    while True:
        fault = Fault(number, fsync, full_disk(), after)
        study = open_shared(tmp_path / str(number), n_trials=N_TRIALS)
        study.patience = Patience(lambda line: None)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fault)
            assert finish_all(study) == calm, f"write {number}"
        if fault.count < number:
            break
        number += 1
    assert number > 20, "each write failed once"


@pytest.mark.slow
@pytest.mark.parametrize("is_stored", [False, True])
def test_a_database_that_fails_at_any_commit_changes_nothing(
    is_stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = finish_all(open_shared(tmp_path / "calm", n_trials=N_TRIALS))
    number = 0
    while True:
        error = sqlite3.OperationalError("disk I/O error")
        nothing = (lambda *arguments: None) if is_stored else None
        commit = DefaultDialect.do_commit
        fault = Fault(number, commit, error, nothing)

        def fail(
            dialect: Any, connection: Any, fault: Fault = fault, commit: Callable = commit
        ) -> None:
            (fault if connection.in_transaction else commit)(dialect, connection)

        (tmp_path / str(number)).mkdir()
        study = open_shared(tmp_path / str(number), "sqlite", n_trials=N_TRIALS)
        study.patience = Patience(lambda line: None)
        with monkeypatch.context() as patch:
            patch.setattr(DefaultDialect, "do_commit", fail)
            trials = finish_all(study)
        assert trials[:N_TRIALS] == calm, f"commit {number}"
        assert len(trials) <= N_TRIALS + 1, "Optuna repeats the start of the last trial"
        if fault.count < number:
            break
        number += 1
    assert number > 20, "each commit failed once"


def test_a_trial_that_is_not_released_is_taken_when_its_owner_has_ended(tmp_path: Path) -> None:
    study = open_shared(tmp_path)
    claim = study.claim()
    assert claim is not None
    study.patience = Patience(print, limit=-1.0)
    with suppress(OutageError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", Fault(0, os.fsync, full_disk()))
        study.release(claim, 1.0)
    assert study.claims == {}
