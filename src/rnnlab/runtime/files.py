"""Atomic writing of files: a file is complete or does not exist."""

import csv
import errno
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rnnlab.errors import ConfigError


def cache_root() -> Path:
    """Return the root of all caches: $RNNLAB_CACHE, else rnnlab in the user's cache folder."""
    if root := os.environ.get("RNNLAB_CACHE"):
        return Path(root).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "rnnlab"


def error_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that led to it, as a traceback shows them."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error, or one that it follows from, says that a file has no room."""
    full = (errno.ENOSPC, errno.EDQUOT)
    return any(isinstance(one, OSError) and one.errno in full for one in error_chain(error))


@contextmanager
def write_atomically(path: Path) -> Iterator[IO[str]]:
    """Open a text file for writing that gets its name when it is complete and on the disk."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a text atomically."""
    with write_atomically(path) as file:
        file.write(text)
    return path


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a JSON object atomically, indented."""
    return write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the complete rows of a metrics.csv, as text; an incomplete last row is ignored."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    return list(csv.DictReader(lines))


def expand_path(text: str | Path) -> Path:
    """Return the path of a text; ~ and ~user at its beginning are home directories.

    >>> expand_path("a/b.csv").as_posix(), expand_path("~no such user/x").as_posix()
    ('a/b.csv', '~no such user/x')

    Raises:
        ConfigError: no system has a file of this path.
    """
    if "\0" in str(text):
        raise ConfigError(f"{str(text)!r}: a path cannot contain a null character")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user; it may be a name
        return Path(text)
