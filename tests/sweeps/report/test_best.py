from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnlab.errors import ConfigError
from rnnlab.report.folder import RunFolder
from rnnlab.sweeps.report.best import copy_trial
from rnnlab.sweeps.workers.messages import Job, TrialResult, result_files
from rnnlab.sweeps.workers.trial import execute_job
from tests.helpers.configs import CONF

STOPS_EARLY = [
    *("data=sine", "model=gru", "trainer=cpu", "model.hidden_size=4", "trainer.max_epochs=9"),
    *("data.num_series=8", "data.num_eval_series=2", "data.steps=40", "data.first_target=30"),
    *("data.seq_len=8", "callbacks=early_stopping", "callbacks.early_stopping.patience=1"),
    *("callbacks.progress=null", "optimizer.lr=0.5", "seed=5"),
]


def test_the_copy_of_a_trial_is_a_run_that_will_be_tested(tmp_path: Path) -> None:
    trial = RunFolder(tmp_path / "trials" / "0001")
    TrialResult(1, "complete").write(trial.path)
    trial.write_config({"name": "s", "test": False, "baselines": False})
    trial.write_report({"status": "finished", "seed": 3})
    spec: Any = SimpleNamespace(
        base={"test": True, "baselines": True, "page": True, "name": "other"}
    )
    copy = RunFolder(copy_trial(trial.path, spec))
    tested = {"test": True, "baselines": True, "page": True}
    assert copy.read_config() == {"name": "s", **tested}
    assert copy.read_report() == {"status": "trained", "seed": 3}
    assert not result_files(copy.path)
    assert trial.read_config()["test"] is False, "the trial itself stays as it is"


def test_a_best_trial_on_another_machine_is_reported(tmp_path: Path) -> None:
    spec: Any = SimpleNamespace(base={})
    with pytest.raises(ConfigError, match="ran elsewhere, and its folder is not here"):
        copy_trial(tmp_path / "trials" / "0001", spec)


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["callbacks.best=null"]])
def test_best_holds_the_network_of_a_trial_that_stopped_early(
    words: list[str], tmp_path: Path, no_figures: None
) -> None:
    trial = RunFolder(tmp_path / "trials" / "0000")
    job = Job(str(trial.path), 1, [*STOPS_EARLY, *words], settings={"test": False})
    assert execute_job(job, CONF).state == "complete"
    assert trial.read_report()["epochs"] < 9, "it stopped early"
    spec: Any = SimpleNamespace(base={"test": True, "baselines": True})
    best = RunFolder(copy_trial(trial.path, spec))
    assert execute_job(Job(str(best.path), 1), CONF).state == "complete"
    name = "last.ckpt" if words else "best.ckpt"
    before, after = (one.path / "checkpoints" / name for one in (trial, best))
    assert after.read_bytes() == before.read_bytes()
    report, scores = best.read_report(), trial.read_report()["scores"]
    assert (report["best"], report["epochs"]) == tuple(
        trial.read_report()[key] for key in ("best", "epochs")
    )
    assert scores.items() <= report["scores"].items()
    assert "test/mse" in report["scores"]
