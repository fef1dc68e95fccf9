"""A training ends at its budget with a validation, and the plateau schedule counts validations."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnlab.callbacks import TrainingBudget
from rnnlab.experiment.run import Run, run
from rnnlab.runtime import clock
from tests.helpers.configs import small

TINY = {"num_series": 4, "num_eval_series": 2, "steps": 24, "first_target": 12}
EPOCH = 8  # steps


def train(folder: Path, *words: str) -> Run:
    words = ("baselines=false", "scheduler=none", "trainer.log_every_n_steps=1", *words)
    return run(small("sine", folder, *words, **TINY, seq_len=6, batch_size=10))


def rows(done: Run, column: str) -> list[dict[str, str]]:
    with done.folder.metrics.open() as file:
        return [row for row in csv.DictReader(file) if row.get(column)]


def validated_steps(done: Run) -> list[int]:
    return [int(row["step"]) for row in rows(done, "val/mse")]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize(
    ("words", "steps"),
    [
        pytest.param(["trainer.max_steps=3"], [3], id="less than an epoch"),
        pytest.param(["trainer.max_steps=12"], [8, 12], id="one and a half epochs"),
        pytest.param(["trainer.max_steps=16"], [8, 16], id="whole epochs"),
        pytest.param(["trainer.max_epochs=3", "trainer.check_val_every_n_epoch=2"], [16, 24]),
        pytest.param(["trainer.max_epochs=1", "trainer.val_check_interval=0.67"], [5, 8]),
        pytest.param(
            ["trainer.max_steps=3", "trainer.accumulate_grad_batches=3"], [3], id="accumulated"
        ),
        pytest.param(["trainer.max_time=00:00:00:05"], [5], id="time"),
    ],
)
def test_the_last_weights_are_validated(
    words: list[str], steps: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(10_000))
    monkeypatch.setattr(clock, "read_seconds", lambda: float(next(ticks)))
    done = train(tmp_path, "trainer.max_epochs=4", *words, "callbacks.best=null")
    assert validated_steps(done) == steps
    assert done.report["best"]["step"] == steps[-1]
    assert done.report["scores"].keys() >= {"val/mse", "test/mse"}


def test_a_time_is_days_hours_minutes_seconds() -> None:
    assert TrainingBudget(max_time="01:02:03:04").max_seconds == 93_784


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
def test_the_plateau_schedule_counts_validations(tmp_path: Path) -> None:
    plateau = ["scheduler=plateau", "scheduler.patience=0", "scheduler.factor=0.5"]
    words = [*plateau, "trainer.max_epochs=2", "trainer.val_check_interval=0.25", "mode=max"]
    done = train(tmp_path, *words, "optimizer.lr=0.01", "test=false")
    values = [float(row["val/mse"]) for row in rows(done, "val/mse")]
    rate, best = 0.01, float("-inf")
    expected = []
    for value in values:  # mode=max: a falling error is never better
        rate, best = (rate, value) if value > best else (rate * 0.5, best)
        expected += [rate] * 2  # steps of the next quarter of an epoch
    rates = [float(row["train/lr"]) for row in rows(done, "train/loss_step")]
    assert len(values) == 8
    assert rates == pytest.approx([0.01, 0.01, *expected[:-2]])


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
def test_a_run_that_is_resumed_after_its_training_does_not_train_again(tmp_path: Path) -> None:
    words = ["callbacks=early_stopping", "callbacks.early_stopping.patience=1", "mode=max"]
    done = train(tmp_path, *words, "trainer.max_epochs=5", "optimizer.lr=0.01")
    assert done.report["epochs"] == 2
    before = weights(done.folder.last)
    unfinished: dict[str, Any] = {**done.folder.read_report(), "status": "running"}
    done.folder.write_report(unfinished)
    again = run({**done.folder.read_config(), "resume": str(done.folder.path), "run_dir": None})
    assert again.report["epochs"] == 2
    assert again.report["scores"] == done.report["scores"]
    assert all(
        torch.equal(value, before[name]) for name, value in weights(again.folder.last).items()
    )
