"""best.ckpt is one network with its own scores, wherever the folder of the run is."""

import csv
import errno
import shutil
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from rnnlab.errors import ConfigError, DiskFullError, RunStopped
from rnnlab.experiment.run import Run, run
from rnnlab.report.folder import RunFolder
from tests.helpers.configs import compose, small

TINY = {"num_series": 4, "num_eval_series": 2, "steps": 24, "first_target": 12}
QUIET = ("baselines=false", "scheduler=none", "trainer.max_epochs=4", "optimizer.lr=0.3")


def config(folder: Path, *words: str) -> dict[str, Any]:
    return small("sine", folder, *QUIET, *words, **TINY, seq_len=6, batch_size=10)


class StopAt(L.Callback):
    """Stops a run at a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


def stop(plain: dict[str, Any], step: int) -> None:
    with pytest.raises(RunStopped):
        run(plain, [StopAt(step)])


def checkpoint(done: Run, name: str = "best") -> dict[str, Any]:
    return torch.load(done.folder.path / "checkpoints" / f"{name}.ckpt", weights_only=True)


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
def test_a_run_folder_that_was_moved_keeps_its_best_weights(tmp_path: Path) -> None:
    # With mode=max the first validation stays the best one, for the error falls.
    words = ("mode=max", "optimizer.lr=0.01")
    whole = run(config(tmp_path, *words, f"run_dir={tmp_path / 'whole'}"))
    assert whole.report["best"]["step"] == 8
    stop(config(tmp_path, *words, f"run_dir={tmp_path / 'part'}"), 20)
    decoy = tmp_path / "part" / "checkpoints" / "best.ckpt"
    shutil.move(tmp_path / "part", tmp_path / "elsewhere")
    decoy.parent.mkdir(parents=True)
    decoy.write_text("of another run")
    moved = run(compose(f"resume={tmp_path / 'elsewhere'}"))
    assert moved.report["best"] == whole.report["best"]
    assert moved.report["scores"] == whole.report["scores"]
    assert checkpoint(moved)["global_step"] == moved.report["best"]["step"]
    assert decoy.read_text() == "of another run"


@pytest.mark.slow
def test_a_run_without_its_best_weights_is_not_resumed(tmp_path: Path) -> None:
    stop(config(tmp_path, f"run_dir={tmp_path / 'part'}"), 20)
    best = tmp_path / "part" / "checkpoints" / "best.ckpt"
    best.unlink()
    with pytest.raises(ConfigError, match=r"best\.ckpt: is missing"):
        run(compose(f"resume={tmp_path / 'part'}"))


@pytest.mark.slow
@pytest.mark.parametrize("full", ["checkpoints", "metrics.csv"])
def test_a_full_disk_stops_a_run_that_can_go_on(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(config(tmp_path, "test=false", f"run_dir={tmp_path / 'whole'}"))

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        owner = {"checkpoints": torch, "metrics.csv": csv.DictWriter}[full]
        patch.setattr(owner, "save" if owner is torch else "writerow", fail)
        with pytest.raises(DiskFullError, match=r"the disk is full; .* resume="):
            run(config(tmp_path, "test=false", f"run_dir={tmp_path / 'part'}"))
    folder = RunFolder(tmp_path / "part")
    assert folder.read_report()["status"] == "stopped"
    assert not list(folder.path.rglob(".*")), "temporary files"
    resumed = run(compose(f"resume={folder.path}"))
    assert resumed.report["scores"] == whole.report["scores"]
    assert folder.metrics.read_text() == whole.folder.metrics.read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["callbacks=ema", "callbacks.ema.decay=0.9"], id="average of the weights"),
        pytest.param(["callbacks.best.monitor=val/mae", "callbacks.best.mode=max"], id="monitor"),
        pytest.param(["callbacks.best=null", "trainer.max_steps=11"], id="last weights"),
        pytest.param(["callbacks.best=null", "callbacks=ema"], id="last average"),
        pytest.param(["trainer.val_check_interval=0.4"], id="within an epoch"),
    ],
)
def test_the_scores_of_a_report_are_those_of_one_network(words: list[str], tmp_path: Path) -> None:
    """Validation and test split of the loaded network give the validation and test scores."""
    from rnnlab.experiment.load import load_model

    done = run(config(tmp_path, *words))
    name = "best" if done.folder.best.exists() else "last"
    content = checkpoint(done, name)
    assert content["global_step"] == done.report["best"]["step"]
    model = load_model(done.folder.path, name)
    assert all(torch.equal(v, content["state_dict"][k]) for k, v in model.state_dict().items())
    from rnnlab.config.schema import parse
    from rnnlab.experiment.build import build_data

    data = build_data(parse(done.folder.read_config()))
    data.prepare_data()
    data.setup()
    trainer = L.Trainer(logger=False, enable_progress_bar=False, accelerator="cpu")
    for split, evaluate in (("val", trainer.validate), ("test", trainer.test)):
        (scores,) = evaluate(model, getattr(data, f"{split}_dataloader")(), verbose=False)
        for metric in ("mse", "mae"):
            key = f"{split}/{metric}"
            assert scores[key] == pytest.approx(done.report["scores"][key], rel=1e-6), key


@pytest.mark.parametrize("monitor", ["train/loss", "val/msee"])
def test_the_best_checkpoint_is_chosen_by_a_validation_metric(monitor: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"callbacks.best.monitor={monitor}: .*val/(mse|loss)"):
        run(config(tmp_path, f"callbacks.best.monitor={monitor}"))


ONE_CLASS = "all 10 texts of val are of class '1'"


def write_one_class(folder: Path) -> Path:
    """Write texts of two classes whose validation split has one."""
    folder.mkdir()
    for split, labels in (("train", "01"), ("val", "1"), ("test", "01")):
        rows = [f"{split} {chr(97 + i)},{labels[i % len(labels)]}" for i in range(10)]
        (folder / f"{split}.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return folder


def run_one_class(folder: Path, *words: str) -> Run:
    """Train on texts whose validation split has one class."""
    plain = compose("data=text_classification", "trainer=cpu", "trainer.max_epochs=1", *words)
    plain["data"] |= {"path": str(write_one_class(folder / "data")), "linear_baseline": False}
    plain["model"]["hidden_size"], plain["output_dir"] = 4, str(folder)
    return run(plain)


@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize("callbacks", ["default", "early_stopping"])
def test_a_monitor_that_is_undefined_in_validation_is_rejected_before_the_training(
    callbacks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = rf"^monitor=val/auroc: is undefined.*{ONE_CLASS}"
    with pytest.raises(ConfigError, match=message) as error:
        run_one_class(tmp_path, f"callbacks={callbacks}", "monitor=val/auroc", "mode=max")
    assert "epoch 1" not in capsys.readouterr().out
    advice = str(error.value).split("such as ")[1].split()
    (tmp_path / "again").mkdir()
    done = run_one_class(tmp_path / "again", f"callbacks={callbacks}", *advice, "test=false")
    assert "val/loss" in done.report["scores"]


def test_a_monitor_that_is_undefined_in_a_part_of_validation_is_rejected(tmp_path: Path) -> None:
    words = ("monitor=val/auroc", "mode=max", "trainer.limit_val_batches=1", "data.batch_size=1")
    with pytest.raises(ConfigError, match=r"it has no value for the targets of this validation"):
        run(small("text_classification", tmp_path, *words, batch_size=1))
