"""Cache of prepared data on disk, keyed by its inputs and settings."""

import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from rnnlab.errors import DataError
from rnnlab.runtime.files import cache_root

STALE_SECONDS = 24 * 3600
HEX = "[0-9a-f]"
PARTIAL = f".{HEX * 20}-{HEX * 8}"  # matches only our folders: others may use the root too


def cache_path(key: Mapping[str, Any]) -> Path:
    """Return the folder for a key, whether it exists or not."""
    text = json.dumps(key, sort_keys=True, default=str)
    return cache_root() / hashlib.sha256(text.encode()).hexdigest()[:20]


def is_cached(key: Mapping[str, Any]) -> bool:
    """Return whether the folder for a key exists and is accessible."""
    try:
        return cache_path(key).is_dir()
    except OSError:  # no permission for a folder above
        return False


def load_or_build(key: Mapping[str, Any], build: Callable[[Path], None]) -> Path:
    """Return the folder that `build` fills for this key, now or in an earlier process.

    The key has everything that the content depends on, as plain values. The folder gets its name
    in one step when it is complete, so that the partial result of a killed process is never used.
    If two processes need the same key at once, as under DDP, one builds and the other waits;
    without working locks, as on some network drives, both build and the first result is kept.

    Raises:
        DataError: the cache cannot be written.
    """
    folder = cache_path(key)
    locks = folder.parent / ".locks"
    partial = folder.parent / f".{folder.name}-{uuid.uuid4().hex[:8]}"
    try:
        if folder.is_dir():
            return folder
        partial.mkdir(parents=True)
        locks.mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder.parent}: cannot be written ({error.strerror}), but prepared data is cached "
            "there. Set the environment variable RNNLAB_CACHE to a folder of yours"
        ) from error
    _remove_stale(folder.parent)
    try:
        with FileLock(locks / f"{folder.name}.lock"):
            if not folder.is_dir():
                build(partial)
                partial.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _remove_stale(root: Path) -> None:
    for leftover in root.glob(PARTIAL):
        with suppress(FileNotFoundError):  # its process has just completed it
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, cached until the file changes.

    Raises:
        DataError: it is no file, such as a pipe, which has no end.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    stat = path.stat()
    key = {"sha256 of": str(path.resolve()), "size": stat.st_size, "changed": stat.st_mtime_ns}
    folder = load_or_build(key, lambda folder: _write_sha256(path, folder))
    return (folder / "sha256").read_text(encoding="ascii")


def _write_sha256(path: Path, folder: Path) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    (folder / "sha256").write_text(digest, encoding="ascii")
