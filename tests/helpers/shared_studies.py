"""Small shared studies without trainings."""

from pathlib import Path

import optuna

from rnnlab.sweeps.study.lease import Owner, this_host
from rnnlab.sweeps.study.samplers import make_sampler
from rnnlab.sweeps.study.seeds import derive_seed
from rnnlab.sweeps.study.share import SharedStudy
from rnnlab.sweeps.study.storage import open_storage, study_lock

TPE = {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 3}
DEAD = Owner(this_host(), 2**22 + 1, 0.0)  # beyond the largest number of a process


def study_url(folder: Path, kind: str = "journal") -> str:
    """Return the URL of a storage of this kind in a folder."""
    return f"journal://{folder}/study.journal" if kind == "journal" else f"sqlite:///{folder}/s.db"


def open_shared(
    folder: Path, kind: str = "journal", n_trials: int = 6, sampler: dict | None = None
) -> SharedStudy:
    """Open the study `s` of a folder, whose trials have a rate and a size."""
    url = study_url(folder, kind)
    lock = study_lock(url, "s")
    with lock():
        study = optuna.create_study(study_name="s", storage=open_storage(url), load_if_exists=True)

    def suggest(trial: optuna.Trial) -> list[str]:
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        return [f"rate={rate!r}", f"size={trial.suggest_int('size', 1, 64)}"]

    def make(number: int) -> optuna.samplers.BaseSampler:
        return make_sampler(sampler or TPE, derive_seed(0, number), dict)

    return SharedStudy(study, lock, n_trials, folder / "trials", suggest, make, 60.0)


def disown(study: SharedStudy, number: int, owner: Owner | None = DEAD) -> None:
    """Make it look as if the owner of a trial had died, or had written nothing yet."""
    trial_id = study.study.get_trials()[number]._trial_id
    lease = owner and {**owner.to_plain(), "beat": 0}
    study.study._storage.set_trial_user_attr(trial_id, "lease", lease)
