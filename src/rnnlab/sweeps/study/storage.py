"""Storages of studies, and the locks under which their trials are claimed.

Optuna's storages assign trial numbers safely, but to claim a trial takes several steps: take over
the trial of a dead process, or else start a new one if the total is not reached. This happens under
a lock that the operating system or the database releases when its holder dies, without a time-out.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from filelock import FileLock
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.storages.journal._file import BaseJournalFileLock

from rnnlab.errors import ConfigError, did_you_mean

Lock = Callable[[], AbstractContextManager[Any]]
TABLE_LOCK = "tables"  # name of the lock under which a database is opened
URL_EXAMPLES = "journal://<file>, sqlite:///<file> or postgresql+psycopg://<user>@<host>/<database>"


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
        remove_partial_line(self._path)
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


def open_storage(url: str) -> BaseStorage:
    """Return the storage of a URL; see URL_EXAMPLES.

    Raises:
        ConfigError: the kind is unknown, its driver is missing, or it cannot be used.
    """
    opener, _ = _find_backend(url)
    return opener(url)


def study_lock(url: str, study: str) -> Lock:
    """Return the lock of a study in a storage: a function that returns a context manager."""
    _, find_lock = _find_backend(url)
    return find_lock(url, study)


def storage_exists(url: str) -> bool:
    """Whether a storage that is a file exists; a server counts as existing."""
    return not url.startswith(("journal://", "sqlite://")) or _file_path(url).exists()


def hide_password(url: str) -> str:
    """Return a URL whose password is replaced by ***.

    >>> hide_password("postgresql+psycopg://me:secret@db:5432/studies")
    'postgresql+psycopg://me:***@db:5432/studies'
    """
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def storage_file(url: str) -> Path:
    """Return the file of a `journal://` or `sqlite:///` URL, and create its folder.

    >>> storage_file("journal://study.journal"), storage_file("sqlite:////tmp/study.db")
    (PosixPath('study.journal'), PosixPath('/tmp/study.db'))
    """
    path = _file_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _file_path(url: str) -> Path:
    kind, _, location = url.partition("://")
    return Path(location.removeprefix("/") if kind == "sqlite" else location)


def _open_journal(url: str) -> BaseStorage:
    path = storage_file(url)
    path.touch()
    return JournalStorage(JournalFileBackend(str(path), JournalLock(path)))


def _open_sqlite(url: str) -> BaseStorage:
    return _open_database(url, _file_lock(url, TABLE_LOCK), connect_args={"timeout": 60})


def _open_postgresql(url: str) -> BaseStorage:
    return _open_database(url, _advisory_lock(url, TABLE_LOCK), pool_pre_ping=True)


def _open_database(url: str, lock: Lock, **engine: Any) -> BaseStorage:
    """Open a database under a lock, because two processes would both create its tables."""
    from sqlalchemy.exc import SQLAlchemyError

    label = hide_password(url)
    try:
        with lock():
            return RDBStorage(url, engine_kwargs=engine)
    except ImportError as error:
        raise ConfigError(
            f"storage={label}: its driver is missing ({error}). Install it: "
            "pip install 'rnnlab[postgresql]'"
        ) from error
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ConfigError(f"storage={label}: the database cannot be used: {reason}") from error


def _file_lock(url: str, study: str) -> Lock:
    name = hashlib.sha256(study.encode()).hexdigest()[:8]
    lock = FileLock(f"{storage_file(url)}.{name}.lock")
    return lambda: lock


def _advisory_lock(url: str, study: str) -> Lock:
    """Return PostgreSQL's advisory lock, which ends with the connection."""
    key = int.from_bytes(hashlib.sha256(study.encode()).digest()[:8], "big", signed=True)

    @contextmanager
    def hold() -> Iterator[None]:
        import sqlalchemy

        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": key})
            yield

    return hold


Backend = tuple[Callable[[str], BaseStorage], Callable[[str, str], Lock]]
BACKENDS: dict[str, Backend] = {  # opener of a storage, and lock of a study in it
    "journal": (_open_journal, _file_lock),
    "sqlite": (_open_sqlite, _file_lock),
    "postgresql": (_open_postgresql, _advisory_lock),
}


def _find_backend(url: str) -> Backend:
    scheme = url.partition("://")[0]
    kind = scheme.partition("+")[0]
    if "://" not in url or kind not in BACKENDS:
        hint = did_you_mean(kind, BACKENDS) if "://" in url else f"give {URL_EXAMPLES}"
        raise ConfigError(f"storage={hide_password(url)}: not a storage; {hint}")
    return BACKENDS[kind]
