"""TensorBoard, MLflow and Trackio have what the report of a run has."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger as LightningCSVLogger

from rnnlab.errors import ConfigError
from rnnlab.experiment.run import check
from rnnlab.loggers import CSVLogger, MLflowLogger, TensorBoardLogger, TrackioLogger
from rnnlab.loggers.results import log_results
from tests.helpers.configs import small
from tests.helpers.wandb_file import save_picture

RESULTS = {
    "test/mse": 0.5,
    "best/test/mse": 0.5,
    "baselines/noise floor/test/mse": 0.25,
    "seconds/fit": 2.0,
    "parameters": 33,
    "commit": "abc+",
}
EXPECTED = {name: value for name, value in RESULTS.items() if name not in ("test/mse", "commit")}
SETTINGS = {"seed": 3, "model": {"hidden_size": 8}}


def read_tensorboard(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    metrics = {name: [(e.step, e.value) for e in events.Scalars(name)] for name in tags["scalars"]}
    (text, *_) = events.Tensors("settings/text_summary")
    lines = text.tensor_proto.string_val[0].decode().replace("    ", "").split("\n")
    settings = dict(line.split(": ") for line in lines)
    (more,) = events.Tensors("settings/text_summary")[-1:]
    settings["commit"] = more.tensor_proto.string_val[0].decode().rpartition(": ")[2]
    return metrics, settings, tags["images"]


def read_mlflow(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    logger = MLflowLogger(folder)
    client, run = logger.experiment, logger.version
    data = client.get_run(run).data
    metrics = {
        name: [(one.step, one.value) for one in client.get_metric_history(run, name)]
        for name in data.metrics
    }
    figures = [file.path.removesuffix(".png") for file in client.list_artifacts(run, "plots")]
    return metrics, data.params, figures


def read_trackio(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    (file,) = (folder / "trackio").glob("*.db")
    with sqlite3.connect(file) as base:
        rows = base.execute("select step, metrics from metrics order by step").fetchall()
        configs = base.execute("select config from configs").fetchall()
    metrics: dict[str, Any] = {}
    for step, row in rows:
        for name, value in json.loads(row).items():
            metrics.setdefault(name, []).append((step, value))
    figures = [name for name in metrics if name.startswith("plots/")]
    return metrics, json.loads(configs[-1][0]), figures


LOGGERS: dict[str, tuple[type, Callable[[Path], Any]]] = {
    "tensorboard": (TensorBoardLogger, read_tensorboard),
    "mlflow": (MLflowLogger, read_mlflow),
    "trackio": (TrackioLogger, read_trackio),
}
each_logger = pytest.mark.parametrize("name", LOGGERS)
written = pytest.mark.parametrize(  # MLflow makes 40 tables
    "name", ["tensorboard", pytest.param("mlflow", marks=pytest.mark.slow), "trackio"]
)


@written
def test_a_run_in_two_sessions_is_one_run_with_all_results(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    build, read = LOGGERS[name]
    for step in (1, 2):
        logger = build(tmp_path)
        logger.log_hyperparams(SETTINGS)
        logger.log_metrics({"train/loss": 1 / step}, step)
        logger.finalize("success")
    log_results(logger, RESULTS, [save_picture(tmp_path / "a.png")], 2)
    metrics, settings, figures = read(tmp_path)
    assert metrics["train/loss"] == [(1, 1.0), (2, 0.5)]
    assert {key: metrics[key][-1][1] for key in EXPECTED} == EXPECTED
    assert (settings["seed"], settings["model.hidden_size"]) == ("3", "8")
    assert settings["commit"] == "abc+"
    assert figures == ["plots/a"]


@written
def test_two_runs_of_a_process_have_their_own_folders(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    build, read = LOGGERS[name]
    for number in (1, 2):
        folder = tmp_path / str(number)
        logger = build(folder)
        logger.log_hyperparams({**SETTINGS, "commit": "x"})
        logger.log_metrics({"train/loss": number / 2}, 1)
        logger.finalize("success")
    assert [read(tmp_path / n)[0]["train/loss"] for n in "12"] == [[(1, 0.5)], [(1, 1.0)]]


@each_logger
def test_a_choice_is_checked_without_writing_anything(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    config = check(small("sine", tmp_path, f"logger={name}"))
    assert list(config.logger) == ["csv", name]
    assert not (Path(config.output_dir) / name).exists()


@each_logger
def test_a_missing_package_is_a_sentence_with_the_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnlab.loggers.folder_logger.find_spec", lambda module: None)
    with pytest.raises(
        ConfigError, match=rf"logger={name} needs .*: pip install 'rnnlab\[{name}\]'"
    ):
        check(small("sine", tmp_path, f"logger={name}"))


def test_a_logger_of_lightning_has_the_results_too(tmp_path: Path) -> None:
    logger = LightningCSVLogger(tmp_path, name="sessions", version=0)
    log_results(logger, RESULTS, [], 7)
    header, row = (tmp_path / "sessions" / "version_0" / "metrics.csv").read_text().splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert {key: float(values[key]) for key in EXPECTED} == EXPECTED
    assert "commit: abc+" in (tmp_path / "sessions" / "version_0" / "hparams.yaml").read_text()


def test_the_table_of_metrics_does_not_repeat_the_report(tmp_path: Path) -> None:
    log_results(CSVLogger(tmp_path), RESULTS, [], 7)
    assert not (tmp_path / "metrics.csv").exists()


def test_tensorboard_drops_what_a_resumed_run_logs_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    for steps in ((1, 2, 3), (3, 4)):
        logger = TensorBoardLogger(tmp_path)
        logger.log_hyperparams({"commit": "x"})
        if steps[0] > 1:
            logger.rewind_to(steps[0])
        for step in steps:
            logger.log_metrics({"a": 10.0 * len(steps) + step}, step)
        logger.finalize("success")
    assert read_tensorboard(tmp_path)[0]["a"] == [(1, 31.0), (2, 32.0), (3, 23.0), (4, 24.0)]
