"""best/: the folder of the best trial, which alone is scored on the test split."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from omegaconf import OmegaConf

from rnnlab.errors import ConfigError
from rnnlab.report.folder import RunFolder
from rnnlab.runtime.files import write_json, write_text
from rnnlab.sweeps.report.ranking import best_trial
from rnnlab.sweeps.workers.messages import Job, TrialResult, result_files

if TYPE_CHECKING:
    from rnnlab.sweeps.study.definition import SearchSpec
    from rnnlab.sweeps.study.open import OpenStudy

ORIGIN = "trial.json"  # which trial it is


def test_best(spec: "SearchSpec", study: "OpenStudy", do: Callable[[Job], TrialResult]) -> None:
    """Copy the best trial, go on with its run where it ended, and let it be tested.

    During the search no trial reads the test split: a search that looks at it has no honest score
    left to give.

    Args:
        spec: of the search.
        study: its study.
        do: does a job and waits for the result.

    Raises:
        ConfigError: the test failed.
    """
    best = best_trial(study.optuna_study)
    if best is None:
        return
    target = study.folder / "best"
    with FileLock(f"{target}.lock"):
        origin = {"number": best.number, "token": study.optuna_study.user_attrs["token"]}
        if RunFolder(target).config.exists() and origin == read_origin(target):
            return
        unfinished = copied(study.folder / "trials" / f"{best.number:04}", spec)
        job = Job(str(unfinished), 1, devices=spec.devices)
        result = do(job)
        if result.failure or result.state != "complete":
            raise ConfigError(f"best/: trial {best.number} cannot be tested: {result.message}")
        write_json(unfinished / ORIGIN, origin)
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)


def read_origin(folder: Path) -> Any:
    """Which trial a best/ is of."""
    file = folder / ORIGIN
    return OmegaConf.to_container(OmegaConf.load(file)) if file.exists() else None


def copied(trial: Path, spec: "SearchSpec") -> Path:
    """A copy of a trial's folder whose run is not tested yet.

    Raises:
        ConfigError: the folder is not here.
    """
    if not RunFolder(trial).config.exists():
        raise ConfigError(f"{trial}: the best trial was done elsewhere, and its folder is not here")
    copy = trial.parent.parent / "best.unfinished"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(trial, copy)
    for file in result_files(copy):
        file.unlink()
    folder = RunFolder(copy)
    plain = folder.read_config()
    plain |= {name: spec.base[name] for name in ("test", "baselines")}
    write_text(folder.config, OmegaConf.to_yaml(OmegaConf.create(plain)))
    folder.write_report({**folder.read_report(), "status": "trained"})
    return copy
