"""Runs of -m: their names, and how overrides with several values reach Hydra."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnlab import commands
from rnnlab.config.jobs import complete_jobs
from rnnlab.config.schema import parse
from rnnlab.experiment.session import claim_folder
from rnnlab.report.folder import RunFolder
from rnnlab.report.summary import run_label
from tests.helpers.configs import CONF, compose


@pytest.fixture
def plains(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the configs that `rnnlab train` gives to runs, which do nothing else."""
    configs: list[dict[str, Any]] = []

    def run(plain: dict[str, Any], **_: Any) -> SimpleNamespace:
        configs.append(plain)
        return SimpleNamespace(score=0.0, folder=RunFolder(Path("nothing")))

    monkeypatch.setattr("rnnlab.experiment.run.run", run)
    return configs


@pytest.mark.slow
def test_the_runs_of_a_multirun_are_named_by_their_overrides(
    plains: list[dict[str, Any]], tmp_path: Path
) -> None:
    words = ["model=gru,lstm", "seed=1,2", "data=sine", "logger=wandb", f"output_dir={tmp_path}"]
    commands.main(["train", "-m", *words, "optimizer.lr=0.01"])
    variants = [f"model={model},seed={seed}" for model in ("gru", "lstm") for seed in (1, 2)]
    assert [plain["variant"] for plain in plains] == variants
    for plain, variant in zip(plains, variants, strict=True):
        assert plain["logger"]["wandb"]["name"] == f"{plain['name']}, {variant}"
        folder = claim_folder(parse(plain)).path
        assert folder.parent == tmp_path / plain["name"]
        assert re.fullmatch(rf"[\d-]+_[\d-]+-[0-9a-f]{{6}}-{variant}", folder.name)
        assert run_label(plain) == f"{plain['name']}, {variant}"


def test_a_single_run_is_named_by_its_seed(plains: list[dict[str, Any]], tmp_path: Path) -> None:
    commands.main(["train", "data=sine", "seed=3", "logger=wandb", f"output_dir={tmp_path}"])
    (plain,) = plains
    assert run_label(plain) == plain["logger"]["wandb"]["name"] == "sine-gru, seed 3"
    assert "seed" not in claim_folder(parse(plain)).path.name


def test_characters_that_a_folder_cannot_have_are_replaced(
    plains: list[dict[str, Any]], tmp_path: Path
) -> None:
    words = ["data=csv_series", "data.path='a b/c.csv',d.csv", f"output_dir={tmp_path}"]
    commands.main(["train", "-m", *words])
    folders = [claim_folder(parse(plain)).path for plain in plains]
    assert [folder.name.partition("-data")[2] for folder in folders] == [
        *(".path=_a_b_c.csv_", ".path=d.csv")
    ]


@pytest.mark.slow
def test_a_run_of_a_multirun_can_be_resumed_as_its_message_says(
    plains: list[dict[str, Any]], tmp_path: Path
) -> None:
    commands.main(
        ["train", "-m", "data=sine", "model=gru,rnn", "seed=0,1", f"output_dir={tmp_path}"]
    )
    folder = claim_folder(parse(plains[0])).path
    commands.main(["train", f"resume={folder}"])
    assert plains[-1]["resume"] == str(folder)
    assert RunFolder(folder).read_config()["variant"] == "model=gru,seed=0"


@pytest.mark.parametrize("group", ["logger", "callbacks", "experiment", "debug"])
def test_a_group_is_switched_off_for_all_runs(group: str) -> None:
    words = complete_jobs(CONF, ["model=gru,rnn", "data=sine", f"{group}=null"])
    assert words == ["model=gru,rnn", "data=sine", f"~{group}"]


def test_a_group_is_switched_off_for_one_of_the_runs() -> None:
    words = complete_jobs(CONF, ["data=sine", "logger=null,csv"])
    assert words == ["data=sine", "logger=[],csv"]
    without = [compose("data=sine", word) for word in ("logger=[]", "logger=null")]
    assert without[0] == without[1]
    assert "logger" not in without[0]
