"""A PostgreSQL server that freezes after a client has connected."""

import threading
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError

from rnnlab.errors import OutageError
from rnnlab.runtime import postgresql
from rnnlab.sweeps.study.outages import Patience, find_outage
from rnnlab.sweeps.study.storage import CONNECT_SETTINGS, open_storage, study_lock
from tests.helpers.postgres import start_server

pytest.importorskip("psycopg")
pytestmark = pytest.mark.slow


def test_a_server_that_freezes_is_announced_and_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgresql, "MESSAGE_SECONDS", 0.3)
    monkeypatch.setattr(postgresql, "ANSWER_LIMIT", 1.0)
    monkeypatch.setitem(CONNECT_SETTINGS, "connect_timeout", 2)
    with start_server(tmp_path) as server:
        storage = open_storage(server.url)
        study = optuna.create_study(storage=storage, study_name="x")
        lock = study_lock(server.url, "x")
        with lock():
            study.ask()
        with server.frozen():
            with pytest.raises(StorageInternalError) as error:
                study.ask()
            assert find_outage(error.value).startswith("the database does not answer")
        assert f"database 127.0.0.1:{server.port}: no answer for 0 s" in capsys.readouterr().err
        with lock():
            study.ask()  # with a new connection
            with server.frozen(), pytest.raises(OutageError, match="database does not answer"):
                Patience(announce=lambda text: None, limit=0.0).run(study.ask)
        assert len(study.get_trials(deepcopy=False)) >= 2


def test_a_lock_that_another_process_holds_is_no_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgresql, "MESSAGE_SECONDS", 0.4)
    monkeypatch.setattr(postgresql, "ANSWER_LIMIT", 0.8)
    monkeypatch.setattr(postgresql, "LOCK_TIMEOUT", "200ms")
    with start_server(tmp_path) as server:
        lock = study_lock(server.url, "x")
        held = threading.Event()

        def enter() -> None:
            with lock():
                held.set()

        thread = threading.Thread(target=enter)
        with lock():
            thread.start()
            assert not held.wait(2.0)
        assert held.wait(10.0)
        thread.join()
    assert capsys.readouterr().err == ""
