"""Where a study is kept, and the lock under which its next trial is chosen.

Optuna's storages hand out trial numbers safely, but "take over the trial of a dead process, or else
begin a new one unless there are enough" is more than one step. It is done under a lock that the
operating system or the database gives back when its holder dies, so that no time limit is guessed.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.storages.journal._file import BaseJournalFileLock

from rnnlab.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

Lock = Callable[[], AbstractContextManager[None]]
TABLES = "tables"  # the lock under which a database is opened
EXAMPLES = "journal://<file>, sqlite:///<file> or postgresql+psycopg://<user>@<host>/<database>"


class JournalLock(BaseJournalFileLock):
    """A file lock that dies with its holder; it also mends a journal that a kill cut short.

    Optuna's own locks are files that stay when their holder is killed: the next writer waits for
    half a minute before it breaks them.

    Args:
        path: of the journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        """Wait for the lock; drop half a line at the journal's end."""
        self._lock.acquire()
        drop_torn_line(self._path)
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()


def drop_torn_line(path: Path) -> None:
    """Cut a file after its last line end."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def open_storage(url: str) -> "BaseStorage":
    """The storage behind a URL.

    Args:
        url: `journal://<file>`, `sqlite:///<file>` or `postgresql+psycopg://...`.

    Raises:
        ConfigError: there is no such kind, its driver is missing, or it does not answer.
    """
    return _kind(url).storage(url)


def study_lock(url: str, study: str) -> Lock:
    """The lock of a study: a function that gives a context; see the module.

    Args:
        url: of the storage.
        study: its name.
    """
    return _kind(url).lock(url, study)


def is_there(url: str) -> bool:
    """Whether a storage that is a file exists; of a database it is not known before it is asked."""
    kind, _, place = url.partition("://")
    return kind not in ("journal", "sqlite") or _path(kind, place).exists()


def without_password(url: str) -> str:
    """A URL that can be shown.

    >>> without_password("postgresql+psycopg://me:secret@db:5432/studies")
    'postgresql+psycopg://me:***@db:5432/studies'
    """
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def file_of(url: str) -> Path:
    """The file of a `journal://` or `sqlite:///` URL, its folder made.

    >>> file_of("journal://study.journal"), file_of("sqlite:////tmp/study.db")
    (PosixPath('study.journal'), PosixPath('/tmp/study.db'))
    """
    kind, _, place = url.partition("://")
    path = _path(kind, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _path(kind: str, place: str) -> Path:
    return Path(place.removeprefix("/") if kind == "sqlite" else place)


class _Kind(Protocol):
    """A kind of storage."""

    def storage(self, url: str) -> "BaseStorage": ...

    def lock(self, url: str, study: str) -> Lock: ...


class _Journal:
    def storage(self, url: str) -> "BaseStorage":
        path = file_of(url)
        path.touch()
        return JournalStorage(JournalFileBackend(str(path), JournalLock(path)))

    def lock(self, url: str, study: str) -> Lock:
        return _file_lock(file_of(url), study)


class _SQLite:
    def storage(self, url: str) -> "BaseStorage":
        lock = _file_lock(file_of(url), TABLES)
        return _database(url, lock, connect_args={"timeout": 60})

    def lock(self, url: str, study: str) -> Lock:
        return _file_lock(file_of(url), study)


class _PostgreSQL:
    def storage(self, url: str) -> "BaseStorage":
        return _database(url, _advisory_lock(url, TABLES), pool_pre_ping=True)

    def lock(self, url: str, study: str) -> Lock:
        return _advisory_lock(url, study)


KINDS: dict[str, _Kind] = {"journal": _Journal(), "sqlite": _SQLite(), "postgresql": _PostgreSQL()}


def _kind(url: str) -> _Kind:
    scheme = url.partition("://")[0]
    kind = scheme.partition("+")[0]
    if "://" not in url or kind not in KINDS:
        hint = did_you_mean(kind, KINDS) if "://" in url else f"give {EXAMPLES}"
        raise ConfigError(f"storage={without_password(url)}: not a storage; {hint}")
    return KINDS[kind]


def _database(url: str, lock: Lock, **engine: Any) -> "BaseStorage":
    """A database; two that open it for the first time would both make its tables."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    shown = without_password(url)
    try:
        with lock():
            return RDBStorage(url, engine_kwargs=engine)
    except ImportError as error:
        raise ConfigError(
            f"storage={shown}: its driver is missing ({error}). Install it: "
            "pip install 'rnnlab[postgresql]'"
        ) from error
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ConfigError(f"storage={shown}: the database cannot be used: {reason}") from error


def _file_lock(path: Path, study: str) -> Lock:
    name = hashlib.sha256(study.encode()).hexdigest()[:8]
    lock = FileLock(f"{path}.{name}.lock")

    @contextmanager
    def locked() -> Iterator[None]:
        with lock:
            yield

    return locked


def _advisory_lock(url: str, study: str) -> Lock:
    """PostgreSQL's lock of a number, which ends with the connection."""
    key = int.from_bytes(hashlib.sha256(study.encode()).digest()[:8], "big", signed=True)

    @contextmanager
    def locked() -> Iterator[None]:
        import sqlalchemy

        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": key})
            yield

    return locked
