"""Every place of the package that prints a command has a test that executes what it prints."""

import re
import shlex
import sys
import tomllib
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from rnnlab.commands.train import complete_words
from rnnlab.config.compose import explain_sweep
from rnnlab.config.messages import check_resume
from rnnlab.errors import ConfigError
from rnnlab.experiment.extension import check_finished
from rnnlab.experiment.run import check
from rnnlab.report.folder import RunFolder, open_folder
from rnnlab.report.model_card import use_lines
from rnnlab.sweeps.help import sweep_help
from rnnlab.sweeps.settings import read_sweep
from rnnlab.sweeps.study.definition import prepare
from tests.helpers.configs import CONF, ROOT, compose
from tests.helpers.printed_commands import PrintedCommand, find_printed_commands
from tests.helpers.run_folders import write_run

PRINTED = find_printed_commands()
PROGRAM = "config/test_program.py::"
# Commands that a test elsewhere executes, by the function that prints them.
NEXT = "experiment/test_next_step.py::"
ELSEWHERE = {
    "experiment/next_step.py:next_command": NEXT + "test_the_command_runs_as_it_is_printed",
    "experiment/next_step.py:serve_command": NEXT
    + "test_a_command_needs_no_package_that_is_missing",
    "commands/evaluate.py:next_step_of_data": "commands/test_evaluate.py::"
    "test_the_next_step_of_new_data_predicts_it",
    "experiment/session.py:resume_command": PROGRAM
    + "test_commands_work_in_folders_of_any_name_and_from_any_directory",
    "experiment/results.py:write_run_page": "commands/test_repeat.py::"
    "test_a_run_is_repeated_by_the_command_of_its_page",
    "sweeps/main.py:explain_interruption": PROGRAM
    + "test_commands_of_a_search_name_the_users_directory",
    "sweeps/report/search_records.py:trial_command": "sweeps/report/test_report.py::"
    "test_a_command_survives_a_shell",
}
PACKAGES = {"num2words", "deepspeed"}  # without an extra of their own; deepspeed is Lightning's


def words_of(command: str) -> list[str]:
    """The words after `python train.py` or `python sweep.py`."""
    words = shlex.split(command)
    assert words[:1] == ["python"]
    return words[2:]


def execute_several_values(folder: Path) -> None:
    words = ["data=sine", "model=gru,lstm", "data.noise=0.2"]
    command = explain_sweep(words[1], words).partition("add -m: ")[2]
    assert words_of(command) == ["-m", *words]
    assert complete_words(CONF, words_of(command)) == ["-m", *words]


def execute_finish_first(folder: Path) -> None:
    run = RunFolder(write_run("sine", folder / "my (1) runs").folder)
    run.write_report({**run.read_report(), "status": "stopped"})
    with pytest.raises(ConfigError) as error:
        check_finished(run)
    words = words_of(str(error.value).partition("To finish it: ")[2])
    check_resume(words)
    assert open_folder(compose(*words)["resume"]) == run


def execute_language_model(folder: Path) -> None:
    check(compose("data=kjv", "model=lstm"))


def execute_evaluate(folder: Path) -> None:
    from rnnlab.commands.evaluate import evaluate, main

    run = RunFolder(write_run("sine", folder).folder)
    run.write_report({**run.read_report(), "scores": {"test/mse": 1.0}})
    run.write_report({**run.read_report(), "scores": evaluate(run.path)})
    command = next(line for line in use_lines(run, "forecasting") if "rnnlab evaluate" in line)
    with chdir(run.path.parent):
        main(shlex.split(command, comments=True)[2:])


def execute_help(folder: Path) -> None:
    lines = [line.strip() for line in sweep_help(ROOT).splitlines()]
    commands = [re.split("  +", line)[0] for line in lines if line.startswith("python sweep.py")]
    assert len(commands) >= 10
    for command in commands:
        words = [word for word in words_of(command) if word not in ("--repair", "--json")]
        prepare(read_sweep(ROOT, words), CONF)


EXECUTED: dict[str, Callable[[Path], None]] = {
    "config/compose.py:explain_sweep": execute_several_values,
    "experiment/extension.py:check_finished": execute_finish_first,
    "inference/trained_run.py:TrainedRun.language_processor": execute_language_model,
    "report/model_card.py:use_lines": execute_evaluate,
    "sweeps/help.py:": execute_help,
}


def is_installation(command: PrintedCommand) -> bool:
    return command.text.startswith("pip install ")


def test_each_place_that_prints_a_command_is_listed_here() -> None:
    places = {command.place for command in PRINTED if not is_installation(command)}
    assert places == EXECUTED.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize(
    "place",
    [pytest.param(p, marks=[pytest.mark.slow] * (p == "sweeps/help.py:")) for p in EXECUTED],
)
def test_a_printed_command_works(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py"])
    EXECUTED[place](tmp_path)


@pytest.mark.parametrize("test", ELSEWHERE.values())
def test_the_tests_of_other_commands_exist(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_what_a_message_installs_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for command in filter(is_installation, PRINTED):
        (package,) = shlex.split(command.text.partition(",")[0])[2:3]
        match = re.fullmatch(r"rnnlab\[([\w,-]+)\]", package)
        names = match[1].split(",") if match else []
        assert all(name in extras for name in names), command
        assert match or package in PACKAGES or "{}" in package, command  # a test of its caller
