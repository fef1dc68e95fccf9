"""A fork of the fork server is a process like a new interpreter, without its imports."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.helpers import fork_server
from tests.helpers.processes import ForkedProcess, run_forked

pytestmark = pytest.mark.slow
Popen = Callable[..., subprocess.Popen]
FACTS = """
import json, os, signal, subprocess, sys, threading
facts = {
    "argv": sys.argv, "path": sys.path[0], "folder": os.getcwd(), "input": sys.stdin.read(),
    "environment": dict(os.environ), "name": __name__, "file": __file__,
    "leads": os.getsid(0) == os.getpid(), "threads": threading.active_count(),
    "sigint": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
}
print(json.dumps(facts))
print("an error", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "child.py", "sweep"], stdout=subprocess.PIPE, text=True)
print(child.communicate()[0].strip(), child.returncode, flush=True)
sleeper = subprocess.Popen([sys.executable, "-m", "sleeper"], start_new_session=True)
print(sleeper.pid, flush=True)
sleeper.wait()
"""


def facts_of(popen: Popen, folder: Path, *, new_session: bool) -> tuple[Any, str, int]:
    """What a program finds: its facts, its errors and its status."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = {**os.environ, "MINE": "a=b\nc"}
    command = [sys.executable, str(folder / "facts.py"), "3", "two words"]
    settings = {"cwd": folder, "env": environment, "start_new_session": new_session}
    with popen(command, text=True, **pipes, **settings) as process:
        output, errors = process.communicate("hello")
    return json.loads(output), errors, process.returncode


@pytest.mark.parametrize("new_session", [False, True])
def test_a_fork_finds_what_a_new_interpreter_finds(new_session: bool, tmp_path: Path) -> None:
    (tmp_path / "facts.py").write_text(FACTS)
    expected = facts_of(subprocess.Popen, tmp_path, new_session=new_session)
    assert expected[0]["input"] == "hello"
    assert expected[1:] == ("an error\n", 3)
    assert facts_of(ForkedProcess, tmp_path, new_session=new_session) == expected


def test_it_is_killed_like_any_process(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(60)\n")
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        process = ForkedProcess(
            [sys.executable, str(tmp_path / "sleeper.py")], stderr=subprocess.DEVNULL
        )
        assert process.poll() is None
        assert str(tmp_path / "sleeper.py") in psutil.Process(process.pid).cmdline()
        time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(10) == -number
        assert process.poll() == -number
        assert not psutil.pid_exists(process.pid)


def test_the_programs_of_a_program_are_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sweep.py").write_text(CHILD)
    (tmp_path / "child.py").write_text("import sys\nprint(sys.argv[1])\nsys.exit(5)\n")
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, str(tmp_path / "sweep.py")]
    process = ForkedProcess(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "sweep 5\n"
    child = psutil.Process(int(process.stdout.readline()))
    family = psutil.Process(process.pid).children(recursive=True)
    assert child in family
    assert child.cmdline()[1:3] == ["-m", "sleeper"]
    assert os.getsid(child.pid) == child.pid
    process.kill()
    assert process.wait() == -signal.SIGKILL
    child.kill()  # in a session of its own it outlives its parent, like any process
    assert not psutil.wait_procs(family, timeout=10)[1], "spares end with their parent"


def test_programs_with_other_imports_are_new_interpreters() -> None:
    same = dict(os.environ)
    script = [sys.executable, "train.py"]
    assert fork_server.can_fork(script, same, same)
    assert fork_server.can_fork([sys.executable, "-u", "-m", "rnnlab.train"], same, same)
    assert fork_server.can_fork(script, {**same, "OMP_WAIT_POLICY": "passive"}, same)
    assert not fork_server.can_fork(script, {**same, "OMP_WAIT_POLICY": "active"}, same)
    assert not fork_server.can_fork(script, {**same, "OMP_NUM_THREADS": "7"}, same)
    assert not fork_server.can_fork([sys.executable, "-c", "import rnnlab"], same, same)
    assert not fork_server.can_fork(["git", "status.py"], same, same)
    answer = run_forked(
        [sys.executable, "-c", "print(1)"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "1\n"
