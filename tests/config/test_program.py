"""Commands that the product prints work as they are printed."""

import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import create_trial

from rnnlab.config.paths import config_dir_flag
from rnnlab.config.program import format_command, text_override
from rnnlab.errors import RunStopped
from rnnlab.experiment.session import record_status
from rnnlab.report.folder import RunFolder
from rnnlab.sweeps.main import explain_interruption
from rnnlab.sweeps.report.search_records import trial_command
from rnnlab.sweeps.scheduler import SearchStopped
from tests.helpers.configs import CONF, compose


@pytest.mark.parametrize(
    ("program", "start"),
    [
        ("train.py", ["python", "train.py"]),
        ("../rnnlab/sweep.py", ["python", "train.py"]),
        ("/usr/bin/rnnlab", ["rnnlab", "train"]),
    ],
)
def test_a_command_has_the_program_that_the_user_typed(
    program: str, start: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "x"])
    words = ["data.path=my sales (1).csv", "model=gru"]
    assert shlex.split(format_command("train", words)) == [*start, *words]


@pytest.mark.parametrize(
    "name", ["my runs", "jürgen", "a=b", "a,b", "x[1]", "it's", "1e5", "plain"]
)
def test_the_command_that_resumes_a_run_names_its_folder(name: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / name)
    folder.path.mkdir()
    with pytest.raises(RunStopped) as stopped, record_status(folder):
        raise KeyboardInterrupt
    command = shlex.split(str(stopped.value).partition("to go on: ")[2])
    assert command[:2] == ["python", "train.py"]
    assert compose(*command[2:])["resume"] == str(folder.path)


@given(st.text(min_size=1, max_size=8).filter(str.isprintable))
@settings(max_examples=200, deadline=None)
def test_a_text_is_printed_as_it_can_be_typed(value: str) -> None:
    from rnnlab.config.overrides import parse_override

    assert parse_override(text_override("x", value)).value == value


def test_commands_of_a_search_name_the_users_directory(tmp_path: Path) -> None:
    flags = config_dir_flag(tmp_path)
    assert flags == ["--config-dir", str(tmp_path)]
    assert config_dir_flag(CONF) == []
    trial = create_trial(value=1.0, user_attrs={"overrides": ["data.path='a (1).csv'", "seed=3"]})
    assert shlex.split(trial_command(trial, flags))[2:] == [
        *flags,
        "data.path='a (1).csv'",
        "seed=3",
    ]
    with pytest.raises(SearchStopped) as stopped, explain_interruption([*flags, "sweep=x y"]):
        raise KeyboardInterrupt
    command = str(stopped.value).partition("to continue: ")[2]
    assert shlex.split(command) == ["python", "sweep.py", *flags, "sweep=x y"]
