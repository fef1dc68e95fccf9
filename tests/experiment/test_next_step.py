"""The command that a finished run prints at its end works as it is printed."""

import importlib.util
import io
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest

from rnnlab.config.program import join_command
from rnnlab.experiment.next_step import next_command, serve_command
from rnnlab.report.folder import RunFolder
from tests.helpers.run_folders import write_run


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("rotten_tomatoes", "predict"),
        ("csv_series", "predict"),
        ("copying", "predict"),
        ("numbers", "translate"),
    ],
)
def test_the_command_runs_as_it_is_printed(
    data: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "my (1) runs").mkdir()
    made = write_run(data, tmp_path / "my (1) runs")
    folder = RunFolder(made.folder)
    folder.write_report({**folder.read_report(), "task": made.model.task.name})
    words = shlex.split(next_command(folder))
    if words[0] == "echo":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(words[1].encode() + b"\n")))
        words = words[3:]
    assert words[1:3] == ["-m", f"rnnlab.{name}"]
    assert words[3] == str(folder.path)
    import_module(f"rnnlab.commands.{name}").main(words[3:])
    assert capsys.readouterr().out.strip()


def test_what_needs_a_file_of_the_user_is_evaluated(tmp_path: Path) -> None:
    folder = RunFolder(write_run("sine", tmp_path).folder)
    assert next_command(folder) == ""
    folder.write_report({**folder.read_report(), "scores": {"test/mse": 1.0}})
    assert shlex.split(next_command(folder))[1:] == ["-m", "rnnlab.evaluate", str(folder.path)]
    assert next_command(folder, is_evaluated=True) == ""


def test_the_end_of_a_run_of_numbers_imports_no_pandas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(write_run("sine", tmp_path).folder)
    monkeypatch.setitem(sys.modules, "pandas", None)  # an import of it fails
    assert next_command(folder) == ""


def test_a_language_model_generates(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_report({"task": "language_modeling"})
    assert shlex.split(next_command(folder))[1:] == ["-m", "rnnlab.generate", str(tmp_path)]


def test_the_program_is_the_one_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/rnnlab", "x"])
    assert join_command("predict", ["-my run", "-"], piped="it's") == (
        """echo 'it'"'"'s' | rnnlab predict './-my run' -"""
    )
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.setattr("shutil.which", lambda name: sys.executable)
    assert join_command("predict", ["a"]) == "python -m rnnlab.predict a"
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(sys, "executable", str(Path.cwd() / ".venv" / "bin" / "python"))
    assert join_command("predict", ["a"]) == ".venv/bin/python -m rnnlab.predict a"


@pytest.mark.parametrize(
    ("missing", "command"),
    [((), "serve"), (("uvicorn",), "export"), (("uvicorn", "onnxruntime"), "evaluate")],
)
def test_a_command_needs_no_package_that_is_missing(
    missing: tuple[str, ...], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else find(name)
    )
    assert shlex.split(serve_command(Path("run")))[1:] == ["-m", f"rnnlab.{command}", "run"]
