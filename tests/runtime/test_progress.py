"""What a command shows of its work."""

import os
import sys
import threading
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from rnnlab.runtime import progress
from tests.helpers.run_folders import write_run

ROOT = Path(__file__).parents[2]
SLOW_IMPORTS = ("torch", "optuna")


def lines_before_torch(*words: str, packages: tuple[str, ...] = SLOW_IMPORTS) -> list[str]:
    """The lines that a command prints on stderr before it imports a package; it is stopped then."""
    command = [sys.executable, "-X", "importtime", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    lines: list[str] = []
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True, cwd=ROOT, env=environment) as process:
        assert process.stderr
        for line in process.stderr:
            name = line.rpartition("|")[2].strip()
            if name.startswith(packages):
                break
            if not line.startswith("import time:"):
                lines.append(line.strip())
        process.kill()
    return lines


def test_a_run_is_announced_before_torch_is_imported() -> None:
    words = ("train.py", "data=sine", "seed=3")
    packages = (*SLOW_IMPORTS, "numpy", "rich")
    lines = lines_before_torch(*words, packages=packages)
    assert lines == ["sine-gru, seed 3: importing PyTorch and Lightning"]


@pytest.mark.slow
def test_a_search_is_announced_before_its_imports_and_hides_passwords() -> None:
    words = ("sweep.py", "sweep=sine_gru", "storage=postgresql+psycopg://me:secret@db:5432/s")
    line = "search: sweep=sine_gru storage=postgresql+psycopg://me:***@db:5432/s"
    assert lines_before_torch(*words) == [line]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["evaluate", "export", "generate", "predict", "repeat"])
def test_a_command_is_announced_before_torch_is_imported(command: str, tmp_path: Path) -> None:
    run = write_run("sine", tmp_path).folder
    rest = {"predict": ("x.csv",)}.get(command, ())
    lines = lines_before_torch("-m", f"rnnlab.{command}", str(run), *rest)
    assert lines == [f"{run}: importing PyTorch and Lightning"]


def test_a_process_that_has_imported_lightning_announces_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress.announce_imports("run")
    assert capsys.readouterr() == ("", "")


def test_a_slow_step_is_shown_on_stderr_and_a_fast_one_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = threading.Event()
    monkeypatch.setattr(progress, "print_progress", lambda text: shown.set())
    with progress.show_slow_step("reading"):
        pass
    assert not shown.is_set()
    with progress.show_slow_step("reading", seconds=0.01):
        assert shown.wait(30)


def test_progress_goes_to_stderr_without_control_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress.print_progress("a\x1b[1m")
    assert capsys.readouterr() == ("", "a\\x1b[1m\n")
    monkeypatch.setenv("RANK", "1")
    progress.print_progress("of another process")
    assert capsys.readouterr() == ("", "")
