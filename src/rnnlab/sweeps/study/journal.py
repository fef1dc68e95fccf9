"""The journal of a study: its lock, and what is done about a damaged line."""

import json
import os
import shutil
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalStorage
from optuna.storages.journal._file import BaseJournalFileLock

from rnnlab.errors import ConfigError, Problem


class JournalLock(BaseJournalFileLock):
    """File lock that ends with its holder and repairs a truncated journal.

    Optuna's own lock files remain when their holder is killed: the next writer waits for half a
    minute before it breaks them.

    Args:
        path: of the journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        """Wait for the lock and remove an incomplete line from the end of the journal."""
        self._lock.acquire()
        try:
            remove_partial_line(self._path)
        except BaseException:
            self._lock.release()
            raise
        return True

    def release(self) -> None:
        self._lock.release()


def remove_partial_line(path: Path) -> None:
    """Truncate a file after its last complete line."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def open_journal(path: Path, read_only: bool = False) -> JournalStorage:
    """Return the storage of a journal, a new one if there is none.

    Args:
        path: of the journal.
        read_only: write nothing, not even a lock file.

    Raises:
        ConfigError: it is a folder, cannot be read or written, or has a damaged line.
    """
    if path.is_dir():
        raise ConfigError(
            f"storage=journal://{path}: is a folder; give a file in it, such as "
            f"storage=journal://{path / 'study.journal'}"
        )
    lock = JournalLock(path)
    try:
        if not read_only:
            path.open("ab").close()
            lock.acquire()
            lock.release()
        line = last_line(path)
        has_damage = line is not None and not is_object(line)
        storage = None if has_damage else JournalStorage(JournalFileBackend(str(path), lock))
    except OSError as error:
        action = "read" if read_only else "written"
        raise ConfigError(
            f"storage=journal://{path}: cannot be {action} ({error.strerror}); choose another "
            "place with output_dir=<folder> or storage=journal://<file>"
        ) from error
    except Exception as error:
        raise ConfigError(describe_damage(path)) from error
    if storage is None:
        raise ConfigError(describe_damage(path))
    return storage


def last_line(path: Path) -> bytes | None:
    """Return the last complete line of a file; None if there is none."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        length = 4096
        while True:
            file.seek(max(0, size - length))
            lines = file.read().split(b"\n")[:-1]
            if len(lines) > 1 or length >= size:
                return lines[-1] if lines else None
            length *= 2


def is_object(line: bytes) -> bool:
    """Return whether a line is a JSON object, as every line of a journal."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


class JournalLines(BaseJournalBackend):
    """Lines of a journal that are only read."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the entries from this number on."""
        yield from map(json.loads, self.lines[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise NotImplementedError


def can_replay(lines: list[bytes]) -> bool:
    """Return whether Optuna can read these lines of a journal."""
    try:
        JournalStorage(JournalLines(lines))
    except Exception:  # an entry with other content fails somewhere in Optuna
        return False
    return True


def count_valid_lines(lines: list[bytes]) -> int:
    """Return the number of lines before the first damaged one."""
    lengths = range(1, len(lines) + 1)
    return bisect_left(lengths, True, key=lambda length: not can_replay(lines[:length]))


def read_journal_lines(path: Path) -> list[bytes]:
    """Return the complete lines of a file."""
    return path.read_bytes().split(b"\n")[:-1]


def describe_damage(path: Path) -> Problem:
    """Return the message about the first damaged line of a journal."""
    lines = read_journal_lines(path)
    count = count_valid_lines(lines)
    text = lines[count][:40].decode("utf-8", "replace") if count < len(lines) else ""
    message = (
        f"{path}, line {count + 1}: no entry of a journal: {text!r}. The same command with "
        f"--repair keeps the {count} lines before it, and a copy of the damaged file"
    )
    return Problem(message, value=str(path), suggestions=["--repair"])


def repair_journal(path: Path) -> str:
    """Keep the lines before the first damaged one, and return what was done.

    The lines after it may refer to a trial that the damaged line began, so they are dropped. The
    folders of their trials remain, and results in them are used if the trials are drawn again.
    """
    if not path.is_file():
        return f"{path}: there is no journal to repair"
    with FileLock(f"{path}.lock"):
        remove_partial_line(path)
        lines = read_journal_lines(path)
        count = count_valid_lines(lines)
        if count == len(lines):
            return f"{path}: no line is damaged"
        names = (path.with_name(f"{path.name}.damaged-{index}") for index in range(1, 10_000))
        copy = next(name for name in names if not name.exists())
        shutil.copy2(path, copy)
        with path.open("rb+") as file:
            file.truncate(sum(len(line) + 1 for line in lines[:count]))
    return f"{path}: kept {count} of {len(lines)} lines; the damaged file is {copy.name}"
