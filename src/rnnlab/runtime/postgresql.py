"""Connections to PostgreSQL that notice a server which no longer answers.

The operating system of a frozen server still confirms what it receives, so neither TCP nor the
server ends the waiting: the client counts the seconds.
"""

import sys
import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg

MESSAGE_SECONDS = 5.0  # of waiting for a database without a message
ANSWER_LIMIT = 30.0  # for a database to answer
LOCK_TIMEOUT = (
    "3s"  # of one attempt to lock; shorter than MESSAGE_SECONDS, since the server answers
)


class WatchedConnection(psycopg.Connection[Any]):
    """Connection that prints a message, and is closed with an error, if there is no answer."""

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **settings: Any) -> Any:
        """Wait for the server; see psycopg.

        Raises:
            psycopg.OperationalError: there was no answer in time.
        """
        return super().wait(self._watch(gen), *arguments, **settings)

    def _watch(self, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Yield the steps of an operation, which is resumed several times a second."""
        start, is_announced, ready = time.monotonic(), False, None
        while True:
            try:
                request = steps.send(ready)
            except StopIteration as end:
                return end.value
            ready = yield request
            seconds = time.monotonic() - start
            if ready:
                start, is_announced = time.monotonic(), False
            elif seconds > ANSWER_LIMIT:
                self.pgconn.finish()
                raise psycopg.OperationalError(f"no answer for {ANSWER_LIMIT:.0f} s")
            elif seconds > MESSAGE_SECONDS and not is_announced:
                is_announced = True
                print(self._quiet_message(), file=sys.stderr, flush=True)

    def _quiet_message(self) -> str:
        host, port = self.pgconn.host.decode(), self.pgconn.port.decode()
        return (
            f"database {host}:{port}: no answer for {MESSAGE_SECONDS:.0f} s; waiting up to "
            f"{ANSWER_LIMIT:.0f} s"
        )


def watched_connector(url: str, **settings: Any) -> Callable[[], Any] | None:
    """Return a function that connects to the database of a URL; None for another driver.

    Args:
        url: of SQLAlchemy.
        settings: of libpq, besides those in the URL.
    """
    from sqlalchemy import make_url

    dialect = make_url(url).get_dialect()()
    if dialect.driver != "psycopg":
        return None
    arguments, parameters = dialect.create_connect_args(make_url(url))
    return lambda: WatchedConnection.connect(*arguments, **{**parameters, **settings})


def wait_for_lock(connection: Any, key: int) -> None:
    """Hold an advisory lock until the connection ends.

    A server that waits for the holder of the lock tells so again and again, one that does not
    answer is an error.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    while True:
        try:
            connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            return
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            connection.rollback()
