from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnlab.errors import ConfigError
from rnnlab.report.folder import RunFolder
from rnnlab.sweeps.report.best import copy_trial
from rnnlab.sweeps.workers.messages import TrialResult, result_files


def test_the_copy_of_a_trial_is_a_run_that_will_be_tested(tmp_path: Path) -> None:
    trial = RunFolder(tmp_path / "trials" / "0001")
    TrialResult(1, "complete").write(trial.path)
    trial.write_config({"name": "s", "test": False, "baselines": False})
    trial.write_report({"status": "finished", "seed": 3})
    spec: Any = SimpleNamespace(base={"test": True, "baselines": True, "name": "other"})
    copy = RunFolder(copy_trial(trial.path, spec))
    assert copy.read_config() == {"name": "s", "test": True, "baselines": True}
    assert copy.read_report() == {"status": "trained", "seed": 3}
    assert not result_files(copy.path)
    assert trial.read_config()["test"] is False, "the trial itself stays as it is"


def test_a_best_trial_on_another_machine_is_reported(tmp_path: Path) -> None:
    spec: Any = SimpleNamespace(base={})
    with pytest.raises(ConfigError, match="ran elsewhere, and its folder is not here"):
        copy_trial(tmp_path / "trials" / "0001", spec)
