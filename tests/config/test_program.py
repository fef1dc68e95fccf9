"""Commands that the product prints work as they are printed."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from optuna.trial import create_trial

from rnnlab.commands.sweep import main as sweep_main
from rnnlab.commands.train import main as train_main
from rnnlab.config.messages import readable_errors
from rnnlab.config.paths import config_dir_flag
from rnnlab.config.program import (
    absolute_override,
    format_command,
    program_note,
    text_override,
)
from rnnlab.errors import RunStopped
from rnnlab.experiment.session import record_status, resume_command
from rnnlab.report.folder import RunFolder
from rnnlab.sweeps.main import explain_interruption, portable_words
from rnnlab.sweeps.report.search_records import trial_command
from rnnlab.sweeps.scheduler import SearchStopped
from rnnlab.sweeps.schema import SweepConfig
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
@example("${")
@example("${x}")
@example("a\\${x}")
@settings(max_examples=200)
def test_a_text_is_printed_as_it_can_be_typed(value: str) -> None:
    """And is no interpolation in the configuration."""
    from rnnlab.config.overrides import parse_override

    path = "/x" + value.replace("/", "_")
    typed = text_override("x", value), absolute_override(text_override("data.path", path))
    read = OmegaConf.create([parse_override(text).value for text in typed])
    assert OmegaConf.to_container(read, resolve=True) == [value, path]


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


UNUSUAL = [
    *("my runs", "two  spaces ", "jürgen", "数据", "a=b", "a,b", "x[1]", "[/b]", "{x}", "(1)"),
    *("it's", 'say "hi"', "'quoted'", '"quoted"', "$HOME", "${x}", "back\\slash", "end\\", "a;b"),
    *("a|b", "#1", "~t", "%d", "*", "?", "!x", "&", "<x>", "null", "1e5", "a:b", "-m", "+x"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", UNUSUAL)
def test_commands_work_in_folders_of_any_name_and_from_any_directory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Printed below one directory, executed below another one, by a shell."""
    from rnnlab.config.messages import check_resume
    from rnnlab.config.quoting import quote_resume

    monkeypatch.chdir(tmp_path)
    command = resume_command(RunFolder(Path(name)))
    shell = f"cd / && set -- {command.removeprefix('python train.py ')} && printf '%s\\0' \"$@\""
    words = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True).stdout
    arguments = words.rstrip("\0").split("\0")
    check_resume(arguments)
    assert compose(*map(quote_resume, arguments))["resume"] == str(tmp_path / name)
    text = absolute_override(text_override("data.path", name))
    assert compose("data=csv_series", text)["data"]["path"] == str(tmp_path / name)


def test_the_command_that_continues_a_search_has_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "postgresql+psycopg://me:secret@db:5432/studies"
    words = ["sweep=imdb_gru", f"storage={url}", "data.path=a (1).csv", "n_trials=3"]
    parts: Any = {"space": {}, "sampler": {}, "launcher": {}, "n_trials": 3}
    sweep = SweepConfig(name="x", output_dir="my sweeps", storage=url, **parts)
    assert portable_words(words, sweep) == [
        "sweep=imdb_gru",
        f"data.path={tmp_path}/a (1).csv",
        "n_trials=3",
        f"output_dir={tmp_path}/my sweeps",
        "storage=postgresql+psycopg://me@db:5432/studies",
    ]
    sweep = SweepConfig(name="x", output_dir="o", storage="journal://a.journal", **parts)
    assert portable_words([], sweep)[-1] == f"storage=journal://{tmp_path}/a.journal"


@pytest.mark.parametrize(
    "command", ["train.py data=sine data.noise={}", "sweep.py sweep=imdb_gru storage={}x:("]
)
def test_no_error_has_the_password_of_a_storage(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program, *words = command.format("postgresql://me:secret@db/studies").split()
    with pytest.raises(SystemExit), readable_errors():
        (train_main if program == "train.py" else sweep_main)(words)
    error = capsys.readouterr().err
    assert "secret" not in error
    assert "me:***@db" in error


def test_the_folder_of_the_script_is_named_where_it_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "train.py")])
    assert program_note("train") == ""
    monkeypatch.setattr(sys, "argv", ["my checkout/train.py"])
    folder = tmp_path / "my checkout"
    assert program_note("train") == f"\n(python train.py: in the folder '{folder}')"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/rnnlab"])
    assert program_note("train") == ""
