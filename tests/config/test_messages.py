"""The door: real processes where that is the point, all the rest in this one."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from rnnlab.callbacks import RunStopped
from rnnlab.config.messages import (
    check_resume,
    explain,
    is_composition_error,
    readable_errors,
)
from rnnlab.errors import ConfigError, DataError, ExitStatus
from rnnlab.experiment.run import check
from tests.helpers.configs import ROOT, choices, compose, groups
from tests.helpers.processes import run_code, run_forked

SCRIPT = str(ROOT / "train.py")


def train(
    folder: Path, *words: str, start: Callable = subprocess.run
) -> subprocess.CompletedProcess[str]:
    """Run train.py as a user does, in a folder of his own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
    environment.pop("HYDRA_FULL_ERROR", None)
    command = [sys.executable, SCRIPT, *words]
    return start(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def errors(process: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of a process that was refused; there is nothing else to read."""
    assert process.returncode == ExitStatus.REJECTED, process.stderr
    assert not process.stdout
    lines = process.stderr.splitlines()
    assert all(line.startswith("error ") for line in lines), process.stderr
    return [line.removeprefix("error ") for line in lines]


# Processes.


def test_help_lists_every_choice(tmp_path: Path) -> None:
    process = train(tmp_path, "--help")
    assert process.returncode == 0
    assert not process.stderr
    lines = process.stdout.splitlines()
    for group in groups():
        names = choices(group)
        if names:
            assert f"{group}: {', '.join(names)}" in lines
    for word in ("model=lstm data=sine", "resume=", "hidden_size: 128", "gradient_clip_val: 1.0"):
        assert word in process.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["--help"], ["model=gur"], ["model.hidden_size=big"], ["gru"], ["data.seq_len=0", "lr=3"]],
)
def test_what_needs_no_torch_does_not_wait_for_it(words: list[str], tmp_path: Path) -> None:
    code = f"""if True:
        import runpy, sys
        sys.argv = {[SCRIPT, *words]!r}
        try:
            runpy.run_path({SCRIPT!r}, run_name="__main__")
        except SystemExit:
            pass
        heavy = {{"torch", "lightning", "pandas", "matplotlib", "wandb", "datasets"}}
        print("heavy:", sorted(heavy & sys.modules.keys()))
    """
    process = run_code(code, tmp_path)
    assert process.stdout.splitlines()[-1] == "heavy: []"


def test_a_misspelt_choice_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (line,) = errors(train(tmp_path, "model=gur"))
    assert line == f"model=gur: did you mean gru? choices: {', '.join(choices('model'))}"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_the_run_itself_refuses_is_as_short(tmp_path: Path) -> None:
    (line,) = errors(train(tmp_path, "data=sine", "monitor=val/mes", start=run_forked))
    assert line.startswith("monitor=val/mes: task=forecasting does not log it; did you mean")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_data_that_cannot_be_read_is_as_short(tmp_path: Path) -> None:
    process = train(
        tmp_path, "data=imdb", "data.path=nowhere.csv", "run_dir=here", start=run_forked
    )
    (line,) = errors(process)
    assert "nowhere.csv" in line
    report = (tmp_path / "here" / "report.json").read_text()
    assert '"status": "failed"' in report


def test_a_resumed_run_takes_no_other_setting(tmp_path: Path) -> None:
    (line,) = errors(train(tmp_path, "resume=outputs/x", "seed=3"))
    assert line == (
        "resume=outputs/x goes on with the settings of that run, so seed=3 cannot be given too: "
        "drop it, or start a new run with it"
    )


@pytest.mark.slow
def test_a_run_leaves_one_folder_and_prints_its_scores(tmp_path: Path) -> None:
    words = ["data=sine", "data.num_series=8", "model.hidden_size=8", "debug=fast"]
    process = train(tmp_path, *words, "name=mine")
    assert process.returncode == 0, process.stderr
    first, *slow_steps = process.stderr.splitlines()
    assert first == "mine, seed 0: importing PyTorch and Lightning"
    assert {*slow_steps} <= {"reading the data", "computing baselines, drawing figures"}
    assert [file.name for file in tmp_path.iterdir()] == ["outputs"]
    (folder,) = (tmp_path / "outputs" / "mine").iterdir()
    assert (folder / "report.json").exists()
    for word in ("noise floor", "val/mse", "samples/s", f"outputs/mine/{folder.name}"):
        assert word in process.stdout
    again = train(tmp_path, f"resume=outputs/mine/{folder.name}", start=run_forked)
    assert again.returncode == 0, again.stderr
    assert not re.search("^epoch", again.stdout, re.MULTILINE), "nothing is left to train"


@pytest.mark.slow
def test_a_list_of_runs_is_one_run_after_the_other(tmp_path: Path) -> None:
    words = ["data=sine", "data.num_series=8", "model.hidden_size=4,8", "debug=fast", "test=false"]
    process = train(tmp_path, "-m", *words, start=run_forked)
    assert process.returncode == 0, process.stderr
    folders = list((tmp_path / "outputs" / "debug-fast").iterdir())
    assert len(folders) == 2
    sizes = {
        (folder / "config.yaml").read_text().split("hidden_size: ")[1][0] for folder in folders
    }
    assert sizes == {"4", "8"}
    assert "has the best mean val/" in process.stdout
    assert "undecided (estimate: about 3 more seeds)" in process.stdout


@pytest.mark.slow
def test_a_list_of_runs_on_several_devices_is_refused_with_what_does_it(tmp_path: Path) -> None:
    words = ["-m", "trainer=ddp", "trainer.accelerator=cpu", "seed=0,1"]
    process = train(tmp_path, *words, start=run_forked)
    assert process.returncode == ExitStatus.REJECTED
    assert "each process that DDP starts would run" in process.stderr
    assert "python sweep.py sweep=<name> trainer.devices=" in process.stderr


def test_the_door_of_searches_needs_nothing_heavy_to_help_and_to_refuse(tmp_path: Path) -> None:
    script = str(ROOT / "sweep.py")
    code = f"""if True:
        import runpy, sys
        for words in (["--help"], ["sweep=sine_gur"], ["sweep=sine_gru", "n_trails=3"]):
            sys.argv = [{script!r}, *words]
            try:
                runpy.run_path({script!r}, run_name="__main__")
            except SystemExit as ended:
                print("ended", ended.code)
        heavy = {{"torch", "lightning", "pandas", "matplotlib", "wandb", "datasets"}}
        print("heavy:", sorted(heavy & sys.modules.keys()))
    """
    process = run_code(code, tmp_path)
    for word in ("python sweep.py sweep=", "imdb_cells", "nsga2", "n_trials"):
        assert word in process.stdout
    lines = process.stdout.splitlines()
    assert lines[-3:] == ["ended 2", "ended 2", "heavy: []"]
    assert "did you mean sine_gru?" in process.stderr
    assert "did you mean n_trials?" in process.stderr
    assert not list(tmp_path.iterdir())


# In this process.


def words_of(*overrides: str) -> str:
    """What Hydra's refusal becomes."""
    with pytest.raises(Exception) as refused:  # noqa: PT011, of many classes
        compose(*overrides)
    if isinstance(refused.value, ConfigError):
        return str(refused.value)
    assert is_composition_error(refused.value)
    return explain(refused.value)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model=gur", "model=gur: did you mean gru? choices: "),
        ("optimizer=adma", "optimizer=adma: did you mean adam? choices: adam, adamw, "),
        ("data=imbd", "data=imbd: did you mean imdb? choices: "),
        ("sede=3", "sede: no such setting; did you mean seed? choices: "),
        ("model.hiden_size=3", "model.hiden_size: no such setting; did you mean hidden_size?"),
        ("trainer.max_epoch=3", "trainer.max_epoch: no such setting; did you mean max_epochs?"),
        ("trainer.epochs=3", "trainer.epochs: no such setting; did you mean max_epochs?"),
        ("callbacks.last.every_second=3", "did you mean every_seconds? choices: every_n_steps, "),
        ("nothing.at.all=3", "nothing: no such setting; choices: "),
        ("lr=0.01", "lr: no such setting; did you mean optimizer.lr?"),
        ("learning_rate=0.01", "learning_rate: no such setting; did you mean optimizer.lr?"),
        ("epochs=3", "epochs: no such setting; did you mean trainer.max_epochs?"),
        ("hidden_size=3", "hidden_size: no such setting; did you mean model.hidden_size?"),
        ("data.lr=0.01", "data.lr: no such setting; did you mean optimizer.lr?"),
        ("model=gru,lstm", "add -m: python train.py -m model=gru,lstm"),
        ("data.path=a,b.csv", "for one text, type \"data.path='a,b.csv'\""),
        ("model", "model: Hydra cannot read it"),
        ("trainer=3", "trainer=3: must be one of cpu, ddp, default, gpu"),
        ("model=null", "model=null: must be one of attention_gru, attention_lstm, bigru"),
        ("model=[gru,lstm]", "model=[gru,lstm]: must be one of attention_gru"),
    ],
)
def test_what_hydra_refuses_is_said_in_words(word: str, said: str) -> None:
    line = words_of(word)
    assert line.startswith(said) or said in line
    assert "\n" not in line


def test_what_is_offered_can_be_typed() -> None:
    """The choices that an error lists are settings that the config takes."""
    line = words_of("model.nothing=3")
    names = line.split("choices: ")[1].split(", ")
    assert {"hidden_size", "num_layers", "bidirectional", "dropout"} <= set(names)
    assert not {"task", "learning", "_target_"} & set(names)
    for name in names:
        value = compose("model=gru")["model"][name]
        compose(f"model.{name}={value}")


@pytest.mark.parametrize("error", [ConfigError("x=1: a\ny=2: b"), DataError("x=1: a\ny=2: b")])
def test_what_can_be_mended_is_printed_line_by_line(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left, readable_errors():
        raise error
    assert left.value.code == ExitStatus.REJECTED
    out, err = capsys.readouterr()
    assert (out, err) == ("", "error x=1: a\nerror y=2: b\n")


def test_a_long_or_bracketed_message_is_printed_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = "data.frequencies=[0.6]: " + "far too long for a line " * 20 + "[/red]"
    with pytest.raises(SystemExit), readable_errors():
        raise ConfigError(message)
    assert capsys.readouterr().err == f"error {message}\n"


def test_a_stopped_run_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left, readable_errors():
        raise RunStopped("stopped; to go on: python train.py resume=x")
    assert left.value.code == ExitStatus.STOPPED
    assert capsys.readouterr().err == "stopped; to go on: python train.py resume=x\n"


def test_ctrl_c_before_the_training_is_no_traceback() -> None:
    with pytest.raises(SystemExit) as left, readable_errors():
        raise KeyboardInterrupt
    assert left.value.code == ExitStatus.STOPPED


PRINT_TEXTS = """
from rnnlab.config.messages import tolerant_output
with tolerant_output():
    for _ in range(100_000):
        print(chr(0xFC), chr(0xD800), flush=True)
"""


def test_a_reader_that_ends_and_an_encoding_that_lacks_a_character_are_no_tracebacks() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", PRINT_TEXTS]
    with Popen(command, stdout=PIPE, stderr=PIPE, env=environment) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"\\xfc \\ud800\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == ExitStatus.PIPE_CLOSED


def test_bugs_come_through() -> None:
    with pytest.raises(ZeroDivisionError), readable_errors():
        _ = 1 / 0


@pytest.mark.parametrize(
    "words",
    [
        ["resume=x"],
        ["resume=x", "-m"],
        ["resume=x", "hydra.verbose=true"],
        ["resume=null", "seed=3"],
        ["seed=3"],
        [],
    ],
)
def test_a_resumed_run_alone_is_taken(words: list[str]) -> None:
    check_resume(words)


@pytest.mark.parametrize("other", ["seed=3", "+model.x=1", "~model.dropout", "model=gru"])
def test_a_resumed_run_with_any_other_setting_is_refused(other: str) -> None:
    with pytest.raises(ConfigError, match="cannot be given too"):
        check_resume(["resume=x", other])


def test_the_config_that_is_shown_is_one_that_runs() -> None:
    check(compose())
