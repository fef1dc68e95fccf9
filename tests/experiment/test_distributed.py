"""Runs on several processes (gloo on the CPU), as typed on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnlab.commands.evaluate import evaluate
from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_data, build_model, build_task
from tests.helpers.configs import ROOT, SMALL, compose, small
from tests.helpers.processes import run_forked

TASKS = ("imdb", "sine", "copying", "text_file", "parallel_text")  # one data set of each task


def train(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `python train.py trainer=ddp trainer.accelerator=cpu` in a folder."""
    command = [sys.executable, str(ROOT / "train.py"), "trainer=ddp", "trainer.accelerator=cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    start = subprocess.run if "data=sine" in words else run_forked  # sine: new interpreters
    return start(
        [*command, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def as_overrides(section: str, settings: dict[str, Any]) -> list[str]:
    return [f"++{section}.{key}={json.dumps(value)}" for key, value in settings.items()]


@pytest.mark.slow
@pytest.mark.parametrize("data", TASKS)
def test_two_processes_train_and_score_every_task(data: str, tmp_path: Path) -> None:
    small = {**SMALL[data](tmp_path), "batch_size": 4}
    words = [f"data={data}", "model.hidden_size=8", "trainer.max_epochs=1", "run_dir=here"]
    process = train(tmp_path, *words, *as_overrides("data", small))
    assert process.returncode == 0, process.stderr
    report = json.loads((tmp_path / "here" / "report.json").read_text())
    assert report["status"] == "finished"
    assert report["device"]["count"] == 2
    if data == "sine":  # the validation values of both processes
        processor = json.loads((tmp_path / "here" / "processor.json").read_text())
        assert processor["state"]["intervals"]["counts"] == [[report["evaluated_targets"]["val"]]]
    scores = evaluate(tmp_path / "here")
    assert scores.keys() == {name for name in report["scores"] if name.startswith("test/")}
    for name, value in scores.items():
        assert value == pytest.approx(report["scores"][name], rel=1e-6, abs=1e-9), name


def test_each_process_resumes_its_own_hidden_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = parse(small("text_file", tmp_path))
    data = build_data(config)
    data.setup("fit")
    model = build_model(config, build_task(config, data.spec))
    monkeypatch.setattr("rnnlab.models.base.gather_lists", lambda own: [torch.zeros(2, 3), *own])
    model.hidden_states["train"] = torch.ones(2, 3)
    checkpoint: dict[str, Any] = {}
    model.on_save_checkpoint(checkpoint)
    for rank, value in enumerate((0.0, 1.0)):
        monkeypatch.setattr(type(model), "global_rank", rank)
        model.on_load_checkpoint(checkpoint)
        assert torch.equal(model.hidden_states["train"], torch.full((2, 3), value))


def test_every_task_is_trained_on_two_processes() -> None:
    tasks = {compose(f"data={data}")["task"]["_target_"] for data in TASKS}
    assert len(tasks) == len(list((ROOT / "conf" / "task").glob("*.yaml")))
