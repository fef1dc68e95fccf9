"""Threads of a run."""

from pathlib import Path

import pytest
import torch

from rnnlab.experiment.run import run
from tests.helpers.configs import small


@pytest.mark.slow
def test_a_resumed_run_keeps_its_threads_and_the_process_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = torch.get_num_threads()
    settings = ("scheduler=none", "trainer.max_epochs=1", "trainer.limit_train_batches=2")
    first = run(small("sine", tmp_path, "threads=2", "test=false", *settings))
    assert first.report["threads"] == {"number": 2, "reason": "threads=2"}
    assert first.report["device"]["threads"] == 2
    assert "cpu    2 threads (threads=2)" in capsys.readouterr().out
    report = first.folder.read_report()
    first.folder.write_report({**report, "device": {**report["device"], "threads": 1}})
    again = run({"resume": str(first.folder.path), "trainer": {"max_epochs": 2}})
    assert again.report["epochs"] == 2
    assert again.report["threads"]["number"] == 1
    assert torch.get_num_threads() == count
