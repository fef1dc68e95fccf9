"""Storages of studies, and the locks under which their trials are claimed.

Optuna's storages assign trial numbers safely, but to claim a trial takes several steps: take over
the trial of a dead process, or else start a new one if the total is not reached. This happens under
a lock that the operating system or the database releases when its holder dies, without a time-out.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage

from rnnlab.config.program import hide_passwords
from rnnlab.errors import ConfigError, unknown_name
from rnnlab.runtime.progress import show_slow_step
from rnnlab.sweeps.study.journal import open_journal

Lock = Callable[[], AbstractContextManager[Any]]
CONNECT_SETTINGS = {"connect_timeout": 30}  # seconds for a database to answer
QUIET_SECONDS = 5.0  # of waiting for a database without a message
TABLE_LOCK = "tables"  # name of the lock under which a database is opened
URL_EXAMPLES = "journal://<file>, sqlite:///<file> or postgresql+psycopg://<user>@<host>/<database>"


def open_storage(url: str, read_only: bool = False) -> BaseStorage:
    """Return the storage of a URL; see URL_EXAMPLES.

    Args:
        url: of the storage.
        read_only: the storage exists, and nothing is written to it.

    Raises:
        ConfigError: the kind is unknown, its driver is missing, or it cannot be used.
    """
    opener, _ = _find_backend(url)
    return opener(url, read_only)


def study_lock(url: str, study: str) -> Lock:
    """Return the lock of a study in a storage: a function that returns a context manager."""
    _, find_lock = _find_backend(url)
    return find_lock(url, study)


def storage_exists(url: str) -> bool:
    """Whether a storage that is a file exists; a server counts as existing."""
    return storage_kind(url) not in ("journal", "sqlite") or _file_path(url).exists()


def storage_kind(url: str) -> str:
    """Return the kind of a storage.

    >>> storage_kind("postgresql+psycopg://me@db/studies")
    'postgresql'
    """
    return url.partition("://")[0].partition("+")[0]


def portable_url(url: str) -> str:
    """Return a URL that can be printed in a command: without a password, its file absolute.

    >>> portable_url("postgresql+psycopg://me:secret@db:5432/studies")
    'postgresql+psycopg://me@db:5432/studies'
    >>> portable_url("sqlite:////data/a.db")
    'sqlite:////data/a.db'
    """
    kind = storage_kind(url)
    if kind == "journal":
        return f"journal://{_file_path(url).absolute()}"
    if kind == "sqlite":
        return f"sqlite:///{_file_path(url).absolute()}"
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{host}" if parts.username else host))


def storage_file(url: str) -> Path:
    """Return the file of a `journal://` or `sqlite:///` URL, and create its folder.

    >>> storage_file("journal://study.journal"), storage_file("sqlite:////tmp/study.db")
    (PosixPath('study.journal'), PosixPath('/tmp/study.db'))

    Raises:
        ConfigError: the folder cannot be made.
    """
    path = _file_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"storage={url}: cannot be written ({error.strerror})") from error
    return path


def _file_path(url: str) -> Path:
    location = url.partition("://")[2]
    if storage_kind(url) == "journal":
        return Path(location)
    return Path(location.partition("?")[0].removeprefix("/"))


def _open_journal(url: str, read_only: bool) -> BaseStorage:
    return open_journal(_file_path(url) if read_only else storage_file(url), read_only)


def _open_sqlite(url: str, read_only: bool) -> BaseStorage:
    check_database_file(url)
    lock = nullcontext if read_only else _file_lock(url, TABLE_LOCK)
    return _open_database(url, lock, read_only, connect_args={"timeout": 60})


def check_database_file(url: str) -> None:
    """Check that an SQLite database is a file, which the processes of the trials can open.

    Raises:
        ConfigError: it is in memory, or a folder.
    """
    path = _file_path(url)
    if ":memory:" in url or "mode=memory" in url or str(path) == ".":
        raise ConfigError(
            f"storage={url}: a database in memory cannot be shared with the processes of the "
            "trials, and is lost with the search; give storage=sqlite:///<file>"
        )
    if path.is_dir():
        raise ConfigError(
            f"storage={url}: is a folder; give a file in it, such as "
            f"storage=sqlite:///{path / 'study.db'}"
        )


def _open_postgresql(url: str, read_only: bool) -> BaseStorage:
    lock = nullcontext if read_only else _advisory_lock(url, TABLE_LOCK)
    with announce_wait(hide_passwords(url)):
        return _open_database(url, lock, read_only, pool_pre_ping=True, **connect_settings(url))


def connect_settings(url: str) -> dict[str, Any]:
    """Return the settings of an engine of SQLAlchemy with a limit for every answer.

    A driver other than psycopg has one for the connection only.
    """
    if find_spec("psycopg") is None:
        return {"connect_args": dict(CONNECT_SETTINGS)}
    from rnnlab.runtime.postgresql import watched_connector

    connector = watched_connector(url, **CONNECT_SETTINGS)
    return {"creator": connector} if connector else {"connect_args": dict(CONNECT_SETTINGS)}


def announce_wait(label: str) -> AbstractContextManager[None]:
    """Print a message if a database does not answer soon."""
    text = (
        f"storage={label}: no answer for {QUIET_SECONDS:.0f} s; waiting up to "
        f"{CONNECT_SETTINGS['connect_timeout']} s"
    )
    return show_slow_step(text, QUIET_SECONDS)


def _open_database(url: str, lock: Lock, read_only: bool, **engine: Any) -> BaseStorage:
    """Open a database under a lock, because two processes would both create its tables."""
    from sqlalchemy.exc import SQLAlchemyError

    label = hide_passwords(url)
    try:
        with lock():
            return RDBStorage(url, engine_kwargs=engine, skip_table_creation=read_only)
    except ImportError as error:
        raise ConfigError(
            f"storage={label}: its driver is missing ({error}). Install it: "
            "pip install 'rnnlab[postgresql]'"
        ) from error
    except (SQLAlchemyError, StorageInternalError, OSError) as error:
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

        settings = connect_settings(url)
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool, **settings)
        with engine.connect() as connection:
            if "creator" in settings:
                from rnnlab.runtime.postgresql import wait_for_lock

                wait_for_lock(connection, key)
            else:
                connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": key})
            yield

    return hold


Backend = tuple[Callable[[str, bool], BaseStorage], Callable[[str, str], Lock]]
BACKENDS: dict[str, Backend] = {  # opener of a storage, and lock of a study in it
    "journal": (_open_journal, _file_lock),
    "sqlite": (_open_sqlite, _file_lock),
    "postgresql": (_open_postgresql, _advisory_lock),
}


def _find_backend(url: str) -> Backend:
    kind = storage_kind(url)
    if "://" not in url or kind not in BACKENDS:
        kinds, empty = BACKENDS if "://" in url else (), f"give {URL_EXAMPLES}"
        begin = f"storage={hide_passwords(url)}: not a storage; "
        raise ConfigError(unknown_name(begin, kind, kinds, empty=empty))
    return BACKENDS[kind]
