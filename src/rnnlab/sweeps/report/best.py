"""Folder best/: the run of the best trial, the only one scored on the test split."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from rnnlab.errors import ConfigError
from rnnlab.report.folder import TRAINED, RunFolder
from rnnlab.runtime.files import write_json
from rnnlab.sweeps.report.ranking import best_trial
from rnnlab.sweeps.study.definition import SearchSpec
from rnnlab.sweeps.study.open import OpenStudy
from rnnlab.sweeps.workers.messages import Job, TrialResult, result_files

ORIGIN_FILE = "trial.json"  # number of the trial, and token of its study


def test_best(spec: SearchSpec, study: OpenStudy, run: Callable[[Job], TrialResult]) -> None:
    """Copy the best trial to best/, and score the copy on the test split, without training it.

    No trial reads the test split during a search: after choosing by it, there would be no unbiased
    score left.

    Raises:
        ConfigError: the test failed.
    """
    best = best_trial(study.optuna_study)
    if best is None:
        return
    target = study.folder / "best"
    with FileLock(f"{target}.lock"):
        origin = {"number": best.number, "token": study.optuna_study.user_attrs["token"]}
        file = target / ORIGIN_FILE
        is_tested = file.exists() and json.loads(file.read_text(encoding="utf-8")) == origin
        if is_tested and RunFolder(target).config.exists():
            return
        copy = copy_trial(study.folder / "trials" / f"{best.number:04}", spec)
        result = run(Job(str(copy), 1, devices=spec.devices))
        if result.failure or result.state != "complete":
            raise ConfigError(f"best/: trial {best.number} cannot be tested: {result.message}")
        write_json(copy / ORIGIN_FILE, origin)
        shutil.rmtree(target, ignore_errors=True)
        copy.rename(target)


def copy_trial(trial: Path, spec: SearchSpec) -> Path:
    """Copy the folder of a trial, with settings that test the run, and return the copy.

    Raises:
        ConfigError: the folder is not on this machine.
    """
    if not RunFolder(trial).config.exists():
        raise ConfigError(f"{trial}: the best trial ran elsewhere, and its folder is not here")
    copy = trial.parent.parent / "best.unfinished"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(trial, copy)
    for file in result_files(copy):
        file.unlink()
    folder = RunFolder(copy)
    tests = {name: spec.base[name] for name in ("test", "baselines")}
    folder.write_config({**folder.read_config(), **tests})
    folder.write_report({**folder.read_report(), "status": TRAINED})
    return copy
