"""The commands in the headers of the YAML files in sweeps/ work as they are written."""

import csv
import re
import shlex
from pathlib import Path

import pytest

from rnnlab.sweeps.main import main
from rnnlab.sweeps.settings import read_sweep
from rnnlab.sweeps.study.definition import prepare
from tests.helpers.configs import CONF, ROOT

COMMAND = re.compile(r"^# +python sweep\.py (.*)$", re.MULTILINE)
FILES = sorted(file for file in (ROOT / "sweeps").rglob("*.yaml"))
COMMANDS = [
    pytest.param(command, id=f"{file.parent.name}-{file.stem}")
    for file in FILES
    for command in COMMAND.findall(file.read_text())
]
WITHOUT_NETWORK = {"multi30k_seq2seq": "data=interface_strings", "ptb_lstm": "data=kjv"}
SMALL = [  # every part of a search with a minimum of training
    *("trainer=cpu", "n_trials=2", "slots=1", "model.hidden_size=8", "baselines=false"),
    *("trainer.limit_train_batches=4", "trainer.limit_val_batches=2"),
    *("trainer.limit_test_batches=2", "budget.epochs=1"),
]
NO_SMALL_RUN = re.compile(  # studies of the data and the kind of others, whose runs take seconds
    "study_(depth|clip|bptt|dropout|importance|bidirectional)|sms_spam"
)


def arguments_of(command: str) -> list[str]:
    """The arguments of a command, without its placeholder for the user's own data."""
    arguments = shlex.split(re.sub(r" data\.path=<[^>]*>", "", command))
    name = next(word.removeprefix("sweep=") for word in arguments if word.startswith("sweep="))
    network = WITHOUT_NETWORK.get(name)
    return [*arguments, *([network] if network else [])]


def test_every_search_and_the_samplers_for_special_spaces_have_a_command() -> None:
    files = {file.stem for file in FILES if COMMAND.search(file.read_text())}
    searches = {file.stem for file in FILES if file.parent.name == "sweeps"} - {"default"}
    assert files >= {*searches, "nsga2", "grid", "threshold"}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_of_a_header_is_accepted(command: str) -> None:
    prepare(read_sweep(ROOT, arguments_of(command)), CONF)


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers", "no_figures")
@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if not NO_SMALL_RUN.search(str(one.values[0]))]
)
def test_the_command_of_a_header_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = arguments_of(command)
    linear = ["data.linear_baseline=false"] if "imdb" in command else []  # takes a minute
    small = [word for word in SMALL if "study_" not in command or "hidden_size" not in word]
    main(ROOT, [*arguments, *small, *linear, "name=small"])
    folder = tmp_path / "outputs" / "sweeps" / "small"
    assert (folder / "report.html").exists()
    with (folder / "trials.csv").open() as file:
        states = [row["state"] for row in csv.DictReader(file)]
    assert sum(state in ("complete", "pruned") for state in states) == 2, states
