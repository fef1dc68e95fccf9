"""Folder best/: the run of the best trial, the only one scored on the test split."""

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from rnnlab.errors import ConfigError, OutageError, about_file
from rnnlab.report.folder import TRAINED, RunFolder
from rnnlab.sweeps.report.ranking import best_trial
from rnnlab.sweeps.study.definition import SearchSpec
from rnnlab.sweeps.study.folders import TRIAL_FILE, is_foreign, mark_folder, read_object
from rnnlab.sweeps.study.open import OpenStudy
from rnnlab.sweeps.study.share import stored_origin
from rnnlab.sweeps.workers.messages import OUTAGE, Job, TrialResult, result_files


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
        origin = stored_origin(study.token, best)
        if read_object(target / TRIAL_FILE) == origin and RunFolder(target).config.exists():
            return
        trial = study.folder / "trials" / f"{best.number:04}"
        if is_foreign(trial, origin):
            reason = f"the folder is not that of trial {best.number}, the best"
            raise ConfigError(about_file(trial, reason))
        copy = copy_trial(trial, spec)
        result = run(Job(str(copy), 1, devices=spec.devices, origin=origin))
        if result.failure == OUTAGE:
            raise OutageError(result.message)
        if result.failure or result.state != "complete":
            raise ConfigError(
                about_file("best/", f"trial {best.number} cannot be tested: {result.message}")
            )
        mark_folder(copy, origin)
        shutil.rmtree(target, ignore_errors=True)
        copy.rename(target)


def copy_trial(trial: Path, spec: SearchSpec) -> Path:
    """Copy the folder of a trial, with settings that test the run, and return the copy.

    Raises:
        ConfigError: the folder is not on this machine.
    """
    if not RunFolder(trial).config.exists():
        raise ConfigError(
            about_file(trial, "the best trial ran elsewhere, and its folder is not here")
        )
    copy = trial.parent.parent / "best.unfinished"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(trial, copy)
    for file in result_files(copy):
        file.unlink()
    folder = RunFolder(copy)
    names = {"test", "baselines", "page"} & spec.base.keys()
    tests = {name: spec.base[name] for name in names}
    folder.write_config({**folder.read_config(), **tests})
    folder.write_report({**folder.read_report(), "status": TRAINED})
    return copy
