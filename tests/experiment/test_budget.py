"""The length of a training, if it is not given: by the size of the data."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from rnnlab.config.schema import RunConfig, TrainerConfig, parse
from rnnlab.data.loaders.buckets import BatchLoader
from rnnlab.errors import ConfigError, RunStopped
from rnnlab.experiment.budget import advise_longer_training, fix_epochs
from rnnlab.experiment.run import run
from tests.helpers.configs import compose, small


def config_with(**trainer: Any) -> RunConfig:
    config = parse(compose("data=sine"))
    return replace(config, trainer=TrainerConfig(**trainer))


def data_with(batches: int) -> Any:
    """Return a data set with this number of batches an epoch."""
    loader = BatchLoader([()] * batches, lambda rows: rows, training=True)
    return SimpleNamespace(train_dataloader=lambda: loader)


@pytest.mark.parametrize(
    ("batches", "trainer", "epochs"),
    [
        pytest.param(2000, {}, 5, id="large data"),
        pytest.param(300, {}, 5, id="exactly five epochs"),
        pytest.param(299, {}, 6, id="a little smaller"),
        pytest.param(20, {}, 75, id="small data"),
        pytest.param(3, {}, 100, id="very small data"),
        pytest.param(20, {"auto_steps": 200}, 10, id="fewer steps"),
        pytest.param(100, {"accumulate_grad_batches": 3}, 45, id="accumulated"),
        pytest.param(100, {"devices": 3}, 45, id="several processes"),
        pytest.param(1000, {"limit_train_batches": 100}, 15, id="a number of batches"),
        pytest.param(1000, {"limit_train_batches": 0.05}, 30, id="a part of the batches"),
        pytest.param(100, {"max_steps": 950}, 10, id="steps"),
        pytest.param(20, {"max_epochs": 7}, 7, id="epochs"),
    ],
)
def test_small_data_is_trained_for_a_number_of_steps(
    batches: int, trainer: dict[str, Any], epochs: int
) -> None:
    assert fix_epochs(config_with(**trainer), data_with(batches)).trainer.max_epochs == epochs


class StopAfter(L.Callback):
    """Ends a run within its third epoch, once."""

    waiting = True

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        if StopAfter.waiting and trainer.global_step == 70:
            StopAfter.waiting = False
            raise KeyboardInterrupt


AUTO = {"max_epochs": "auto", "auto_steps": 160}  # 28 steps an epoch: 6 epochs


def small_run(folder: Path, *words: str, **trainer: Any) -> dict[str, Any]:
    plain = small("sine", folder, "scheduler=one_cycle", "test=false", "baselines=false", *words)
    plain["trainer"] |= trainer
    return plain


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.slow
def test_an_automatic_budget_equals_the_number_of_epochs_that_it_becomes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    given = run(small_run(tmp_path / "given", max_epochs=6))
    capsys.readouterr()
    stop = ["callbacks.last.every_n_steps=5", f"+callbacks.stop._target_={__name__}.StopAfter"]
    plain = small_run(tmp_path / "automatic", *stop, **AUTO)
    with pytest.raises(RunStopped):
        run(plain)
    hint = "(chosen for the size of the data; trainer.max_epochs=6)"
    assert f"budget 6 epochs of 28 steps, 168 in all {hint}" in capsys.readouterr().out
    (config,) = (tmp_path / "automatic").rglob("config.yaml")
    resumed = run(compose(f"resume={config.parent}"))
    assert resumed.folder.read_config()["trainer"]["max_epochs"] == 6
    for done in (given, resumed):
        assert done.report["budget"] == {"epochs": 6, "steps_per_epoch": 28, "steps": 168}
    ours, theirs = weights(resumed.folder.path), weights(given.folder.path)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert resumed.report["scores"] == given.report["scores"]
    if given.report["best"]["epoch"] == 5:
        assert "with trainer.max_epochs=12" in given.report["findings"][-1]


@pytest.mark.parametrize(
    ("trainer", "best", "steps", "setting"),
    [
        ({"max_epochs": 5}, {"epoch": 4, "step": 100}, 100, "trainer.max_epochs=10"),
        ({"max_epochs": 9, "max_steps": 90}, {"epoch": 4, "step": 90}, 90, "trainer.max_steps=180"),
        (
            {"max_epochs": 9, "max_time": "00:00:01:00"},
            *({"epoch": 4, "step": 90}, 90, "a trainer.max_time above 00:00:01:00"),
        ),
        ({"max_epochs": 5}, {"epoch": 3, "step": 80}, 100, None),
        ({"max_epochs": 1}, {"epoch": 0, "step": 20}, 20, None),
    ],
)
def test_a_best_last_epoch_is_reported_with_the_setting_to_change(
    trainer: dict[str, Any], best: dict[str, int], steps: int, setting: str | None
) -> None:
    advice = advise_longer_training(TrainerConfig(**trainer), best, steps)
    if setting is None:
        assert advice == ""
    else:
        assert advice.startswith("The best epoch was the last one (5 of 5): longer training")
        assert advice.endswith(f"with {setting}.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "trainer.val_check_interval=999",
            r"=999: an epoch of this data has \d+ batches.*=1\.0 ",
        ),
        ("trainer.val_check_interval=3 trainer.limit_train_batches=2", r"has 2 batches"),
        ("trainer.limit_train_batches=0.01", r"such as trainer\.limit_train_batches=1$"),
        ("trainer.limit_val_batches=0.01", r"such as trainer\.limit_val_batches=1$"),
        ("trainer.limit_test_batches=0.01", r"such as trainer\.limit_test_batches=1$"),
    ],
)
def test_limits_that_leave_no_batch_or_validation_stop_before_the_training(
    words: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        run(small("sine", tmp_path, *words.split()))
