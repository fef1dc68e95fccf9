"""Repeats of the best settings with new seeds: is the best trial better, or was it lucky?"""

from typing import Any

import optuna
from optuna.trial import FrozenTrial

from rnnlab.sweeps.study.definition import SearchSpec
from rnnlab.sweeps.study.open import REPEATS, OpenStudy
from rnnlab.sweeps.study.seeds import trial_seed
from rnnlab.sweeps.study.share import SharedStudy, trial_state
from rnnlab.sweeps.study.storage import open_storage, study_lock


def best_trials(study: optuna.Study, count: int) -> list[FrozenTrial]:
    """Return the best complete trials, best first, one for each combination of values."""
    trials = [t for t in study.get_trials(deepcopy=False) if trial_state(t) == "complete"]
    maximize = study.directions[0].name == "MAXIMIZE"
    trials.sort(key=lambda trial: trial.values[0], reverse=maximize)
    distinct: dict[str, FrozenTrial] = {}
    for trial in trials:
        distinct.setdefault(str(sorted(trial.params.items())), trial)
    return list(distinct.values())[:count]


def select_trials(spec: SearchSpec, study: OpenStudy) -> tuple[str, list[FrozenTrial]]:
    """Return the name of the study of the repeats, and the trials that it repeats."""
    best = best_trials(study.optuna_study, spec.sweep.repeat_best)
    numbers = "-".join(str(trial.number) for trial in best)
    return f"{study.name}{REPEATS}{numbers} x {spec.sweep.repeats}", best


def open_repeats(spec: SearchSpec, study: OpenStudy) -> SharedStudy | None:
    """Return the study of the repeats with its trials enqueued; None without a complete trial."""
    name, best = select_trials(spec, study)
    if not best:
        return None
    lock = study_lock(study.url, name)
    with lock():
        settings: dict[str, Any] = {"study_name": name, "directions": spec.directions()}
        storage = open_storage(study.url)
        repeat_study = optuna.create_study(storage=storage, load_if_exists=True, **settings)
        if "of" not in repeat_study.user_attrs:
            enqueue_repeats(repeat_study, best, spec)
            repeat_study.set_user_attr("of", study.name)
    return SharedStudy(
        repeat_study,
        lock,
        len(best) * spec.sweep.repeats,
        study.folder / "repeats" / name.rpartition(REPEATS)[2].replace(" ", ""),
        suggest=reject_trial,
        make_sampler=lambda number: optuna.samplers.RandomSampler(seed=number),
        lease_seconds=spec.sweep.lease_seconds,
    )


def find_repeats(spec: SearchSpec, study: OpenStudy) -> optuna.Study | None:
    """Return the study of the repeats; None if it was not started."""
    name, _ = select_trials(spec, study)
    storage = open_storage(study.url, read_only=True)
    names = {summary.study_name for summary in storage.get_all_studies()}
    return optuna.load_study(study_name=name, storage=storage) if name in names else None


def enqueue_repeats(study: optuna.Study, best: list[FrozenTrial], spec: SearchSpec) -> None:
    """Enqueue each of the best settings with each seed; shared seeds allow paired comparisons."""
    count = len(study.get_trials(deepcopy=False))
    seeds = [trial_seed(spec.sweep.seed, -1 - index) for index in range(spec.sweep.repeats)]
    for trial, seed in [(trial, seed) for seed in seeds for trial in best][count:]:
        attributes: dict[str, Any] = {"of": trial.number, "seed": seed}
        attributes["overrides"] = replace_seed(trial.user_attrs["overrides"], seed)
        study.enqueue_trial({}, user_attrs=attributes)


def replace_seed(overrides: list[str], seed: int) -> list[str]:
    """Return a command line with another seed.

    >>> replace_seed(["model=gru", "seed=3"], 5)
    ['model=gru', 'seed=5']
    """
    others = [override for override in overrides if not override.startswith(("seed=", "+seed="))]
    return [*others, f"seed={seed}"]


def reject_trial(trial: optuna.Trial) -> list[str]:
    """Raise an error: all trials of this study have their settings already."""
    raise AssertionError(f"trial {trial.number} of the repeats has no settings")
