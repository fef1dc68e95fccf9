"""A PostgreSQL server on loopback, for as long as a test runs."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

SERVER = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin")


def programs() -> Path | None:
    """The folder with initdb and postgres."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += [path for pattern in SERVER for path in sorted(Path("/").glob(pattern[1:]))]
    return next((place for place in places if (place / "postgres").exists()), None)


class Server:
    """A server that can be stopped and started again.

    A server refuses to run as root; then it is started as the user nobody.
    """

    def __init__(self, home: Path, log: Path, place: Path) -> None:
        user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
        if user:
            shutil.chown(home, **user)
        self.settings = {"cwd": home, **user}
        make = [place / "initdb", "-D", home / "data", "-U", "me", "-A", "trust", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, **self.settings)
        self.port = free_port()
        listen = ["-h", "127.0.0.1", "-p", str(self.port), "-k", home, "-F"]
        limits = ["-c", "max_connections=50"]
        self.command = [place / "postgres", "-D", home / "data", *listen, *limits]
        self.log = log.open("w")
        self.url = f"postgresql+psycopg://me@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, stdout=self.log, stderr=self.log, **self.settings
        )
        wait_for(self.port, self.process)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """No process of the server does anything; the system still accepts connections."""
        processes = [self.process.pid, *children(self.process.pid)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def stop(self) -> None:
        """Stop without waiting for the clients."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    import psutil

    return [child.pid for child in psutil.Process(process).children(recursive=True)]


@contextmanager
def start_server(folder: Path) -> Iterator[Server]:
    """Yield a server."""
    place = programs()
    if place is None:
        pytest.skip("no PostgreSQL server is installed (initdb and postgres)")
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: pip install 'rnnlab[postgresql]'")
    # Another pytest closes the folders of this one to the user nobody.
    with TemporaryDirectory() as data:
        one = Server(Path(data), folder / "postgres.log", place)
        one.start()
        try:
            yield one
        finally:
            one.stop()


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Yield the URL of the database of a server."""
    with start_server(folder) as one:
        yield one.url


def free_port() -> int:
    """Return a port that no client is given while the server is stopped."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def wait_for(port: int, process: subprocess.Popen) -> None:
    """Wait until a server answers: it listens a moment before it does."""
    import psycopg

    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended; see postgres.log"
        with suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="me", dbname="postgres").close()
            return
        time.sleep(0.05)
    raise TimeoutError(f"PostgreSQL does not answer on {port}")
