"""Python programs as processes, from a fork server: real processes, without their imports."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from tests.helpers import fork_server

ROOT = Path(__file__).parents[2]


@cache
def connect(with_project: bool) -> socket.socket:
    """Return a connection to the fork server of these tests, which ends with its last client.

    The first process that binds the name of the server starts it; all of a test run share it.
    """
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", os.getpid())
    name = f"\0{session} {ROOT} {with_project}"
    with socket.socket(socket.AF_UNIX) as listener, suppress(OSError):
        listener.bind(name)
        listener.listen()
        start_server(listener, with_project)
    client = socket.socket(socket.AF_UNIX)
    while client.connect_ex(name):  # bound, but not yet listening
        time.sleep(0.01)
    return client


def start_server(listener: socket.socket, with_project: bool) -> None:
    """Start a fork server; connections wait until it has done the imports."""
    filler = "-" * fork_server.TITLE_LENGTH  # room for the titles of its forks
    options = [] if with_project else ["--libraries"]
    command = [sys.executable, fork_server.__file__, str(listener.fileno()), *options, filler]
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    quiet: Any = {"stdin": subprocess.DEVNULL, "start_new_session": True}
    fork_server.POPEN(command, pass_fds=[listener.fileno()], env=environment, **quiet)


class ForkedProcess(fork_server.POPEN):
    """Popen whose program is a fork of the fork server, where that is the same.

    Options of an interpreter, -c, and variables that imports read need a new interpreter.
    RNNLAB_FORK=0 starts a new one for every program.
    """

    with_project = True  # whether the fork server has imported rnnlab

    def _execute_child(self, *values: Any) -> None:
        arguments = fork_server.bind_arguments(self, values)
        environment = arguments["env"] or os.environ
        self._report: socket.socket | None = None
        is_wanted = hasattr(os, "pidfd_open") and os.environ.get("RNNLAB_FORK") != "0"
        if not is_wanted or not fork_server.can_fork(arguments["args"], environment, os.environ):
            super()._execute_child(*values)
            return
        self._report, theirs = socket.socketpair()
        streams = [*fork_server.streams_of(arguments), theirs.fileno()]
        server = connect(self.with_project)
        fork_server.send(server, fork_server.make_program(arguments), streams)
        theirs.close()
        self.pid = self._read_number()
        self._child_created = True
        fork_server.close_streams(self, arguments)

    def _read_number(self) -> int:
        """Read one line; the server writes each at once."""
        assert self._report is not None
        line = self._report.makefile("rb", buffering=0).readline()
        assert line, "the fork server has ended"
        return int(line)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        """Return the number of the process and its status; zeros while it runs."""
        if self._report is None:
            return super()._try_wait(wait_flags)
        wait = 0 if wait_flags & os.WNOHANG else None
        if not select.select([self._report], [], [], wait)[0]:
            return 0, 0
        status = self._read_number()
        self._report.close()
        return self.pid, status

    def _internal_poll(self, _deadstate: int | None = None, **unused: Any) -> int | None:
        if self._report is None:
            return super()._internal_poll(_deadstate)
        with self._waitpid_lock:
            if self.returncode is None:
                process, status = self._try_wait(os.WNOHANG)
                if process:
                    self._handle_exitstatus(status)
        return self.returncode


class LibraryFork(ForkedProcess):
    """Fork that imports rnnlab itself, where PYTHONPATH says."""

    with_project = False


def run_code(code: str, folder: Path | None = None) -> subprocess.CompletedProcess:
    """Run code in a new interpreter, which has imported nothing; its status must be 0."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )


def run_forked(
    command: Sequence[str],
    *,
    fork: type[ForkedProcess] = ForkedProcess,
    check: bool = False,
    **settings: Any,
) -> subprocess.CompletedProcess:
    """Like subprocess.run."""
    timeout = settings.pop("timeout", None)
    if settings.pop("capture_output", False):
        settings |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with fork(command, **settings) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done
