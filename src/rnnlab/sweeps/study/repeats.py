"""The best settings again, with fresh seeds: is the winner better, or was it lucky?"""

from typing import TYPE_CHECKING, Any

import optuna

from rnnlab.sweeps.study.share import SharedStudy, state_of, trial_seed
from rnnlab.sweeps.study.storage import open_storage, study_lock

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from rnnlab.sweeps.study.open import OpenStudy, SearchSpec


def best_trials(study: optuna.Study, count: int) -> list["FrozenTrial"]:
    """The best complete trials, best first; of equal settings one."""
    done = [t for t in study.get_trials(deepcopy=False) if state_of(t) == "complete"]
    maximize = study.directions[0].name == "MAXIMIZE"
    done.sort(key=lambda trial: trial.values[0], reverse=maximize)
    distinct: dict[str, FrozenTrial] = {}
    for trial in done:
        distinct.setdefault(str(sorted(trial.params.items())), trial)
    return list(distinct.values())[:count]


def name_of(spec: "SearchSpec", study: "OpenStudy") -> tuple[str, list["FrozenTrial"]]:
    """The study of the repeats, and what it repeats."""
    best = best_trials(study.optuna_study, spec.sweep.repeat_best)
    listed = "-".join(str(trial.number) for trial in best)
    return f"{study.name} repeats {listed} x {spec.sweep.repeats}", best


def open_repeats(spec: "SearchSpec", study: "OpenStudy") -> SharedStudy | None:
    """The study of the repeats, its trials waiting; None where nothing is complete."""
    name, best = name_of(spec, study)
    if not best:
        return None
    lock = study_lock(study.url, name)
    with lock():
        repeat_study = optuna.create_study(
            storage=open_storage(study.url),
            study_name=name,
            directions=spec.directions(),
            load_if_exists=True,
        )
        if "of" not in repeat_study.user_attrs:
            plan(repeat_study, best, spec)
            repeat_study.set_user_attr("of", study.name)
    return SharedStudy(
        repeat_study,
        lock,
        len(best) * spec.sweep.repeats,
        study.folder / "repeats" / name.rpartition("repeats ")[2].replace(" ", ""),
        draw=unplanned,
        sampler=lambda number: optuna.samplers.RandomSampler(seed=number),
        lease_seconds=spec.sweep.lease_seconds,
    )


def find_repeats(spec: "SearchSpec", study: "OpenStudy") -> optuna.Study | None:
    """The study of the repeats, if it was begun."""
    name, _ = name_of(spec, study)
    storage = open_storage(study.url)
    known = {study.study_name for study in storage.get_all_studies()}
    return optuna.load_study(study_name=name, storage=storage) if name in known else None


def plan(study: optuna.Study, best: list["FrozenTrial"], spec: "SearchSpec") -> None:
    """Every setting with every seed; the seeds are shared, so that they can be paired."""
    there = len(study.get_trials(deepcopy=False))
    planned = [
        (trial, trial_seed(spec.sweep.seed, -1 - index))
        for index in range(spec.sweep.repeats)
        for trial in best
    ]
    for trial, seed in planned[there:]:
        attributes: dict[str, Any] = {"of": trial.number, "seed": seed}
        attributes["overrides"] = with_seed(trial.user_attrs["overrides"], seed)
        study.enqueue_trial({}, user_attrs=attributes)


def with_seed(words: list[str], seed: int) -> list[str]:
    """A command line with another seed.

    >>> with_seed(["model=gru", "seed=3"], 5)
    ['model=gru', 'seed=5']
    """
    others = [word for word in words if not word.startswith(("seed=", "+seed="))]
    return [*others, f"seed={seed}"]


def unplanned(trial: optuna.Trial) -> list[str]:
    """All trials of this study were planned."""
    raise AssertionError(f"trial {trial.number} of the repeats has no settings")
