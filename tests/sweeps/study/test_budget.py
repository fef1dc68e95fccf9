"""The budget of a trial, in samples."""

import math
from pathlib import Path

import pytest

from rnnlab.config.compose import compose_checked
from rnnlab.report.folder import RunFolder
from rnnlab.runtime.files import read_metrics
from rnnlab.sweeps.study.budget import budget_overrides
from rnnlab.sweeps.workers.messages import Job
from rnnlab.sweeps.workers.trial import execute_job
from tests.helpers.configs import CONF

pytestmark = pytest.mark.usefixtures("no_figures")

WORDS = [
    *("data=sine", "model=gru", "trainer=cpu", "model.hidden_size=8", "trainer.max_epochs=2"),
    *("data.num_series=20", "data.num_eval_series=5", "data.steps=60", "data.first_target=40"),
    *("data.seq_len=16", "data.batch_size=64", "callbacks.progress=null", "seed=5"),
]


@pytest.mark.parametrize("samples", [320, 100])
def test_a_budget_in_samples_ends_with_a_validation(samples: int, tmp_path: Path) -> None:
    """Between two epochs, and within the first one."""
    limits = budget_overrides({"samples": samples}, compose_checked(CONF, WORDS), {})
    folder, settings = RunFolder(tmp_path / "0000"), {"test": False, "baselines": False}
    result = execute_job(Job(str(folder.path), 1, [*WORDS, *limits], settings=settings), CONF)
    report = folder.read_report()
    assert report["budget"]["steps"] == math.ceil(samples / 64)
    steps = [int(row["step"]) for row in read_metrics(folder.metrics) if row.get("val/mse")]
    assert steps[-1] == report["budget"]["steps"]
    assert report["budget"]["steps"] % report["budget"]["steps_per_epoch"], "no whole epoch"
    assert (result.state, result.scores["score"]) == ("complete", report["scores"]["val/mse"])
