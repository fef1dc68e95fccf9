"""Prepared data on disk: made once, found again by what it was made of."""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from rnnlab.errors import DataError

STALE_SECONDS = 24 * 3600
HEX = "[0-9a-f]"
UNFINISHED = f".{HEX * 20}-{HEX * 8}"  # nothing but ours: the folder may be shared with others


def cache_root() -> Path:
    """The folder of all caches: $RNNLAB_CACHE, else rnnlab in the user's cache folder."""
    given = os.environ.get("RNNLAB_CACHE")
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "rnnlab"


def cache_path(key: Mapping[str, Any]) -> Path:
    """Where what was made from `key` stands, made or not."""
    text = json.dumps(key, sort_keys=True, default=str)
    return cache_root() / hashlib.sha256(text.encode()).hexdigest()[:20]


def is_cached(key: Mapping[str, Any]) -> bool:
    """Whether something was made from `key` before, and may be read."""
    try:
        return cache_path(key).is_dir()
    except OSError:  # a folder above may not be looked into
        return False


def cached(key: Mapping[str, Any], build: Callable[[Path], None]) -> Path:
    """The folder that `build` filled for this key, now or in an earlier process.

    The folder takes its name in one step, when it is whole: what a kill cut off is never used. Of
    two processes that want the same at once, as under DDP, one builds and the other waits for it;
    where locks do not reach, on some network drives, both build and the first one's work stays.

    Args:
        key: all that the content depends on; plain values.
        build: fills the empty folder that it is given.

    Raises:
        DataError: the cache's folder cannot be written.
    """
    folder = cache_path(key)
    locks = folder.parent / ".locks"
    unfinished = folder.parent / f".{folder.name}-{uuid.uuid4().hex[:8]}"
    try:
        if folder.is_dir():
            return folder
        unfinished.mkdir(parents=True)
        locks.mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder.parent}: cannot be written ({error.strerror}), but prepared data is kept "
            "there. Set the environment variable RNNLAB_CACHE to a folder of yours"
        ) from error
    _remove_stale(folder.parent)
    try:
        with FileLock(locks / f"{folder.name}.lock"):
            if not folder.is_dir():
                build(unfinished)
                unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():  # otherwise another process was first
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _remove_stale(root: Path) -> None:
    for leftover in root.glob(UNFINISHED):
        with suppress(FileNotFoundError):  # its own process has just finished it
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; remembered until the file is changed."""
    facts = path.stat()
    key = {"sha256 of": str(path.resolve()), "size": facts.st_size, "changed": facts.st_mtime_ns}
    folder = cached(key, lambda folder: _write_sha256(path, folder))
    return (folder / "sha256").read_text(encoding="ascii")


def _write_sha256(path: Path, folder: Path) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    (folder / "sha256").write_text(digest, encoding="ascii")
