"""Whole runs, in this process, on data as small as it can be."""

import csv
import json
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from omegaconf import OmegaConf

import rnnlab
from rnnlab.callbacks import DivergedError, RunStopped
from rnnlab.commands.evaluate import evaluate
from rnnlab.config.messages import readable_errors
from rnnlab.data.base import DataModule
from rnnlab.data.datasets.synthetic.sine import SineDataModule
from rnnlab.errors import ConfigError
from rnnlab.experiment import run as experiment
from rnnlab.experiment.build import build_data, build_task
from rnnlab.experiment.run import Run, check, run
from rnnlab.experiment.session import claim_folder
from rnnlab.layers.kernels import native_problem
from rnnlab.report.folder import RunFolder
from tests.helpers.configs import compose, small

STEPS = 28  # optimizer steps of an epoch of the small sine
# Everything that is drawn by lot or remembered from step to step is in use.
SETTINGS = (
    "trainer.max_epochs=2",
    "trainer.log_every_n_steps=5",
    "model.num_layers=2",
    "model.dropout=0.2",
    "task.head_dropout=0.1",
)


class At(L.Callback):
    """Does something once: at a step of the training, or where a hook is called first.

    Args:
        hook: of Lightning's callbacks.
        action: SIGINT | SIGTERM, or `kill` for an end without any farewell.
        step: optimizer steps that must have been done.
    """

    waiting = True

    def __init__(self, hook: str, action: str, step: int = 0) -> None:
        self.action, self.step = action, step
        setattr(self, hook, self.act)

    def act(self, trainer: L.Trainer, *_: object) -> None:
        if not At.waiting or trainer.global_step < self.step:
            return
        At.waiting = False
        if self.action == "kill":
            raise Killed
        os.kill(os.getpid(), getattr(signal, self.action))


class Killed(BaseException):
    """As little can be done about it as about SIGKILL."""


class Spy(L.Callback):
    """Notes rates and gradients of each step, before and after they are clipped."""

    rates: list[float]
    raw: list[torch.Tensor]
    clipped: list[torch.Tensor]

    def __init__(self) -> None:
        Spy.rates, Spy.raw, Spy.clipped = [], [], []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        Spy.rates.append(optimizer.param_groups[0]["lr"])
        Spy.raw.append(gradients(pl_module))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: object) -> None:
        Spy.clipped.append(gradients(pl_module))


def gradients(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


SPY = "+callbacks.spy._target_=tests.experiment.test_run.Spy"


def at(hook: str, action: str, step: int = 0) -> list[str]:
    """Words of the command line that add the callback."""
    At.waiting = True
    settings = {
        "_target_": "tests.experiment.test_run.At",
        "hook": hook,
        "action": action,
        "step": step,
    }
    return [f"+callbacks.at.{name}={value}" for name, value in settings.items()]


def rows(folder: RunFolder) -> list[dict[str, str]]:
    with folder.metrics.open() as file:
        return list(csv.DictReader(file))


def weights(folder: RunFolder, name: str = "last") -> dict[str, torch.Tensor]:
    path = folder.path / "checkpoints" / f"{name}.ckpt"
    return torch.load(path, weights_only=True)["state_dict"]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def read_again(folder: RunFolder, split: str = "test") -> tuple[DataModule, torch.Tensor, Any]:
    """The data of a run, what its best network predicts of a split, and what is right."""
    model = rnnlab.load(folder.path).model
    data = build_data(check(folder.read_config()))
    data.setup()
    batches = list({"val": data.val_dataloader, "test": data.test_dataloader}[split]())
    with torch.no_grad():
        predicted = torch.cat([model.predict_step(batch, 0) for batch in batches])
    return data, predicted, torch.cat([batch.targets for batch in batches])


@pytest.fixture(autouse=True)
def _no_pictures(no_plots: None) -> None:
    """Drawing takes longer than these runs; the runs of whole modules are drawn."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nobody disturbed."""
    return run(small("sine", tmp_path_factory.mktemp("finished"), *SETTINGS))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on a table of the user's own."""
    return run(small("imdb", tmp_path_factory.mktemp("texts"), "trainer.max_epochs=1"))


# What a run leaves behind.


def test_a_run_leaves_everything_in_its_folder(finished: Run) -> None:
    path = finished.folder.path
    found = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    assert found == {
        "config.yaml",
        "report.json",
        "processor.json",
        "README.md",
        "report.html",
        "predictions.csv",
        "metrics.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "learning_curves.png",
        "forecasts.png",
        "forecast_errors.png",
        "internals.png",
        "gradient_profile.png",
        "gradient_health.png",
    }
    for picture in path.glob("*.png"):
        content = picture.read_bytes()
        assert content.startswith(b"\x89PNG"), picture
        assert len(content) > 5_000, picture


def test_the_report_says_what_was_reached_and_how(finished: Run) -> None:
    report = finished.folder.read_report()
    assert report == finished.report
    assert report["status"] == "finished"
    names = ("loss", "mse", "mae", "noise_ratio")
    assert set(report["scores"]) == {f"{s}/{name}" for s in ("val", "test") for name in names}
    assert report["evaluated_targets"] == {"val": 100, "test": 100}
    assert report["monitor"] == "val/mse"
    assert finished.score == report["scores"]["val/mse"]
    assert {"persistence", "noise floor"} == report["baselines"].keys()
    assert report["model"]["class"] == "GRU"
    assert report["model"]["parameters"] == sum(
        p.numel() for p in rnnlab.load(finished.folder.path).model.parameters()
    )
    assert report["data"]["sizes"] == {"train": 880, "val": 100, "test": 100}
    assert len(report["data"]["sha256"]) == 64
    assert report["versions"]["torch"] == torch.__version__
    assert len(report["git"].get("commit", "0" * 40)) == 40
    assert report["kernel"] == (
        {"name": "torch", "reason": problem, "gradient_precision": "same"}
        if (problem := native_problem())
        else {
            "name": "native",
            "reason": "compiled for this processor",
            "gradient_precision": "same",
        }
    )
    assert report["device"]["kind"] == "cpu"
    assert report["device"]["count"] == 1
    assert report["seconds"].keys() == {
        *("start", "prepare", "fit", "calibrate", "test", "report", "baselines")
    }
    assert report["speed"]["samples_per_second"] > 0
    assert report["peak_memory"]["process"] > 0


@pytest.mark.slow
def test_the_seconds_of_the_stages_are_the_time_that_the_user_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("check", "test", "finish"):
        slow = slow_down(getattr(experiment, name), 0.2)
        monkeypatch.setattr(experiment, name, slow)
    monkeypatch.setattr(SineDataModule, "setup", slow_down(SineDataModule.setup, 0.3))
    monkeypatch.setattr(SineDataModule, "baselines", slow_down(SineDataModule.baselines, 0.1))
    begin = time.time()
    done = experiment.run(small("sine", tmp_path, "debug=fast"), start=begin - 100)
    waited = 100 + time.time() - begin
    seconds = done.report["seconds"]
    total = sum(seconds.values())
    # What follows the report is printed in milliseconds; 3 s are for a machine that is busy.
    assert waited - 3 < total <= waited
    least = {"start": 100.2, "prepare": 0.3, "fit": 0, "calibrate": 0, "test": 0.5}
    least |= {"baselines": 0.2, "report": 0.2}
    assert seconds.keys() == least.keys()
    for name, value in least.items():
        assert seconds[name] >= value, name
    assert f"in all {total:.1f}" in capsys.readouterr().out


def slow_down(function: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    def slow(*arguments: Any, **settings: Any) -> Any:
        time.sleep(seconds)
        return function(*arguments, **settings)

    return slow


@pytest.mark.slow
def test_the_seconds_of_a_resumed_run_contain_its_earlier_sessions(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*SETTINGS, "callbacks.last.every_n_steps=4"]
    with monkeypatch.context() as patch:
        patch.setattr(SineDataModule, "setup", slow_down(SineDataModule.setup, 1.0))
        plain = small("sine", tmp_path, *words, *at("on_train_batch_start", "kill", 13))
        folder = kill(plain, tmp_path)
    seconds = run(compose(f"resume={folder.path}")).report["seconds"]
    assert seconds["earlier sessions"] > 1.0
    assert "earlier sessions" not in finished.report["seconds"]


def test_the_config_of_a_run_is_whole(finished: Run) -> None:
    plain = finished.folder.read_config()
    assert plain["model"]["hidden_size"] == 8
    assert plain["trainer"]["max_epochs"] == 2
    again = check(plain)
    assert again.model == plain["model"]


def test_the_best_validation_is_the_one_of_the_report(finished: Run) -> None:
    validations = [row for row in rows(finished.folder) if row["val/mse"]]
    assert [row["step"] for row in validations] == [str(STEPS), str(2 * STEPS)]
    best = min(validations, key=lambda row: float(row["val/mse"]))
    assert finished.report["best"] == {"step": int(best["step"]), "epoch": int(best["epoch"][0])}
    assert finished.report["scores"]["val/mse"] == float(best["val/mse"])
    path = finished.folder.best
    assert torch.load(path, weights_only=True)["global_step"] == int(best["step"])


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_scores_are_those_of_the_loaded_network(finished: Run, split: str) -> None:
    data, predicted, targets = read_again(finished.folder, split)
    scores = finished.report["scores"]
    mse = (predicted - targets).square().mean().item()
    assert mse == pytest.approx(scores[f"{split}/mse"], rel=1e-6)
    assert mse == pytest.approx(scores[f"{split}/loss"], rel=1e-6)
    mae = (predicted - targets).abs().mean().item()
    assert mae == pytest.approx(scores[f"{split}/mae"], rel=1e-6)
    assert mse / 0.1**2 == pytest.approx(scores[f"{split}/noise_ratio"], rel=1e-5)
    assert len(targets) == finished.report["evaluated_targets"][split] == len(data.lengths(split))


def test_checkpoints_hold_only_plain_data(finished: Run) -> None:
    best, last = (
        torch.load(path, weights_only=True) for path in (finished.folder.best, finished.folder.last)
    )
    assert "optimizer_states" not in best, "the best one is for use alone"
    assert "optimizer_states" in last
    assert best["hyper_parameters"]["config"] == finished.folder.read_config()


def test_a_native_kernel_that_cannot_be_used_is_refused_before_any_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sine = ("data=sine", "trainer=cpu", f"output_dir={tmp_path}")
    with pytest.raises(ConfigError, match=r"kernel=native: .*precision=32-true.* 64-true; choose"):
        check(compose(*sine, "kernel=native", "trainer.precision=64-true"))
    with pytest.raises(ConfigError, match="kernel=native: Linear has no GRU, LSTM or RNN layer"):
        check(compose(*sine, "kernel=native", "model=linear"))
    monkeypatch.setattr("rnnlab.layers.kernels.choice.native_problem", lambda _: "no compiler")
    with pytest.raises(ConfigError, match="kernel=native: no compiler; choose kernel=auto"):
        check(compose(*sine, "kernel=native"))
    check(compose(*sine, "kernel=auto"))


def test_rounded_gradients_that_cannot_be_computed_are_refused_before_any_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("rnnlab.layers.kernels.choice.bfloat16_problem", lambda: "old processor")
    words = ("data=sine", "trainer=cpu", f"output_dir={tmp_path}")
    rounded = (*words, "kernel_gradient_precision=bfloat16")
    remedy = "choose kernel_gradient_precision=same"
    with pytest.raises(ConfigError, match=f"=bfloat16: the native kernel .*kernel=torch; {remedy}"):
        check(compose(*rounded, "kernel=torch"))
    with pytest.raises(ConfigError, match=f"=bfloat16: .* 64-true; {remedy}"):
        check(compose(*rounded, "trainer.precision=64-true"))
    with pytest.raises(ConfigError, match=f"=bfloat16: .*Linear has no .*; {remedy}"):
        check(compose(*rounded, "model=linear"))
    if native_problem() is None:
        with pytest.raises(ConfigError, match=f"=bfloat16: old processor; {remedy}"):
            check(compose(*rounded))
    check(compose(*words, "kernel_gradient_precision=same"))


def test_a_run_can_be_loaded_by_its_folder_alone(finished: Run) -> None:
    for name in ("best", "last"):
        model = rnnlab.load(str(finished.folder.path), name).model
        assert same(dict(model.state_dict()), weights(finished.folder, name))
        assert not model.training
    with pytest.raises(ConfigError, match=r"worst.ckpt: there is no such checkpoint"):
        rnnlab.load(finished.folder.path, "worst")


def test_a_file_of_somebody_else_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    torch.save({"state_dict": {}}, tmp_path / "checkpoints" / "best.ckpt")
    with pytest.raises(ConfigError, match="was not written by a run of rnnlab"):
        rnnlab.load(tmp_path)


def test_the_same_command_gives_the_same_bits(finished: Run, tmp_path: Path) -> None:
    again = run(small("sine", tmp_path, *SETTINGS))
    assert again.folder.path != finished.folder.path
    assert again.report["scores"] == finished.report["scores"]
    assert rows(again.folder) == rows(finished.folder)
    for name in ("best", "last"):
        assert same(weights(again.folder, name), weights(finished.folder, name))


def test_another_seed_is_another_network_on_the_same_targets(finished: Run, tmp_path: Path) -> None:
    other = run(small("sine", tmp_path, *SETTINGS, "seed=1"))
    assert not same(weights(other.folder), weights(finished.folder))
    assert other.report["scores"] != finished.report["scores"]
    assert other.report["data"] == finished.report["data"]
    assert other.report["baselines"] == finished.report["baselines"]


def test_texts_leave_a_confusion_matrix_and_their_worst_errors(texts: Run) -> None:
    path = texts.folder.path
    assert (path / "confusion_matrix.png").stat().st_size > 5_000
    page = (path / "most_confidently_wrong.md").read_text()
    words = (path / "vocabulary.txt").read_text().split("\n")
    assert len(words) == 20 - 2
    assert all(word.startswith("word") for word in words)
    quoted = [line[2:] for line in page.splitlines() if line.startswith("> ")]
    table = Path(texts.folder.read_config()["data"]["path"]).read_text()
    wrong = round(10 * (1 - texts.report["scores"]["test/accuracy"]))
    assert len(quoted) == wrong > 0
    assert set(quoted) <= {line.split(",")[0] for line in table.splitlines()}


def test_the_accuracy_is_that_of_the_loaded_network(texts: Run) -> None:
    _, predicted, targets = read_again(texts.folder)
    accuracy = (predicted.argmax(dim=1) == targets).float().mean().item()
    assert accuracy == pytest.approx(texts.report["scores"]["test/accuracy"], abs=1e-6)
    assert texts.report["evaluated_targets"] == {"val": 10, "test": 10}
    assert texts.report["baselines"].keys() == {"majority", "linear"}
    assert texts.report["data"]["source"] == "local"


def test_without_a_test_there_are_no_test_scores(tmp_path: Path) -> None:
    done = run(small("sine", tmp_path, "test=false", "trainer.max_epochs=1"))
    assert all(name.startswith("val/") for name in done.report["scores"])
    assert done.report["evaluated_targets"] == {"val": 100}
    assert not any(name.startswith("test/") for name in rows(done.folder)[0])


def test_a_run_that_ends_before_its_first_epoch_does_has_a_score(tmp_path: Path) -> None:
    done = run(small("sine", tmp_path, "trainer.max_steps=1", "test=false"))
    assert done.score == done.report["scores"]["val/mse"] > 0
    assert done.report["best"] == {"step": 1, "epoch": 0}


def comparable(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what differs between two equal runs."""
    return {k: v for k, v in report.items() if k not in ("seconds", "speed", "peak_memory")}


@pytest.mark.slow
@pytest.mark.parametrize("callbacks", [(), ("callbacks.best=null",)], ids=["best", "last"])
def test_a_run_without_loggers_has_the_same_report(
    callbacks: tuple[str, ...], tmp_path: Path
) -> None:
    with_csv = run(small("sine", tmp_path / "csv", *SETTINGS, *callbacks))
    without = run(small("sine", tmp_path / "none", *SETTINGS, *callbacks, "logger.csv=null"))
    assert not without.folder.metrics.exists()
    assert comparable(without.report) == comparable(with_csv.report)
    assert without.report["scores"]["test/mse"] > 0
    assert without.score == without.report["scores"]["val/mse"]


def test_the_validation_scores_of_the_report_are_those_of_the_tested_checkpoint(
    finished: Run,
) -> None:
    stored = torch.load(finished.folder.best, weights_only=True)["validation_scores"]
    reported = {k: v for k, v in finished.report["scores"].items() if k.startswith("val/")}
    assert reported == {k: v for k, v in stored.items() if k in reported}
    assert stored["val/targets"] == finished.report["evaluated_targets"]["val"]


@pytest.mark.slow
def test_a_run_without_loggers_can_be_resumed(tmp_path: Path) -> None:
    settings = (*SETTINGS, "logger.csv=null")
    whole = run(small("sine", tmp_path / "whole", *settings))
    folder = stop(small("sine", tmp_path, *settings, *at("on_train_batch_start", "SIGINT", 40)))
    resumed = run(compose(f"resume={folder.path}"))
    assert resumed.report["threads"].pop("reason") == "as before the interruption"
    del whole.report["threads"]["reason"]
    assert comparable(resumed.report) == comparable(whole.report)


# Runs of other versions.


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A finished run of the first version: other keys in its checkpoints, other class names."""
    (tmp_path / "checkpoints").mkdir()
    config = compose("data=sine", "model=gru")
    config["data"]["_target_"] = "rnnlab.data.sine.SineDataModule"
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(config)))
    report = {"status": "finished", "scores": {"test/mse": 0.1}, "git": {"commit": "a" * 40}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    content = {"card": {"config": config, "spec": {}}, "carried": None, "state_dict": {}}
    for name in ("best", "last"):
        torch.save(content, tmp_path / "checkpoints" / f"{name}.ckpt")
    return tmp_path


def test_a_run_of_the_first_version_is_refused_with_what_to_do(old: Path) -> None:
    message = r"older version of rnnlab \(commit a{12}\) wrote this run, in format 1.*train the run"
    for read in (
        lambda: run(compose(f"resume={old}")),
        lambda: rnnlab.load(old),
        lambda: evaluate(old),
    ):
        with pytest.raises(ConfigError, match=message):
            read()


def test_every_file_of_a_run_names_its_format(finished: Run) -> None:
    assert "format_version: 2" in finished.folder.config.read_text()
    assert finished.report["format_version"] == 2
    hyper_parameters = torch.load(finished.folder.last, weights_only=True)["hyper_parameters"]
    assert hyper_parameters["format_version"] == 2


# Runs that do not end well.


def test_a_run_that_diverges_says_so(tmp_path: Path) -> None:
    words = ("optimizer=sgd", "optimizer.lr=1e12", "trainer.gradient_clip_val=null")
    plain = small("sine", tmp_path, *SETTINGS, *words)
    with pytest.raises(DivergedError, match=r"train/loss is .* lower optimizer.lr"):
        run(plain)
    (folder,) = (RunFolder(file.parent) for file in tmp_path.rglob("config.yaml"))
    report = folder.read_report()
    assert (report["status"], report["error"]) == ("failed", "DivergedError")
    assert "lower optimizer.lr" in report["message"]


def test_a_run_that_diverges_between_two_logs_says_so_too(tmp_path: Path) -> None:
    words = ("optimizer=sgd", "optimizer.lr=1e12", "trainer.gradient_clip_val=null")
    plain = small("sine", tmp_path, *words, "trainer.log_every_n_steps=1000")
    with pytest.raises(DivergedError):
        run(plain)


def test_a_run_whose_last_step_diverges_ends_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("optimizer=sgd", "optimizer.lr=1e30", "trainer.gradient_clip_val=null")
    limits = ("trainer.max_epochs=1", "trainer.limit_train_batches=1")
    with pytest.raises(SystemExit) as end, readable_errors():
        run(small("sine", tmp_path, *words, *limits))
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert "error val/loss is inf at step 1: lower optimizer.lr" in message
    assert "Traceback" not in message


def stop(plain: dict[str, Any]) -> RunFolder:
    """Start a run that is going to be stopped."""
    with pytest.raises(RunStopped, match=r"to go on: python train\.py resume=") as stopped:
        run(plain)
    folder = RunFolder(Path(str(stopped.value).split("resume=")[1]))
    assert folder.read_report()["status"] == "stopped"
    return folder


def kill(plain: dict[str, Any], tmp_path: Path) -> RunFolder:
    """Start a run that is going to be killed."""
    with pytest.raises(Killed):
        run(plain)
    (folder,) = (RunFolder(file.parent) for file in tmp_path.rglob("config.yaml"))
    assert folder.read_report()["status"] == "running"
    return folder


def assert_as_if_never_stopped(resumed: Run, whole: Run) -> None:
    assert resumed.report["status"] == "finished"
    for name in ("last", "best"):
        assert same(weights(resumed.folder, name), weights(whole.folder, name)), name
    assert rows(resumed.folder) == rows(whole.folder)
    assert resumed.report["scores"] == whole.report["scores"]
    assert resumed.report["best"] == whole.report["best"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "hook", "step"),
    [
        pytest.param("SIGINT", "on_train_batch_start", 11, id="in mid-epoch"),
        pytest.param("SIGTERM", "on_train_batch_start", 14, id="where the loss is logged"),
        pytest.param("SIGTERM", "on_train_batch_start", STEPS - 1, id="at an epoch's last step"),
        pytest.param("SIGINT", "on_validation_start", 0, id="in the validation"),
        pytest.param("SIGINT", "on_train_batch_start", STEPS, id="at the second epoch's first"),
    ],
)
def test_a_run_that_was_asked_to_stop_can_be_resumed(
    finished: Run, tmp_path: Path, action: str, hook: str, step: int
) -> None:
    folder = stop(small("sine", tmp_path, *SETTINGS, *at(hook, action, step)))
    reached = torch.load(folder.last, weights_only=True)["global_step"]
    assert step <= reached < 2 * STEPS
    assert_as_if_never_stopped(run(compose(f"resume={folder.path}")), finished)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["SIGINT", "SIGTERM"])
def test_a_run_that_was_stopped_in_its_test_can_be_resumed(
    finished: Run, tmp_path: Path, action: str
) -> None:
    folder = stop(small("sine", tmp_path, *SETTINGS, *at("on_test_batch_start", action)))
    assert_as_if_never_stopped(run(compose(f"resume={folder.path}")), finished)


@pytest.mark.parametrize("step", [2, 1000], ids=["stopped", "finished"])
def test_signals_are_given_back_after_a_run(tmp_path: Path, step: int) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    plain = small("sine", tmp_path, "debug=fast", *at("on_train_batch_start", "SIGINT", step))
    plain["trainer"]["limit_train_batches"] = 5
    with pytest.raises(RunStopped) if step == 2 else nullcontext():
        run(plain)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook", "step", "saves"),
    [
        pytest.param("on_train_batch_start", 3, None, id="before the first checkpoint"),
        pytest.param("on_train_batch_start", 13, 5, id="between two checkpoints"),
        pytest.param("on_validation_start", STEPS, 4, id="before the validation"),
        pytest.param("on_validation_end", STEPS, 4, id="after the validation"),
        pytest.param("on_train_end", 0, None, id="after the training"),
        pytest.param("on_test_start", 0, None, id="before the test"),
        pytest.param("on_test_end", 0, None, id="in the test"),
    ],
)
def test_a_run_that_was_killed_can_be_resumed(
    finished: Run, tmp_path: Path, hook: str, step: int, saves: int | None
) -> None:
    words = [f"callbacks.last.every_n_steps={saves or 'null'}", *at(hook, "kill", step)]
    folder = kill(small("sine", tmp_path, *SETTINGS, *words), tmp_path)
    assert_as_if_never_stopped(run(compose(f"resume={folder.path}")), finished)


def test_a_run_that_was_killed_behind_its_test_tests_once_more(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("rnnlab.experiment.run.finish", killed)
        folder = kill(small("sine", tmp_path, *SETTINGS), tmp_path)
    assert_as_if_never_stopped(run(compose(f"resume={folder.path}")), finished)


def test_a_finished_run_has_nothing_left_to_do(
    finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SineDataModule, "setup", not_to_be_called)
    before = finished.folder.metrics.read_bytes(), finished.folder.last.stat().st_mtime_ns
    again = run(compose(f"resume={finished.folder.path}"))
    assert again.report == finished.report
    assert (finished.folder.metrics.read_bytes(), finished.folder.last.stat().st_mtime_ns) == before


# Folders.


def not_to_be_called(*_: object) -> None:
    raise AssertionError("data was read")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading any data fails."""
    monkeypatch.setattr(DataModule, "prepare_data", not_to_be_called)
    monkeypatch.setattr(SineDataModule, "setup", not_to_be_called)


@pytest.mark.usefixtures("unread")
def test_a_folder_that_cannot_be_written_is_said_before_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    plain = {**small("sine", tmp_path), "output_dir": str(tmp_path / "file" / "runs")}
    with pytest.raises(ConfigError, match=r"cannot be written \(Not a directory\).*output_dir="):
        run(plain)


@pytest.mark.usefixtures("unread")
def test_a_folder_that_holds_a_run_is_not_written_over(finished: Run, tmp_path: Path) -> None:
    plain = {**small("sine", tmp_path), "run_dir": str(finished.folder.path)}
    with pytest.raises(ConfigError, match=r"holds a run already\. To go on with it: .*resume="):
        run(plain)


@pytest.mark.usefixtures("unread")
def test_a_folder_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run is there"):
        run(compose(f"resume={tmp_path}"))


def test_a_run_can_be_given_its_folder(tmp_path: Path) -> None:
    plain = {**small("sine", tmp_path, "debug=fast"), "run_dir": str(tmp_path / "here")}
    assert run(plain).folder.path == tmp_path / "here"
    assert (tmp_path / "here" / "report.json").exists()


# Debugging.


def test_debug_fast_does_everything_once(tmp_path: Path) -> None:
    done = run(small("sine", tmp_path, "debug=fast"))
    assert done.report["evaluated_targets"] == {"val": 64, "test": 64}
    assert done.report["best"] == {"step": 2, "epoch": 0}


@pytest.mark.slow
def test_debug_overfit_learns_two_batches_by_heart(tmp_path: Path) -> None:
    words = ("debug=overfit", "model.hidden_size=32", "optimizer.lr=1e-2")
    done = run(small("sine", tmp_path, *words))
    losses = [float(row["train/loss"]) for row in rows(done.folder) if row["train/loss"]]
    assert len(losses) == 50
    assert losses[0] > 0.3
    assert losses[-1] < 0.01, "which is the noise: the network has learned that, too"


def test_debug_profile_says_where_the_time_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(small("sine", tmp_path, "debug=profile"))
    training, calibration = sorted((done.folder.path / "profile").iterdir())
    assert "run_training_batch" in training.read_text()
    assert "predict_step" in calibration.read_text()
    printed = capsys.readouterr().out
    for part in ("data", "forward", "backward", "optimizer", "logging"):
        assert re.search(rf"^  {part} +\d+\.\d\d ms +\d+%$", printed, re.MULTILINE)
    (advice,) = re.findall(r"most of it is \w+; try (.+)", printed)
    for setting in advice.split(" or "):
        check(compose("data=sine", setting))


# Steps.


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_gradients_are_clipped(tmp_path: Path, algorithm: str) -> None:
    limit = 1e-3
    words = (
        f"trainer.gradient_clip_val={limit}",
        f"trainer.gradient_clip_algorithm={algorithm}",
    )
    run(small("sine", tmp_path, *words, SPY, "debug=fast"))
    size: Callable[[torch.Tensor], float] = {
        "norm": lambda g: g.norm().item(),
        "value": lambda g: g.abs().max().item(),
    }[algorithm]
    assert len(Spy.raw) == len(Spy.clipped) == 2
    for raw, clipped in zip(Spy.raw, Spy.clipped, strict=True):
        assert size(raw) > limit
        assert size(clipped) == pytest.approx(limit, rel=1e-3)


def test_gradients_are_not_clipped_where_that_is_off(tmp_path: Path) -> None:
    run(small("sine", tmp_path, "trainer.gradient_clip_val=null", SPY, "debug=fast"))
    for raw, clipped in zip(Spy.raw, Spy.clipped, strict=True):
        assert torch.equal(raw, clipped)


def test_a_schedule_spans_the_whole_run(tmp_path: Path) -> None:
    words = ("scheduler=cosine", "scheduler.warmup_fraction=0.25", "trainer.max_epochs=2")
    run(small("sine", tmp_path, *words, SPY, "test=false"))
    rates, warm = Spy.rates, STEPS // 2
    assert len(rates) == 2 * STEPS
    assert rates[:warm] == pytest.approx([2e-3 * (i + 1) / (warm + 1) for i in range(warm)])
    assert rates[warm] == 2e-3
    assert rates[warm:] == sorted(rates[warm:], reverse=True)
    assert 0 < rates[-1] < 1e-5


def test_accumulated_batches_are_one_step(tmp_path: Path) -> None:
    words = ("trainer.accumulate_grad_batches=4", "scheduler=one_cycle", "trainer.max_epochs=1")
    run(small("sine", tmp_path, *words, SPY, "test=false"))
    assert len(Spy.rates) == STEPS // 4
    assert max(Spy.rates) == pytest.approx(2e-3, rel=0.2)
    assert Spy.rates[-1] < 2e-4


def test_a_plateau_lowers_the_rate(tmp_path: Path) -> None:
    words = ("scheduler=plateau", "scheduler.patience=0", "monitor=val/loss", "mode=max")
    run(small("sine", tmp_path, *words, SPY, "test=false", "trainer.max_epochs=3"))
    epochs = [Spy.rates[i * STEPS] for i in range(3)]
    assert epochs == pytest.approx([2e-3, 2e-3, 1e-3]), "the loss falls, which is not wanted here"


def test_the_head_is_built_for_the_data(finished: Run) -> None:
    hyper_parameters = torch.load(finished.folder.best, weights_only=True)["hyper_parameters"]
    config = check(hyper_parameters["config"])
    data = build_data(config)
    data.setup()
    assert build_task(config, data.spec).input_size == 1
    assert hyper_parameters["spec"] | {"class_names": ()} == vars(data.spec)


def test_a_run_leaves_no_word_for_processes_that_come_later(tmp_path: Path) -> None:
    run(small("sine", tmp_path, "debug=fast"))
    assert not [name for name in os.environ if name.startswith("RNNLAB_RUN")]


def test_a_process_goes_to_the_folder_of_its_run_whatever_ran_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, mine = tmp_path / "earlier", tmp_path / "mine"
    config = check(small("sine", tmp_path, f"run_dir={mine}"))
    for folder in (earlier, mine):
        claim_folder(replace(config, run_dir=str(folder)))
    for name, value in {"RNNLAB_RUN_DIR": str(earlier), "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert claim_folder(config).path == mine
