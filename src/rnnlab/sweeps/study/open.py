"""Opening of a study: a new one, or an existing one if its definition is the same."""

import secrets
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from rnnlab.config.paths import config_dir_flag
from rnnlab.config.program import hide_passwords
from rnnlab.errors import ConfigError, Problem, unknown_name
from rnnlab.runtime.environment import git_state
from rnnlab.sweeps.schema import SweepConfig
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.study.changes import find_changes, find_obstacles, format_refusal
from rnnlab.sweeps.study.definition import SearchSpec
from rnnlab.sweeps.study.folders import check_study_folder, mark_study_folder
from rnnlab.sweeps.study.storage import (
    Lock,
    open_storage,
    storage_exists,
    study_lock,
)

REPEATS = " repeats "  # in the name of the study of the repeats, after that of the search
JOURNAL = "study.journal"  # in the folder of a search without a storage of its own


@dataclass(frozen=True)
class OpenStudy:
    """A study that is ready for trials.

    Attributes:
        url: of its storage.
        lock: under which trials are claimed.
        folder: of the search.
    """

    optuna_study: optuna.Study
    url: str
    lock: Lock
    folder: Path

    @property
    def name(self) -> str:
        return str(self.optuna_study.study_name)

    @property
    def token(self) -> str:
        """Random text that no other study has; empty until the study has started."""
        return str(self.optuna_study.user_attrs.get("token", ""))

    def trial_id(self, number: int) -> str:
        """Return a name that no trial of another study has."""
        return f"{self.name}-{self.token}-{number:04}"

    def check_folder(self) -> None:
        """Check that the folder has no trials of another study.

        Raises:
            ConfigError: it has.
        """
        has_trials = bool(self.optuna_study.get_trials(deepcopy=False))
        check_study_folder(self.folder, self.token, has_trials)


def study_location(sweep: SweepConfig, name: str) -> tuple[Path, str]:
    """Return the folder and the storage URL of a study."""
    folder = Path(sweep.output_dir) / name
    return folder, sweep.storage or f"journal://{folder / JOURNAL}"


def check_study_exists(sweep: SweepConfig, name: str) -> None:
    """Check that a study was started, for a report of it.

    Raises:
        ConfigError: it was not; the message names the studies of this storage.
    """
    names = study_names(sweep)
    if name in names:
        return
    place = f"storage={hide_passwords(sweep.storage)}" if sweep.storage else sweep.output_dir
    begin = f"name={name}: {place} has no such study to report; "
    raise ConfigError(unknown_name(begin, name, names, empty="it has no studies"))


def study_names(sweep: SweepConfig) -> list[str]:
    """Return the names of the studies in the storage of a search; creates nothing."""
    silence_optuna()
    if sweep.storage is None:
        return [file.parent.name for file in Path(sweep.output_dir).glob(f"*/{JOURNAL}")]
    if not storage_exists(sweep.storage):
        return []
    names = optuna.get_all_study_names(open_storage(sweep.storage, read_only=True))
    return [name for name in names if REPEATS not in name]


def open_study(spec: SearchSpec) -> OpenStudy:
    """Open the study of a search; an existing study must have the same definition.

    A new study has no definition until `start_study`, so that settings that do not work do not
    block better ones.

    Raises:
        ConfigError: the definition differs, with the differences; or a report of no study.
    """
    silence_optuna()
    sweep = spec.sweep
    number = 1
    while True:
        name = sweep.name if number == 1 else f"{sweep.name}-{number}"
        if sweep.report:  # a report starts no study
            check_study_exists(sweep, name)
        study = _open(spec, name)
        try:
            _check_continuation(spec, study)
            return study
        except ConfigError:
            if sweep.on_change != "new":
                raise
        number += 1


def _check_continuation(spec: SearchSpec, study: OpenStudy) -> list[str]:
    """Check that a search can continue a study, and return its changes, which are then forced.

    Raises:
        ConfigError: the folder is that of another study, or there are changes that were not forced
            or are impossible.
    """
    study.check_folder()
    optuna_study = study.optuna_study
    changes = find_changes(spec, optuna_study)
    obstacles = list(find_obstacles(spec, optuna_study)) if changes else []
    if changes and (spec.sweep.on_change != "force" or obstacles):
        message = format_refusal(study.name, study.folder, changes, obstacles)
        raise ConfigError(Problem(message, "on_change", spec.sweep.on_change))
    if optuna_study.directions != spec.directions():
        raise ConfigError(
            f"objectives: the study {study.name} has {len(optuna_study.directions)} of its own; "
            "give another name=<name>, or on_change=new"
        )
    return changes


def start_study(spec: SearchSpec, study: OpenStudy) -> None:
    """Store the definition and enqueue the first points, unless another process has done so.

    Raises:
        ConfigError: another process has started the study with another definition.
    """
    with study.lock():
        changes = _check_continuation(spec, study)
        _store_definition(spec, study.optuna_study, changes)
        if spec.is_study:
            _enqueue_missing(spec, study.optuna_study)
        mark_study_folder(study.folder, study.token, hide_passwords(study.url))


def _open(spec: SearchSpec, name: str) -> OpenStudy:
    folder, url = study_location(spec.sweep, name)
    if spec.sweep.report:
        study = optuna.load_study(study_name=name, storage=open_storage(url, read_only=True))
        return OpenStudy(study, url, nullcontext, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"output_dir: {folder} cannot be made ({error.strerror})") from error
    storage = open_storage(url)
    lock = study_lock(url, name)
    with lock():
        optuna_study = _create(storage, name, spec)
    return OpenStudy(optuna_study, url, lock, folder)


def _create(storage: BaseStorage, name: str, spec: SearchSpec) -> optuna.Study:
    directions = spec.directions()
    settings: dict[str, Any] = {"storage": storage, "study_name": name, "directions": directions}
    study = optuna.create_study(**settings, load_if_exists=True)
    if study.directions != directions and not study.trials:
        optuna.delete_study(study_name=name, storage=storage)
        study = optuna.create_study(**settings)
    return study


def _store_definition(spec: SearchSpec, study: optuna.Study, changes: Sequence[str]) -> None:
    """Store the definition last: a study that has one is complete."""
    if study.user_attrs.get("definition") == spec.definition:
        return
    if "token" not in study.user_attrs:
        study.set_user_attr("token", secrets.token_hex(3))
        study.set_metric_names(spec.sweep.objectives)
    study.set_user_attr("git", git_state())
    study.set_user_attr("flags", config_dir_flag(spec.conf))
    if changes:
        earlier = study.user_attrs.get("forced", [])
        study.set_user_attr("forced", [*earlier, {"at": len(study.trials), "changed": changes}])
    else:
        for point in [*spec.points(), *warm_start_points(spec)]:
            study.enqueue_trial(spec.space.to_params(point), skip_if_exists=True)
    study.set_user_attr("definition", dict(spec.definition))


def _enqueue_missing(spec: SearchSpec, study: optuna.Study) -> None:
    """Enqueue the points of a study that has more seeds now."""
    trials = study.get_trials(deepcopy=False)
    points = [trial.system_attrs.get("fixed_params", trial.params) for trial in trials]
    for point in map(spec.space.to_params, spec.points()):
        if point not in points:
            study.enqueue_trial(point)


def warm_start_points(spec: SearchSpec) -> list[dict[str, Any]]:
    """Return the best points of another study that lie in this space.

    They are evaluated again, because their scores may come from another budget or other data.

    Raises:
        ConfigError: there is no such study.
    """
    warm_start = spec.sweep.warm_start
    if not warm_start:
        return []
    name = warm_start["study"]
    url = warm_start.get("storage") or study_location(spec.sweep, name)[1]
    if not storage_exists(url):
        raise ConfigError(f"warm_start.study={name}: there is no {url}")
    try:
        other = optuna.load_study(study_name=name, storage=open_storage(url, read_only=True))
    except KeyError as error:
        raise ConfigError(f"warm_start.study={name}: not in {url}") from error
    trials = other.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    maximize = other.directions[0].name == "MAXIMIZE"
    trials = sorted(trials, key=lambda trial: trial.values[0], reverse=maximize)
    points = [point for t in trials if (point := _project(spec.space, t.params))]
    return points[: warm_start["best"]]


def _project(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a point that this space has; empty if a value lies outside."""
    point = {key: value for key, value in params.items() if key in space.dimensions}
    try:
        space.check(point, "warm_start")
    except ConfigError:
        return {}
    return point


def silence_optuna() -> None:
    """Hide Optuna's messages except warnings."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
