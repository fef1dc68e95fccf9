"""`--json`: one document on stdout, whatever a command prints and however it ends."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rnnlab import commands
from rnnlab.commands import CommandParser, run_command
from rnnlab.documents.output import prints_json, publish
from rnnlab.errors import (
    ConfigError,
    DataChangedError,
    DataError,
    DivergedError,
    ExitStatus,
    OutageError,
    Problem,
    RunStopped,
)
from tests.helpers.processes import run_code

KEYS = ["schema", "command", "exit_status", "result", "warnings", "error"]


@pytest.fixture
def document(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a command with --json, and return its document after checking its exit status."""

    def run(command: Callable[[Sequence[str]], Any], *words: str) -> dict[str, Any]:
        status = 0
        try:
            run_command(command, [*words, "--json"])
        except SystemExit as end:
            status = int(end.code or 0)
        content: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert list(content) == KEYS
        assert content["exit_status"] == status
        assert content["schema"] == 1
        return content

    return run


def test_numbers_are_finite_or_null_and_text_goes_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(words: Sequence[str]) -> None:
        print("a table")
        assert prints_json()
        publish({"nan": float("nan"), "scores": [float("inf"), 1.5], "words": words}, ["a note"])

    run_command(command, ["one", "--json", "--", "--json"])
    out, err = capsys.readouterr()
    content = json.loads(out)
    assert content["result"] == {
        "nan": None,
        "scores": [None, 1.5],
        "words": ["one", "--", "--json"],
    }
    assert content["warnings"] == ["a note"]
    assert content["error"] is None
    assert err == "a table\n"
    assert not prints_json()
    run_command(command_of_people, [])
    assert capsys.readouterr().out == "a table\n"


def command_of_people(words: Sequence[str]) -> None:
    """Publish to nobody."""
    print("a table")
    publish({"scores": 1})


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (ConfigError("a"), "config", 2),
        (DataError("a"), "data", 2),
        (DataChangedError("a"), "data_changed", 2),
        (DivergedError("a"), "diverged", 2),
        (OutageError("a"), "outage", 2),
        (RunStopped("a"), "stopped", 130),
        (KeyboardInterrupt(), "interrupted", 130),
        (ZeroDivisionError("a"), "internal", 1),
    ],
)
def test_errors_have_stable_names(
    error: BaseException, code: str, status: int, document: Callable[..., dict[str, Any]]
) -> None:
    def command(words: Sequence[str]) -> None:
        raise error

    content = document(command)
    assert content["error"]["code"] == code
    assert content["exit_status"] == status
    assert content["result"] is None


def test_a_result_with_another_status_is_no_error(document: Callable[..., dict[str, Any]]) -> None:
    def command(words: Sequence[str]) -> None:
        publish({"differing": ["test/mse"]})
        sys.exit(ExitStatus.DIFFERENT)

    content = document(command)
    assert content["exit_status"] == 1
    assert content["result"] == {"differing": ["test/mse"]}
    assert content["error"] is None


def test_passwords_are_hidden(document: Callable[..., dict[str, Any]]) -> None:
    def command(words: Sequence[str]) -> None:
        value = "postgresql://me:secret@db/x"
        raise ConfigError(Problem(f"storage={value}: no", "storage", value))

    assert "secret" not in json.dumps(document(command))


@pytest.mark.parametrize(
    ("words", "setting", "value", "choice", "suggestion"),
    [
        (["train", "model=gur"], "model", "gur", "lstm", "model=gru"),
        (["train", "model.hiden_size=3"], "model.hiden_size", None, "dropout", "model.hidden_size"),
        (["train", "lr=0.1"], "lr", None, None, "optimizer.lr"),
        (["train", "data=sine", "mode=mn"], "mode", "mn", "max", "mode=min"),
        (["train", "data=sine", "seed=-1"], "seed", -1, None, None),
        (["train", "--epochs", "3"], "--epochs", "3", None, "trainer.max_epochs=3"),
        (["train", "gru"], None, "gru", None, "model=gru"),
        (["train", "trainer.max_epochs=1,2"], "trainer.max_epochs", "1,2", None, None),
        (["train", "logger=3"], "logger", 3, "wandb", None),
        (["train", "data.seq_len=[1,"], "data.seq_len", "[1,", None, None),
        (["trian"], "command", "trian", "evaluate", "rnnlab train"),
        (["describe", "imbd"], "data", "imbd", "sine", "imdb"),
        (["compare", "x", "--format", "jsn"], "--format", None, "latex", None),
        (["generate"], None, None, None, None),
        (["train", "resume=nowhere"], "resume", "nowhere", None, None),
    ],
)
def test_errors_have_setting_value_choices_and_what_to_type(
    words: list[str],
    setting: str | None,
    value: Any,
    choice: str | None,
    suggestion: str | None,
    document: Callable[..., dict[str, Any]],
) -> None:
    content = document(commands.run_named, *words)
    assert content["command"] == words[0]
    assert content["exit_status"] == 2
    assert content["error"]["code"] == (
        "usage" if words[0] in ("compare", "generate") else "config"
    )
    problem = content["error"]["problems"][0]
    assert (problem["setting"], problem["value"]) == (setting, value)
    assert problem["message"] in content["error"]["message"]
    assert choice is None or choice in problem["choices"]
    assert suggestion is None or suggestion in problem["suggestions"]


@pytest.mark.parametrize(
    ("message", "setting", "value"),
    [
        ("data.seq_len=0: must be positive", "data.seq_len", "0"),
        ("base=[data=sine, lr=1]: one is unknown: lr", "base", "[data=sine, lr=1]"),
        ("space.x={low: 1, high: 0}: is empty", "space.x", "{low: 1, high: 0}"),
        ("name='a: b': is no name", "name", "'a: b'"),
        ("--port 70000: must be from 0 to 65535", "--port", "70000"),
        ("--repair: repairs a journal; storage=x is none", "--repair", None),
        ("train.csv: row 3 has no label; set data.label_column=y: see docs", None, None),
        ("the runs monitor different metrics: choose one", None, None),
    ],
)
def test_a_message_that_begins_with_a_setting_names_it(
    message: str, setting: str | None, value: str | None
) -> None:
    problem = ConfigError(message).problems[0]
    assert (problem.setting, problem.value) == (setting, value)


def test_each_wrong_setting_is_a_problem(document: Callable[..., dict[str, Any]]) -> None:
    words = ["train", "data=sine", "model.num_layers=0", "mode=mn", "trainer.devices=0"]
    problems = document(commands.run_named, *words)["error"]["problems"]
    assert {one["setting"]: one["value"] for one in problems} == {
        "model.num_layers": 0,
        "mode": "mn",
        "trainer.devices": 0,
    }


def test_help_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run_command(commands.run_named, ["compare", "--help", "--json"])
    assert end.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_options_are_read_as_by_argparse(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        CommandParser("compare", "text").parse_args(["--unknown"])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(
        "rnnlab compare: error: unrecognized arguments: --unknown\n"
    )


@pytest.mark.parametrize("name", commands.list_commands())
def test_every_command_publishes(name: str) -> None:
    source = (commands.FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert "publish(" in source


def test_output_of_other_programs_goes_to_stderr() -> None:
    code = """if True:
        import os
        from rnnlab.documents.output import publish, run_with_document
        def main(words):
            os.system("echo from a process")
            print("from Python")
            publish({"done": True})
        run_with_document("train", main, [])
        print("after")
    """
    process = run_code(code)
    text, _, rest = process.stdout.rpartition("}\n")
    assert json.loads(text + "}")["result"] == {"done": True}
    assert rest == "after\n"
    assert sorted(process.stderr.splitlines()) == ["from Python", "from a process"]
