"""Storages that cannot be used, damaged journals, and databases that do not answer."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from rnnlab.errors import ConfigError
from rnnlab.sweeps.study import storage as storages
from rnnlab.sweeps.study.journal import open_journal, repair_journal
from rnnlab.sweeps.study.storage import open_storage, storage_exists, study_lock
from tests.helpers.shared_studies import open_shared


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("journal://{}", "is a folder; give a file in it, such as storage=journal://"),
        ("sqlite:///{}", "is a folder; give a file in it, such as storage=sqlite:///"),
        ("sqlite:///:memory:", "in memory cannot be shared .*; give storage=sqlite:///<file>"),
        ("sqlite://", "in memory cannot be shared"),
        ("sqlite:///file:x?mode=memory&uri=true", "cannot be shared"),
        ("journal:///proc/none/study.journal", "cannot be written"),
        ("sqlite:////proc/none/study.db", "cannot be written"),
        ("sqlite:///{}/text", "the database cannot be used: .*not a database"),
        ("sqlite+pysqlite:///{}", "is a folder"),
    ],
)
def test_a_storage_that_cannot_be_used_is_an_error(
    url: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("no database\n" * 100)
    with pytest.raises(ConfigError, match=f"^storage=.*{message}"):
        open_storage(url.format(tmp_path))
    assert not [file for file in tmp_path.iterdir() if "memory" in file.name]


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_storage_is_read_without_being_written(kind: str, tmp_path: Path) -> None:
    url = f"journal://{tmp_path}/s" if kind == "journal" else f"sqlite:///{tmp_path}/s"
    optuna.create_study(study_name="s", storage=open_storage(url)).ask()
    before = {file: (file.read_bytes(), file.stat().st_mtime) for file in tmp_path.iterdir()}
    study = optuna.load_study(study_name="s", storage=open_storage(url, read_only=True))
    assert len(study.get_trials()) == 1
    assert {f: (f.read_bytes(), f.stat().st_mtime) for f in tmp_path.iterdir()} == before
    assert storage_exists(url)


def damage(journal: Path, number: int, line: bytes) -> None:
    """Replace a line of a journal, counted from 1."""
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[number - 1] = line
    journal.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    "line", [b"half a line\n", b"5\n", b"{}\n", b"\0\0\0\n", b"\xff\n", b'{"op_code": 77}\n', b"\n"]
)
@pytest.mark.parametrize("place", ["middle", "end"])
def test_a_damaged_line_is_named_and_repaired(place: str, line: bytes, tmp_path: Path) -> None:
    study = open_shared(tmp_path)
    for _ in range(2):
        study.claim()
    journal = tmp_path / "study.journal"
    count = journal.read_bytes().count(b"\n")
    number = count // 2 if place == "middle" else count
    damage(journal, number, line)
    damaged = journal.read_bytes()
    with pytest.raises(ConfigError, match=rf"study\.journal, line {number}: no entry.*--repair"):
        open_journal(journal)
    with pytest.raises(ConfigError, match=f"line {number}: "):
        open_journal(journal, read_only=True)
    assert f"kept {number - 1} of {count} lines" in repair_journal(journal)
    assert (tmp_path / "study.journal.damaged-1").read_bytes() == damaged
    assert damaged.startswith(journal.read_bytes())
    assert journal.read_bytes().count(b"\n") == number - 1
    assert "no line is damaged" in repair_journal(journal)
    again = open_shared(tmp_path)
    while again.claim():
        pass
    assert len(again.study.get_trials()) == 6, "the study goes on"


def test_an_error_while_a_line_is_repaired_releases_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_shared(tmp_path)

    def fail(path: Path) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr("rnnlab.sweeps.study.journal.remove_partial_line", fail)
    with pytest.raises(OSError, match="Input/output"):
        study.study.set_user_attr("a", 1)
    monkeypatch.undo()
    study.study.set_user_attr("a", 1)
    assert open_shared(tmp_path).study.user_attrs["a"] == 1


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        clients: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    clients.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        for client in clients:
            client.close()


@pytest.mark.slow
def test_a_database_that_never_answers_is_announced_and_given_up(
    silent_port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    assert (storages.QUIET_SECONDS, storages.CONNECT_SETTINGS) == (5, {"connect_timeout": 30})
    monkeypatch.setattr(storages, "QUIET_SECONDS", 0.2)
    monkeypatch.setitem(storages.CONNECT_SETTINGS, "connect_timeout", 2)
    url = f"postgresql+psycopg://me:secret@127.0.0.1:{silent_port}/db"
    start = time.monotonic()
    with pytest.raises(ConfigError, match=r"the database cannot be used: .*timeout") as error:
        open_storage(url)
    assert time.monotonic() - start < 10
    output = capfd.readouterr().err
    assert "no answer for 0 s; waiting up to 2 s" in output
    assert "secret" not in output + str(error.value)
    with pytest.raises(Exception, match="timeout"), study_lock(url, "s")():
        pass
