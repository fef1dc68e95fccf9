import hashlib
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from rnnlab.data.sources.cache import (
    STALE_SECONDS,
    cache_path,
    file_sha256,
    load_or_build,
)
from rnnlab.errors import DataError
from rnnlab.runtime.files import cache_root

KEY = {"source": ["embedded", "1.0"], "split_seed": 0}

fork = multiprocessing.get_context("fork")  # a new interpreter would import for seconds


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(folder):
    (folder / "content").write_text("whole")


def refuse(folder):
    raise AssertionError("was built again")


def content(root):
    """What stands in a cache, without the locks."""
    return [entry for entry in root.iterdir() if entry.name != ".locks"]


def test_what_was_built_is_found_again():
    folder = load_or_build(KEY, write)
    assert (folder / "content").read_text() == "whole"
    assert folder == cache_path(KEY)
    assert load_or_build(KEY, refuse) == folder


def test_another_key_has_another_folder():
    keys = [KEY, {**KEY, "split_seed": 1}, {**KEY, "source": ["hub", "1.0"]}, {**KEY, "more": None}]
    assert len({load_or_build(key, write) for key in keys}) == len(keys)


def test_the_order_of_a_key_does_not_matter():
    assert cache_path({"a": 1, "b": {"c": 2, "d": 3}}) == cache_path(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_build_that_raises_leaves_nothing(root, error):
    def fail(folder):
        write(folder)
        raise error("in the middle")

    with pytest.raises(error, match="in the middle"):
        load_or_build(KEY, fail)
    assert content(root) == []
    assert (load_or_build(KEY, write) / "content").read_text() == "whole"


def test_what_a_kill_cut_off_is_never_used_and_later_removed(root):
    def die(folder):
        (folder / "content").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    process = fork.Process(target=load_or_build, args=(KEY, die))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    (leftover,) = content(root)

    assert (load_or_build(KEY, write) / "content").read_text() == "whole"
    assert leftover.is_dir()  # it could belong to a process that is still at work
    old = time.time() - STALE_SECONDS - 60
    os.utime(leftover, (old, old))
    load_or_build({**KEY, "split_seed": 1}, write)
    assert not leftover.exists()


def test_hidden_folders_of_others_are_never_removed(root):
    theirs = root / ".oh-my-zsh"
    theirs.mkdir(parents=True)
    os.utime(theirs, (0, 0))
    load_or_build(KEY, write)
    assert theirs.is_dir()


def test_a_leftover_that_vanishes_meanwhile_is_no_error(root, monkeypatch):
    leftover = root / f".{'0' * 20}-{'0' * 8}"
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter([leftover]))
    assert (load_or_build(KEY, write) / "content").read_text() == "whole"


def test_of_two_processes_at_once_one_builds_and_the_other_waits(root):
    barrier, found, built = fork.Barrier(2), fork.Queue(), fork.Value("i", 0)

    def build(folder):
        with built.get_lock():
            built.value += 1
        time.sleep(0.5)
        (folder / "part").write_text(str(os.getpid()))

    def want():
        barrier.wait(30)
        found.put(str(load_or_build(KEY, build)))

    processes = [fork.Process(target=want) for _ in range(2)]
    for process in processes:
        process.start()
    folders = {found.get(timeout=30) for _ in processes}
    for process in processes:
        process.join(30)
    assert folders == {str(cache_path(KEY))}
    assert content(root) == [cache_path(KEY)]
    assert built.value == 1


def test_where_no_lock_holds_the_first_of_two_stays(root, monkeypatch):
    """As on a network drive: another process finishes the same while this one builds."""

    def build(folder):
        cache_path(KEY).mkdir()
        (cache_path(KEY) / "part").write_text("theirs")
        (folder / "part").write_text("ours")

    assert (load_or_build(KEY, build) / "part").read_text() == "theirs"
    assert content(root) == [cache_path(KEY)]


def test_a_root_that_cannot_be_written_is_named_with_what_to_set(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"file/cache: cannot be written .* RNNLAB_CACHE"):
        load_or_build(KEY, refuse)


def test_a_root_that_may_not_be_looked_into_is_named_too(root, monkeypatch):
    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", denied)
    with pytest.raises(DataError, match=r"Permission denied.* RNNLAB_CACHE"):
        load_or_build(KEY, refuse)


def test_the_root_is_the_given_one_or_stands_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RNNLAB_CACHE", "~/mine")
    assert cache_root() == tmp_path / "mine"
    monkeypatch.delenv("RNNLAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "rnnlab"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == tmp_path / ".cache" / "rnnlab"


def test_file_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()
