import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import lightning.pytorch as L
import pytest
import torch
import wandb
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.demos.boring_classes import BoringModel

from rnnlab.callbacks import RunStopped
from rnnlab.config import compose as composing
from rnnlab.errors import ConfigError, RunPruned
from rnnlab.experiment.run import run
from rnnlab.loggers.wandb import WandbLogger, run_id
from tests.helpers.configs import CONF, small
from tests.helpers.wandb_file import (
    BLOCK,
    FIRST,
    LAST,
    MIDDLE,
    chunks,
    files_of,
    merged,
    read_run,
    records,
    records_of_kind,
    save_picture,
    whole_records,
)

KEY = "0" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "imdb-gru" / "2026-01-31_12-00-00-x7"
    folder.mkdir(parents=True)
    return folder


def with_key(environment: pytest.MonkeyPatch, port: int) -> None:
    environment.setenv("WANDB_API_KEY", KEY)
    environment.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")


def say(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.name == "rnnlab.loggers.wandb"]


@pytest.mark.slow
def test_an_offline_run_is_written_whole(folder: Path) -> None:
    config = {"optimizer": {"lr": 1e-3, "betas": [0.9, 0.99]}, "resume": None, "seed": 0}
    logger = WandbLogger(folder, "run 1", group="g", tags=["a", "b"], mode="offline")
    logger.log_hyperparams(config)
    logger.log_metrics({"train/loss": 0.5, "epoch": 0}, step=10)
    logger.log_metrics({"val/accuracy": 0.75}, step=20)
    report = folder / "config.yaml"
    report.write_text("seed: 0")
    logger.close(
        {"test/accuracy": 0.8, "val/accuracy": 0.9}, [save_picture(folder / "a.png"), report]
    )
    found = read_run(folder)

    (run,) = (record.run for record in found if record.HasField("run"))
    assert (run.display_name, run.project, run.run_group) == ("run 1", "rnnlab", "g")
    assert (list(run.tags), run.run_id, run.resume) == (["a", "b"], folder.name, True)
    told = merged(records_of_kind(found, "config"))
    assert {key: told[key] for key in config} == config

    first, second, third = records_of_kind(found, "history")
    assert (first["train/loss"], first["epoch"], first["trainer/global_step"]) == (0.5, 0, 10)
    assert (second["val/accuracy"], second["trainer/global_step"]) == (0.75, 20)
    assert (third["plots/a/_type"], third["plots/a/width"]) == ("image-file", 5)
    assert third["trainer/global_step"] == 20
    media = folder / "wandb" / files_of(folder)[0].parent.name / "files"
    assert (media / third["plots/a/path"]).read_bytes() == (folder / "a.png").read_bytes()

    summary = merged(records_of_kind(found, "summary"))
    assert summary["test/accuracy"] == 0.8
    assert summary["val/accuracy"] == 0.9, "the best, as the report has it, not the last"
    assert (summary["train/loss"], summary["state"]) == (0.5, "complete")
    kept = [file.path for record in found for file in record.files.files]
    assert f"{folder.name}/config.yaml" in kept
    assert not (media / folder.name / "config.yaml").is_symlink(), "the folder may be moved"
    assert [record.exit.exit_code for record in found if record.HasField("exit")] == [0]


@pytest.mark.parametrize("is_logged", [True, False])
def test_the_best_checkpoint_is_an_artifact_if_it_is_wanted(folder: Path, is_logged: bool) -> None:
    names = ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "processor.json", "report.json")
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    logger = WandbLogger(folder, mode="offline", log_checkpoint=is_logged)
    logger.close({}, [])
    artifacts = [
        record.request.log_artifact.artifact if record.HasField("request") else record.artifact
        for record in read_run(folder)
        if record.HasField("artifact") or record.request.HasField("log_artifact")
    ]
    assert len(artifacts) == is_logged
    if is_logged:
        (artifact,) = artifacts
        assert (artifact.name, artifact.type) == (f"model-{folder.name}", "model")
        paths = {entry.path for entry in artifact.manifest.contents}
        assert paths == {"checkpoints/best.ckpt", "processor.json"}


def test_every_chart_is_drawn_over_the_global_step(folder: Path) -> None:
    logger = WandbLogger(folder, mode="offline")
    logger.log_metrics({"train/loss": 0.5}, step=10)
    logger.log_metrics({"no/step": 1.0})
    logger.finish("complete")
    found = read_run(folder)
    (axis, others) = (record.metric for record in found if record.HasField("metric"))
    assert axis.name == others.step_metric == "trainer/global_step"
    assert others.glob_name == "*"
    assert records_of_kind(found, "history")[1]["trainer/global_step"] == 10


@pytest.mark.parametrize(
    ("state", "code"), [("complete", 0), ("pruned", 0), ("stopped", 0), ("failed", 1)]
)
def test_how_a_run_ended_is_told(folder: Path, state: str, code: int) -> None:
    logger = WandbLogger(folder, mode="offline")
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.finish(state)
    logger.log_metrics({"train/loss": 0.1}, step=2)  # dropped
    found = read_run(folder)
    assert merged(records_of_kind(found, "summary"))["state"] == state
    assert [record.exit.exit_code for record in found if record.HasField("exit")] == [code]
    assert len(records_of_kind(found, "history")) == 1


def save_picture_of(figure: object, path: Path) -> Path:
    return save_picture(path)


def test_a_run_that_logged_nothing_leaves_nothing(folder: Path) -> None:
    WandbLogger(folder, mode="offline").finish("failed")
    assert not (folder / "wandb").exists()


class Raises(BoringModel):
    """Logs, and raises an error in its second step."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> object:
        if batch_idx == 1 and self.error is not None:
            raise self.error
        self.log("train/loss", 0.5)
        return super().training_step(batch, batch_idx)

    def test_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("test/loss", 0.25)


def trainer_with(logger: WandbLogger) -> L.Trainer:
    quiet = ("enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    settings = {"max_steps": 2, "limit_val_batches": 0, "log_every_n_steps": 1}
    return L.Trainer(logger=logger, accelerator="cpu", **settings, **dict.fromkeys(quiet, False))


def test_fit_and_test_are_one_wandb_run(folder: Path) -> None:
    logger = WandbLogger(folder, mode="offline")
    trainer = trainer_with(logger)
    model = Raises(None)
    trainer.fit(model)
    trainer.test(model, verbose=False)
    logger.close({}, [])
    rows = records_of_kind(read_run(folder), "history")
    assert [row["train/loss"] for row in rows if "train/loss" in row] == [0.5, 0.5]
    assert [row["test/loss"] for row in rows if "test/loss" in row] == [0.25]


@pytest.mark.parametrize(
    ("error", "state"),
    [(RunStopped(), "stopped"), (RunPruned(), "pruned"), (ValueError(), "failed")],
)
def test_a_fit_that_raises_closes_the_wandb_run(folder: Path, error: Exception, state: str) -> None:
    logger = WandbLogger(folder, mode="offline")
    with pytest.raises(type(error)):
        trainer_with(logger).fit(Raises(error))
    assert merged(records_of_kind(read_run(folder), "summary"))["state"] == state


def test_the_summary_of_a_run_has_what_its_report_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", save_picture_of)
    words = ("logger=wandb", "logger.wandb.mode=offline", "trainer.max_epochs=1")
    done = run(small("sine", tmp_path, *words))
    report, summary = done.report, merged(records_of_kind(read_run(done.folder.path), "summary"))
    assert summary["parameters"] == report["model"]["parameters"] > 0
    assert summary["commit"].rstrip("+") == report["git"].get("commit", "")
    assert summary["best/epoch"] == report["best"]["epoch"] == 0
    for name, score in report["scores"].items():
        assert summary[name] == summary[f"best/{name}"] == score
    assert report["baselines"].keys() == {"persistence", "noise floor"}
    for name, scores in report["baselines"].items():
        for metric, score in scores.items():
            assert summary[f"baselines/{name}/{metric}"] == score
    stages = {name for name in summary if name.startswith("seconds/")}
    assert stages == {f"seconds/{name}" for name in [*report["seconds"], "total"]}
    assert 0 < summary["seconds/fit"] == report["seconds"]["fit"] < summary["seconds/total"]


def test_a_resumed_run_is_the_same_wandb_run(folder: Path) -> None:
    for step in (1, 2):
        logger = WandbLogger(folder, mode="offline")
        logger.log_metrics({"train/loss": 0.5}, step=step)
        logger.finish("stopped")
    first, second = (whole_records(file) for file in files_of(folder))
    ids = {record.run.run_id for record in (*first, *second) if record.run.run_id}
    assert ids == {folder.name} == {logger.version}


def test_names_that_wandb_refuses_stay_apart() -> None:
    names = ["a:b", "a?b", "a b", "x" * 100, "x" * 101]
    ids = [run_id(name) for name in names]
    assert len(set(ids)) == len(names)
    assert max(map(len, ids)) <= 128
    for id in ids:
        wandb.Settings(run_id=id)
    assert run_id("2026-01-31_12-00-00-x7") == "2026-01-31_12-00-00-x7"


@pytest.mark.parametrize(("id", "taken"), [("sine-0007", "sine-0007"), ("a:b", run_id("a:b"))])
def test_an_id_of_ones_own_takes_the_place_of_the_folders_name(
    folder: Path, id: str, taken: str
) -> None:
    logger = WandbLogger(folder, id=id, mode="offline")
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.finish("complete")
    (run,) = (record.run for record in read_run(folder) if record.HasField("run"))
    assert run.run_id == logger.version == taken


def test_folders_of_equal_names_have_runs_of_their_own(tmp_path: Path) -> None:
    folders = [tmp_path / name / "run" for name in ("one", "two")]
    ids = []
    for folder in [*folders, folders[0]]:
        folder.mkdir(parents=True, exist_ok=True)
        logger = WandbLogger(folder, mode="offline")
        logger.log_metrics({"train/loss": 0.5}, step=1)
        logger.finish("stopped")
        ids.append(logger.version)
    assert ids[0] == ids[2] != ids[1], "a resumed run continues, another one does not"
    assert all(id.startswith("run-") for id in ids)


def test_the_variables_of_wandb_are_respected(folder: Path, own_wandb: pytest.MonkeyPatch) -> None:
    variables = {"PROJECT": "lab", "NAME": "my [run]", "RUN_GROUP": "g, 1", "TAGS": "a,b"}
    for name, value in variables.items():
        own_wandb.setenv(f"WANDB_{name}", value)
    settings = composing.compose(CONF, ["data=sine", "logger=wandb"])["logger"]["wandb"]
    typed = composing.compose(CONF, ["logger=wandb", "logger.wandb.project=own"])["logger"]["wandb"]
    assert typed["project"] == "own"
    names = {key: settings[key] for key in ("project", "name", "group", "tags")}
    logger = WandbLogger(folder, mode="offline", **names)
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.finish("complete")
    (run,) = (record.run for record in read_run(folder) if record.HasField("run"))
    assert (run.project, run.display_name, run.run_group) == ("lab", "my [run]", "g, 1")
    assert list(run.tags) == ["a", "b"]


def test_names_without_variables(own_wandb: pytest.MonkeyPatch) -> None:
    settings = composing.compose(CONF, ["data=sine", "logger=wandb", "seed=3"])["logger"]["wandb"]
    names = [settings[key] for key in ("project", "name", "group", "tags")]
    assert names == ["rnnlab", "sine-gru, seed 3", "sine-gru", None]


def test_a_tag_that_wandb_refuses_has_a_reason(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"refuses .*run_tags.* between 1 and 64 characters"):
        WandbLogger(folder, tags=["x" * 65])


def test_a_name_that_wandb_refuses_is_a_config_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"project='a/b'.*cannot contain characters"):
        WandbLogger(folder, project="a/b")


def test_no_key_goes_on_offline_and_says_so_once(
    folder: Path,
    own_wandb: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    logger = WandbLogger(folder)
    with caplog.at_level(logging.INFO):
        logger.log_metrics({"train/loss": 0.5}, step=1)
        logger.log_metrics({"train/loss": 0.4}, step=2)
        logger.finish("complete")
    (line,) = say(caplog)
    assert "offline, because no API key was found" in line
    assert line.endswith(f"wandb sync {files_of(folder)[0].parent}")
    printed = "".join(capfd.readouterr())
    assert "wandb:" not in printed, "W&B itself stays silent"


def test_a_key_in_netrc_is_found(folder: Path, own_wandb: pytest.MonkeyPatch) -> None:
    own_wandb.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    Path(os.environ["NETRC"]).write_text(f"machine 127.0.0.1:9\n login user\n password {KEY}\n")
    WandbLogger(folder, mode="online")


def test_a_key_that_cannot_be_one_is_named(
    folder: Path, own_wandb: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own_wandb.setenv("WANDB_API_KEY", "short")
    WandbLogger(folder).log_metrics({"train/loss": 0.5}, step=1)
    assert "API key must have 40+ characters, has 5" in say(caplog)[0]
    with pytest.raises(ConfigError, match="40\\+ characters"):
        WandbLogger(folder, mode="online")


def test_online_without_a_key_is_a_config_error(
    folder: Path, own_wandb: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"no API key was found \(`wandb login`.*mode=auto"):
        WandbLogger(folder, mode="online")
    assert not (folder / "wandb").exists()


@pytest.mark.parametrize("mode", ["auto", "online"])
def test_wandb_mode_offline_has_the_last_word(
    folder: Path, own_wandb: pytest.MonkeyPatch, mode: str
) -> None:
    own_wandb.setenv("WANDB_MODE", "offline")
    logger = WandbLogger(folder, mode=mode)
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.finish("complete")
    assert len(read_run(folder)) > 1


def test_wandb_mode_disabled_writes_nothing(folder: Path, own_wandb: pytest.MonkeyPatch) -> None:
    own_wandb.setenv("WANDB_MODE", "disabled")
    logger = WandbLogger(folder, mode="online")
    logger.log_hyperparams({"seed": 0})
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.close({"test/loss": 0.5}, [save_picture(folder / "a.png")])
    assert not (folder / "wandb").exists()


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:  # bound, so that nobody else gets it; not listening
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


class Refuses(BaseHTTPRequestHandler):
    """Answers every question with 401."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing_port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("port", "reason", "timeout", "seconds"),
    [
        ("closed_port", "does not answer", 15.0, 14.0),
        ("silent_port", "does not answer", 1.0, 14.0),
        ("refusing_port", "401", 15.0, 14.0),
    ],
)
def test_a_server_that_cannot_be_used_is_given_up_in_time(
    folder: Path,
    own_wandb: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
    port: str,
    reason: str,
    timeout: float,
    seconds: float,
) -> None:
    with_key(own_wandb, request.getfixturevalue(port))
    logger = WandbLogger(folder, init_timeout=timeout)
    started = time.monotonic()
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.finish("complete")
    assert time.monotonic() - started < seconds
    (line,) = say(caplog)
    assert "offline, because" in line
    assert reason in line
    assert records_of_kind(read_run(folder), "history")[0]["train/loss"] == 0.5


def test_online_without_a_server_is_a_config_error(
    folder: Path, own_wandb: pytest.MonkeyPatch, closed_port: int
) -> None:
    with_key(own_wandb, closed_port)
    with pytest.raises(ConfigError, match=rf"127.0.0.1:{closed_port} does not answer"):
        WandbLogger(folder, mode="online").log_metrics({"train/loss": 0.5}, step=1)


def test_training_goes_on_when_the_wandb_service_dies(
    folder: Path, own_wandb: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logger = WandbLogger(folder, mode="offline")
    logger.log_metrics({"train/loss": 0.5}, step=1)
    service = wandb.setup().ensure_service()
    os.kill(service._proc._process.pid, signal.SIGKILL)
    service._proc.join()
    for step in range(2, 100):
        logger.log_metrics({"train/loss": 0.5}, step=step)
    logger.close({"test/loss": 0.5}, [])
    (line,) = say(caplog)
    assert "W&B was lost" in line
    assert line.endswith(f"wandb sync {files_of(folder)[0].parent}")

    following = WandbLogger(folder.parent / "next", mode="offline")
    following.log_metrics({"train/loss": 0.25}, step=1)
    following.finish("complete")
    assert records_of_kind(read_run(folder.parent / "next"), "history")[0]["train/loss"] == 0.25


def test_a_run_left_open_by_somebody_else_does_not_take_our_metrics(
    folder: Path, tmp_path: Path
) -> None:
    other = wandb.init(mode="offline", dir=tmp_path, settings=wandb.Settings(silent=True))
    logger = WandbLogger(folder, mode="offline")
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.finish("complete")
    other.finish()
    assert len(records_of_kind(read_run(folder), "history")) == 1


def test_other_ranks_are_silent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger = WandbLogger(folder, mode="online")  # not asked for a key either
    logger.log_hyperparams({"seed": 0})
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.experiment.log({"train/loss": 0.5})
    logger.close({}, [])
    assert not (folder / "wandb").exists()


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.png"):
        WandbLogger(folder, mode="offline").log_files([folder / "nothing.png"])


def test_wandb_is_imported_only_when_a_logger_is_made() -> None:
    assert not hasattr(sys.modules[WandbLogger.__module__], "wandb")


def test_the_reader_joins_records_larger_than_a_block(folder: Path) -> None:
    config = {"numbers": list(range(20_000))}
    logger = WandbLogger(folder, mode="offline")
    logger.log_hyperparams(config)
    logger.finish("complete")
    found = read_run(folder)
    data = files_of(folder)[0].read_bytes()
    assert len(data) > 3 * BLOCK
    assert {FIRST, MIDDLE, LAST} <= {kind for kind, _ in chunks(data)}
    assert merged(records_of_kind(found, "config"))["numbers"] == config["numbers"]


def test_the_reader_sees_a_flipped_bit(folder: Path) -> None:
    logger = WandbLogger(folder, mode="offline")
    logger.log_metrics({"train/loss": 0.5}, step=1)
    logger.finish("complete")
    found = read_run(folder)
    (file,) = files_of(folder)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    spoiled = folder / "spoiled.wandb"
    spoiled.write_bytes(data)
    assert len(found) > 1
    with pytest.raises(ValueError, match="checksum"):
        list(records(spoiled))
