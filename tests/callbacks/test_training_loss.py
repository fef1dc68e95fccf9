"""train/loss of an epoch is the mean over the targets of that epoch."""

import csv
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from rnnlab.callbacks import TrainingLoss, training_loss
from rnnlab.callbacks.training_loss import LossSum
from rnnlab.errors import RunStopped
from rnnlab.experiment.run import Run, run
from tests.helpers.configs import compose, small


class LossRecorder(L.Callback):
    """Records loss and number of targets of each batch, by epoch."""

    batches: defaultdict[int, list[tuple[float, int]]]

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, i: int
    ) -> None:
        loss = float(outputs["loss"]) * trainer.accumulate_grad_batches
        targets = int(pl_module.task.num_targets(batch))
        LossRecorder.batches[trainer.current_epoch].append((loss, targets))


class StopAt(L.Callback):
    """Ends the process of a run before a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _setup(monkeypatch: pytest.MonkeyPatch) -> None:
    LossRecorder.batches = defaultdict(list)
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)


def epoch_losses(done: Run, name: str = "train/loss") -> dict[int, list[float]]:
    """Return the logged values of each epoch."""
    losses = defaultdict(list)
    with done.folder.metrics.open() as file:
        for row in csv.DictReader(file):
            if row.get(name):
                losses[int(float(row["epoch"]))].append(float(row[name]))
    return losses


def expected_losses() -> dict[int, float]:
    return {
        epoch: sum(loss * n for loss, n in batches) / sum(n for _, n in batches)
        for epoch, batches in LossRecorder.batches.items()
    }


# 28 batches an epoch, the last with half as many windows; 7 batches; 5 batches of pairs.
@pytest.mark.parametrize(
    ("data", "batch_size", "words"),
    [
        ("sine", 32, ["trainer.log_every_n_steps=5"]),
        ("sine", 32, ["trainer.accumulate_grad_batches=3"]),
        ("sine", 128, ["trainer.val_check_interval=0.5"]),
        ("parallel_text", 16, ["trainer.max_steps=8"]),
    ],
    ids=["intervals", "accumulated", "few batches", "part of an epoch"],
)
def test_the_loss_of_an_epoch_is_the_mean_over_its_targets(
    data: str,
    batch_size: int,
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*words, "test=false", "trainer.max_epochs=2"]
    done = run(small(data, tmp_path, *words, batch_size=batch_size), [LossRecorder()])
    expected, logged = expected_losses(), epoch_losses(done)
    assert logged.keys() == expected.keys() == {0, 1}
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    for epoch, loss in expected.items():
        assert logged[epoch] == pytest.approx([loss], rel=1e-9)
        assert f"train/loss {loss:.4g}" in lines[epoch]


def test_the_loss_of_a_step_has_steps_of_one_epoch_only(tmp_path: Path) -> None:
    words = ["test=false", "trainer.max_epochs=2", "trainer.log_every_n_steps=10"]
    done = run(small("sine", tmp_path, *words), [LossRecorder()])
    logged = epoch_losses(done, "train/loss_step")
    ends = {0: [10, 20], 1: [2, 12, 22]}  # of 28 batches an epoch
    for epoch, batches in LossRecorder.batches.items():
        starts = [0, *ends[epoch][:-1]]
        parts = [batches[i:j] for i, j in zip(starts, ends[epoch], strict=True)]
        means = [sum(loss * n for loss, n in part) / sum(n for _, n in part) for part in parts]
        assert logged[epoch] == pytest.approx(means, rel=1e-9)


def test_a_resumed_run_logs_the_loss_of_the_whole_epoch(tmp_path: Path) -> None:
    words = ["test=false", "trainer.max_epochs=1"]
    undisturbed = run(small("sine", tmp_path / "one", *words))
    plain = small("sine", tmp_path / "two", *words, "callbacks.last.every_n_steps=6")
    with pytest.raises(RunStopped):
        run(plain, [StopAt(15)])
    (config,) = (tmp_path / "two").rglob("config.yaml")
    resumed = run(compose(f"resume={config.parent}"))
    assert epoch_losses(resumed) == epoch_losses(undisturbed)
    assert len(epoch_losses(resumed)[0]) == 1


def test_the_loss_of_several_processes_is_the_mean_over_their_targets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[dict[str, float]] = []
    logger = SimpleNamespace(log_metrics=lambda values, step: rows.append({**values, "step": step}))
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.1}])
    trainer: Any = SimpleNamespace(
        global_step=7,
        current_epoch=1,
        accumulate_grad_batches=1,
        log_every_n_steps=100,
        optimizers=[optimizer],
        loggers=[logger],
        callback_metrics={},
    )
    other = LossSum(loss=10.0, targets=4.0)
    monkeypatch.setattr(training_loss, "gather_lists", lambda own: [*own, other])
    model: Any = SimpleNamespace(task=SimpleNamespace(num_targets=lambda batch: 2))
    callback = TrainingLoss()
    batch: Any = None
    callback.on_train_batch_end(trainer, model, {"loss": torch.tensor(0.5)}, batch, 0)
    callback.on_train_epoch_end(trainer, model)
    expected = (0.5 * 2 + 10) / (2 + 4)
    assert rows == [{"train/loss": expected, "train/lr": 0.1, "epoch": 1, "step": 7}]
    assert float(trainer.callback_metrics["train/loss"]) == expected
