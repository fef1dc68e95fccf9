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


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error, or one that it follows from, says that a file has no room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the complete rows of a metrics.csv, as text; an incomplete last row is ignored."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    return list(csv.DictReader(lines))
