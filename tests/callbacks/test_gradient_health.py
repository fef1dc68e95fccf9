"""Gradient health is measured on every architecture, and a run is the same without it."""

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from torch import nn

from rnnlab.callbacks.state_probe import StateProbe
from rnnlab.experiment.run import Run, run
from tests.helpers.configs import choices, compose, small
from tests.helpers.run_folders import write_run

SHORT = ("test=false", "page=false", "baselines=false", "trainer.max_epochs=2")


class NormCounter(L.Callback):
    """Computes the gradient norm of each optimizer step by itself."""

    norms: list[float]

    def __init__(self) -> None:
        NormCounter.norms = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        parts = [p.grad.flatten() for p in pl_module.parameters() if p.grad is not None]
        NormCounter.norms.append(float(torch.cat(parts).norm()))


COUNTER = f"+callbacks.counter._target_={__name__}.NormCounter"


def rows(done: Run, name: str) -> list[float]:
    with done.folder.metrics.open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def tensors(done: Run) -> dict[str, Any]:
    loaded = torch.load(done.folder.last, weights_only=True)
    return {"weights": loaded["state_dict"], "optimizer": loaded["optimizer_states"]}


@pytest.mark.slow
def test_a_run_is_the_same_without_it_and_norms_are_those_of_the_steps(tmp_path: Path) -> None:
    words = (*SHORT, COUNTER, "task.head_dropout=0.3", "trainer.gradient_clip_val=0.5")
    words = (*words, "trainer.accumulate_grad_batches=2")
    with_it = run(small("sine", tmp_path, *words))
    norms, half = NormCounter.norms, len(NormCounter.norms) // 2
    without = run(small("sine", tmp_path, *words, "callbacks.gradient_health=null"))
    torch.testing.assert_close(tensors(with_it), tensors(without), rtol=0, atol=0)

    direct = [sum(norm > 0.5 for norm in part) / half for part in (norms[:half], norms[half:])]
    assert rows(with_it, "clip_rate") == direct
    assert rows(with_it, "grad_norm/max") == pytest.approx([max(norms[:half]), max(norms[half:])])
    assert len(rows(with_it, "update_ratio")) == 1  # every 100 steps
    health = with_it.report["gradient_health"]
    assert health["values"]["clip_rate"] == pytest.approx(sum(direct) / 2)
    assert health["values"]["steps"] == len(norms)
    assert health["verdict"]
    assert "gradient_health" not in without.report
    assert (with_it.folder.path / "gradient_health.png").exists()


def probe(model: Any, data: Any) -> tuple[dict[str, float], dict[str, dict[int, float]]]:
    plugin = SimpleNamespace(convert_input=lambda batch: batch)
    trainer: Any = SimpleNamespace(datamodule=data, precision_plugin=plugin)
    return StateProbe().measure(trainer, model)


@pytest.mark.parametrize("model", choices("model"))
def test_every_architecture_is_probed(model: str, tmp_path: Path) -> None:
    one = write_run("sine", tmp_path, f"model={model}")
    values, curves = probe(one.model, one.data)
    if model == "linear":
        assert (values, curves) == ({}, {})
        return
    assert values["dead_units"] == 0
    assert ("saturation/gates" in values) == ("rnn" not in model)
    assert values["gradient_reach"] > 0
    directions = 2 if model.startswith("bi") else 1
    assert len(curves) % directions == 0
    for curve in curves.values():
        assert curve[0] == pytest.approx(1.0)


@pytest.mark.parametrize("data", ["imdb", "ptb", "numbers", "echo"])
def test_every_kind_of_data_is_probed(data: str, tmp_path: Path) -> None:
    one = write_run(data, tmp_path)
    values, curves = probe(one.model, one.data)
    assert 0 <= values["saturation/states"] < 0.5
    assert len(curves) == 1


@torch.no_grad()
def test_dead_rectified_units_are_found(tmp_path: Path) -> None:
    one = write_run("sine", tmp_path, "model=rnn", "model.nonlinearity=relu")
    cell: nn.Module = one.model.get_submodule("body.forwards.0.cell")
    cell.get_parameter("bias_ih_l0")[:2] = -1e3  # two of eight
    values, _ = probe(one.model, one.data)
    assert values["dead_units"] >= 0.25
    assert "saturation/states" not in values


@torch.no_grad()
def test_saturated_units_are_found(tmp_path: Path) -> None:
    one = write_run("sine", tmp_path, "model=rnn")
    one.model.get_submodule("body.forwards.0.cell").get_parameter("bias_ih_l0")[:4] = 9.0
    assert probe(one.model, one.data)[0]["saturation/states"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_a_run_in_two_sessions_has_the_norms_and_the_thresholds_of_one(tmp_path: Path) -> None:
    words = ("trainer.gradient_clip_val=auto", "scheduler=none", *SHORT)
    whole = run(small("sine", tmp_path, *words))
    first = run(small("sine", tmp_path, *words, "trainer.max_epochs=1"))
    second = run(compose(f"resume={first.folder.path}", "trainer.max_epochs=2"))
    torch.testing.assert_close(tensors(second), tensors(whole), rtol=0, atol=0)
    assert second.report["gradient_health"] == whole.report["gradient_health"]
    for name in ("grad_norm/median", "clip_rate", "clip_threshold", "gradient_reach"):
        assert rows(second, name) == rows(whole, name)
    assert "a running percentile" in whole.report["gradient_health"]["verdict"][0]
    assert 0.5 < whole.report["gradient_health"]["values"]["clip_rate"] < 1
