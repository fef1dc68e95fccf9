"""A trial in the process that does it: real runs of a second, and a result for each way to end."""

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import optuna
import pytest
import torch

from rnnlab.errors import ConfigError
from rnnlab.models import RecurrentModel
from rnnlab.report.folder import RunFolder
from rnnlab.sweeps.study.storage import open_storage
from rnnlab.sweeps.workers import trial as trials
from rnnlab.sweeps.workers.messages import Job, Reporting, TrialResult, load_result
from rnnlab.sweeps.workers.trial import trial_lock
from tests.helpers.configs import CONF

pytestmark = pytest.mark.usefixtures("no_figures")

WORDS = [
    *("data=sine", "model=gru", "trainer=cpu", "model.hidden_size=8", "trainer.max_epochs=2"),
    *("data.num_series=20", "data.num_eval_series=5", "data.steps=60", "data.first_target=40"),
    *("data.seq_len=16", "data.batch_size=64", "callbacks.progress=null", "seed=5"),
]
QUIET = {"test": False, "baselines": False}


def job(folder: Path, *words: str, **more: Any) -> Job:
    return Job(str(folder / "0000"), 1, [*WORDS, *words], settings=QUIET, **more)


def study_of(folder: Path, pruner: dict | None = None, **asked: Any) -> tuple[Any, Reporting]:
    """A study with one trial, and what its process must know of it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = f"journal://{folder}/study.journal"
    study = optuna.create_study(study_name="s", storage=open_storage(url), load_if_exists=True)
    trial = study.ask()
    settings = {"unit": "epochs", "every": 1, **asked}
    return study, Reporting(url, "s", trial._trial_id, pruner, **settings)


def do(made: Job) -> TrialResult:
    result = trials.execute_job(made, CONF)
    assert load_result(Path(made.folder), made.attempt) == result, "what is said is written down"
    return result


def test_a_complete_trial_has_a_score_and_read_no_test_split(tmp_path: Path) -> None:
    result = do(job(tmp_path))
    report = RunFolder(tmp_path / "0000").read_report()
    assert (result.state, result.failure, report["status"]) == ("complete", None, "finished")
    assert result.scores["score"] == report["scores"]["val/mse"]
    assert not any(name.startswith("test/") for name in report["scores"])
    assert (result.epochs, result.parameters) == (2, report["model"]["parameters"])
    assert result.seconds > 0
    assert result.threads == 1


@pytest.mark.slow
def test_reports_are_counted_in_epochs(tmp_path: Path) -> None:
    study, reporting = study_of(tmp_path)
    do(job(tmp_path, "trainer.val_check_interval=0.5", reporting=reporting))
    (known,) = study.get_trials()
    assert list(known.intermediate_values) == [1, 2], "once an epoch, at its end"


@pytest.mark.slow
def test_reports_can_be_counted_in_samples(tmp_path: Path) -> None:
    study, reporting = study_of(tmp_path, unit="samples", every=400)
    do(job(tmp_path, reporting=reporting))
    samples = 13 * 64  # an epoch: 20 series of 60 steps, cut into windows, in whole batches
    (known,) = study.get_trials()
    assert list(known.intermediate_values) == [samples // 400, 2 * samples // 400]


@pytest.mark.slow
def test_a_trial_that_is_given_up_is_pruned(tmp_path: Path) -> None:
    never = {"_target_": "optuna.pruners.ThresholdPruner", "upper": -1.0}
    _, reporting = study_of(tmp_path, never)
    result = do(job(tmp_path, reporting=reporting))
    assert (result.state, result.failure, result.epochs) == ("pruned", None, 1)
    assert result.scores["score"] > 0
    assert RunFolder(tmp_path / "0000").read_report()["status"] == "pruned"


@pytest.mark.slow
def test_a_decision_that_was_lost_with_its_process_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, reporting = study_of(tmp_path)

    def stop(self: Any, trainer: L.Trainer, *rest: Any) -> None:
        if trainer.current_epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr("rnnlab.callbacks.Throughput.on_train_batch_start", stop)
        assert do(job(tmp_path, reporting=reporting)).state == "stopped"
    assert list(study.get_trials()[0].intermediate_values) == [1]
    never = {"_target_": "optuna.pruners.ThresholdPruner", "upper": -1.0}
    asked = replace(reporting, pruner=never)
    result = do(replace(job(tmp_path, reporting=asked), attempt=2))
    assert (result.state, result.epochs) == ("pruned", 1)


@pytest.mark.slow
def test_one_that_was_let_on_is_not_asked_again_after_a_kill(tmp_path: Path) -> None:
    never = {"_target_": "optuna.pruners.ThresholdPruner", "upper": -1.0}
    study, reporting = study_of(tmp_path, never)
    study._storage.set_trial_intermediate_value(reporting.trial_id, 2, 0.5)
    result = do(job(tmp_path, "trainer.max_epochs=1", reporting=reporting))
    assert result.state == "complete"


def test_a_loss_that_is_no_number_is_infeasible(tmp_path: Path) -> None:
    result = do(job(tmp_path, "optimizer.lr=1e30", "trainer.gradient_clip_val=null"))
    assert (result.state, result.failure) == ("infeasible", "diverged")


def test_settings_that_cannot_work_are_told(tmp_path: Path) -> None:
    result = do(job(tmp_path, "data.seq_len=50"))
    assert (result.state, result.failure) == ("failed", "config")
    assert "seq_len" in result.message


def test_data_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    table = tmp_path / "series.csv"
    table.write_text("date,a\n2020-01-01 00:00:00,one\n")
    words = ["data=csv_series", f"data.path={table}", "trainer=cpu"]
    result = do(Job(str(tmp_path / "0000"), 1, words, settings=QUIET))
    assert (result.state, result.failure) == ("failed", "data")
    assert "series.csv" in result.message


@pytest.mark.slow
@pytest.mark.parametrize("word", ["+trainer.check_val_every_n_epoch=5", "trainer.max_steps=1"])
def test_a_trial_is_validated_at_the_end_of_its_budget(word: str, tmp_path: Path) -> None:
    result = do(job(tmp_path, word))
    assert result.state == "complete"
    assert result.scores["val/mse"] > 0


@pytest.mark.slow
def test_a_metric_that_the_validation_does_not_log_ends_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reporting = study_of(tmp_path)
    monkeypatch.setattr(RecurrentModel, "_log_scores", lambda self, scores: None)
    result = do(job(tmp_path, "callbacks.best=null", reporting=reporting))
    assert result.failure == "config"
    assert "did not log it; it logged nothing" in result.message


def test_an_error_of_the_code_is_a_crash_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(self: Any, batch: Any, batch_idx: int) -> Any:
        raise KeyError("gone")

    monkeypatch.setattr(RecurrentModel, "training_step", step)
    result = do(job(tmp_path))
    assert (result.state, result.failure) == ("failed", "crash")
    assert "KeyError: 'gone' (test_trial.py:" in result.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"),
        MemoryError("no memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_memory_that_runs_out_is_known(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(self: Any, batch: Any, batch_idx: int) -> Any:
        raise error

    monkeypatch.setattr(RecurrentModel, "training_step", step)
    result = do(job(tmp_path))
    assert (result.state, result.failure) == ("infeasible", "out of memory")
    assert result.oom_overrides == ["data.batch_size=32", "trainer.accumulate_grad_batches=2"]
    odd = do(replace(job(tmp_path / "odd", "data.batch_size=7")))
    assert odd.oom_overrides == [], "a batch of 7 has no half"


@pytest.mark.slow
def test_half_the_batch_twice_is_a_step_of_as_many_samples(tmp_path: Path) -> None:
    less = ["data.batch_size=32", "trainer.accumulate_grad_batches=2"]
    whole, halved = do(job(tmp_path)), do(job(tmp_path / "b", *less))
    assert halved.scores["score"] == pytest.approx(whole.scores["score"], rel=0.2)


@pytest.mark.slow
def test_a_stopped_trial_goes_on_and_ends_as_one_that_was_let_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = do(job(tmp_path / "calm"))
    seen = []

    def stop(self: Any, trainer: L.Trainer, *rest: Any) -> None:
        seen.append(trainer.global_step)
        if len(seen) == 9:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("rnnlab.callbacks.Throughput.on_train_batch_start", stop)
    stopped = do(job(tmp_path))
    assert (stopped.state, stopped.failure) == ("stopped", None)
    again = do(replace(job(tmp_path), attempt=2))
    assert again.state == "complete"
    assert again.scores["score"] == calm.scores["score"]


@pytest.mark.slow
def test_the_settings_of_several_trials_are_checked_without_training(tmp_path: Path) -> None:
    good, bad = WORDS, [*WORDS, "model.hidden_size=0"]
    assert do(Job(str(tmp_path / "a"), 1, checks=[good])).state == "complete"
    told = do(Job(str(tmp_path / "b"), 1, checks=[good, bad]))
    assert told.failure == "config"
    assert "model.hidden_size=0" in told.message
    assert not list(tmp_path.glob("**/config.yaml"))


@pytest.mark.slow
def test_a_logger_is_told_which_trial_it_logs(tmp_path: Path) -> None:
    identity = {"id": "s-abc-0000", "group": "s", "name": "s-0", "other": "x"}
    words = ["logger=wandb", "logger.wandb.mode=offline"]
    do(job(tmp_path, *words, identity=identity))
    kept = RunFolder(tmp_path / "0000").read_config()["logger"]
    assert kept["wandb"]["group"] == "s"
    assert kept["wandb"]["id"] == "s-abc-0000"
    assert "other" not in kept["wandb"]
    assert list(kept["csv"]) == ["_target_"]


@pytest.mark.slow
def test_a_result_is_plain_text(tmp_path: Path) -> None:
    do(job(tmp_path))
    told = json.loads((tmp_path / "0000" / "result.json").read_text())
    assert told["state"] == "complete"


@pytest.mark.slow
def test_a_machine_that_does_not_see_the_storage_says_so(tmp_path: Path) -> None:
    _, reporting = study_of(tmp_path)
    elsewhere = replace(reporting, storage=f"journal://{tmp_path}/elsewhere/study.journal")
    result = do(job(tmp_path, reporting=elsewhere))
    assert (result.state, result.failure) == ("failed", "config")
    assert "All machines of a search must see the same storage" in result.message


@pytest.mark.slow
def test_a_trial_without_a_csv_file_has_a_score(tmp_path: Path) -> None:
    result = do(job(tmp_path, "logger.csv=null", "trainer.max_epochs=2"))
    assert (result.state, result.epochs) == ("complete", 2)
    assert result.scores["score"] > 0


def test_validations_without_a_finite_score_are_infeasible(tmp_path: Path) -> None:
    report = {"monitor": "val/mse", "evaluated_targets": {"val": 7}}
    result = trials.result_without_score(job(tmp_path), report)
    assert (result.state, result.failure) == ("infeasible", "diverged")
    with pytest.raises(ConfigError, match=r"val/mse: was never logged"):
        trials.result_without_score(job(tmp_path), {**report, "evaluated_targets": {"val": 0}})


def test_a_trial_that_an_older_version_left_unfinished_fails_with_a_message(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "0000"
    folder.mkdir()
    (folder / "config.yaml").write_text("mode: min\n")
    (folder / "report.json").write_text(json.dumps({"monitor": "val/mse"}))
    (folder / "metrics.csv").write_text("step,epoch,val/loss,val/mse\n1,0,0.5,0.5\n")
    result = do(job(tmp_path))
    assert (result.state, result.failure) == ("failed", "config")
    assert "older version of rnnlab wrote this run" in result.message


def test_a_trial_begins_when_the_process_before_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "trials" / "0001"
    order: list[str] = []

    def second() -> None:
        with trial_lock(folder):
            order.append("second")

    with trial_lock(folder):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_nobody_is_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnlab.sweeps.workers.trial.LOCK_TIMEOUT_SECONDS", 0.1)
    with trial_lock(tmp_path / "0001"), trial_lock(tmp_path / "0001"):
        pass
