"""Open the study of a search: a new one, or one to go on with if it is about the same question."""

import math
import secrets
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from rnnlab.config.compose import compose_checked
from rnnlab.errors import ConfigError
from rnnlab.runtime.environment import git_state
from rnnlab.sweeps.settings import SweepConfig
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.study.components import make_pruner
from rnnlab.sweeps.study.definition import define, differences
from rnnlab.sweeps.study.share import trial_seed
from rnnlab.sweeps.study.storage import Lock, is_there, open_storage, study_lock
from rnnlab.sweeps.workers.messages import TrialResult

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

MINIMIZED = ("seconds", "parameters")
SHOWN_DIFFERENCES = 12


@dataclass(frozen=True)
class SearchSpec:
    """What is searched, checked and composed.

    Attributes:
        sweep: its settings.
        conf: the folder conf/.
        space: parsed.
        base: the config that all trials share.
        definition: what a study of it must be about.
    """

    sweep: SweepConfig
    conf: Path
    space: Space
    base: Mapping[str, Any]
    definition: Mapping[str, Any]

    @property
    def devices(self) -> int:
        """Processes of each trial."""
        return int(self.base["trainer"]["devices"])

    def directions(self) -> list[optuna.study.StudyDirection]:
        """Of the objectives."""
        return [direction(objective, self.base["mode"]) for objective in self.sweep.objectives]

    def values(self, result: TrialResult) -> list[float]:
        """Of the objectives, of a complete trial.

        Raises:
            ConfigError: a metric was not logged.
        """
        told = {**result.scores, "seconds": result.seconds, "parameters": result.parameters}
        names = [objective.partition(":")[0] for objective in self.sweep.objectives]
        missing = [name for name in names if name not in told]
        if missing:
            raise ConfigError(
                f"objectives: {', '.join(missing)} was not logged; {sorted(told)} are"
            )
        return [float(told[name]) for name in names]

    def words(self, values: Mapping[str, Any], number: int) -> list[str]:
        """The command line of the trial with these values."""
        words = [*self.sweep.base, *self.space.words(values)]
        given = {word.partition("=")[0].lstrip("+") for word in words}
        words += budget_words(self.sweep.budget, self.base, values)
        return words if "seed" in given else [*words, f"seed={trial_seed(self.sweep.seed, number)}"]


def direction(objective: str, mode: str) -> optuna.study.StudyDirection:
    """Which values of an objective are better.

    >>> [direction(name, "max").name for name in ("score", "seconds", "val/loss:min")]
    ['MAXIMIZE', 'MINIMIZE', 'MINIMIZE']
    """
    name, _, own = objective.partition(":")
    best = own or ("min" if name in MINIMIZED else mode)
    return optuna.study.StudyDirection[f"{best.upper()}IMIZE"]


def budget_words(
    budget: Mapping[str, Any] | None, base: Mapping[str, Any], values: Mapping[str, Any]
) -> list[str]:
    """How long a trial may train, as words of the command line.

    >>> budget_words({"epochs": 3}, {}, {})
    ['trainer.max_epochs=3']
    >>> budget_words({"seconds": 90}, {}, {})
    ['++trainer.max_time=00:00:01:30']
    """
    if not budget:
        return []
    ((unit, amount),) = budget.items()
    return BUDGETS[unit](amount, base, values)


def _of_samples(amount: int, base: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    trainer = base["trainer"]

    def one(key: str, default: int) -> int:
        return int(values.get(key, default))

    step = one("data.batch_size", base["data"]["batch_size"])
    step *= one("trainer.accumulate_grad_batches", trainer["accumulate_grad_batches"])
    steps = math.ceil(amount / (step * trainer["devices"]))
    return [f"trainer.max_steps={steps}", f"trainer.max_epochs={steps}"]


def _of_seconds(amount: float, base: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    minutes, seconds = divmod(math.ceil(amount), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return [f"++trainer.max_time={days:02}:{hours:02}:{minutes:02}:{seconds:02}"]


BUDGETS: dict[str, Callable[[Any, Mapping[str, Any], Mapping[str, Any]], list[str]]] = {
    "epochs": lambda amount, base, values: [f"trainer.max_epochs={amount}"],
    "samples": _of_samples,
    "seconds": _of_seconds,
}


def prepare(sweep: SweepConfig, conf: Path) -> SearchSpec:
    """Parse the space, compose what all trials share, and check their frame.

    Raises:
        ConfigError: something cannot work.
    """
    space = Space.parse(sweep.space)
    base = compose_checked(conf, [*sweep.base, *budget_words(sweep.budget, _bare(conf, sweep), {})])
    prunes = not isinstance(make_pruner(sweep.pruner), optuna.pruners.NopPruner)
    if len(sweep.objectives) > 1 and prunes:
        raise ConfigError(
            "pruner: trials with several objectives have no one score to be given up for; "
            "set pruner=none"
        )
    for index, point in enumerate(sweep.enqueue):
        space.check(point, f"enqueue[{index}]")
    definition = define(space.plain(), base, sweep.objectives, sweep.seed)
    return SearchSpec(sweep, conf, space, base, definition)


def _bare(conf: Path, sweep: SweepConfig) -> dict[str, Any]:
    return compose_checked(conf, sweep.base)


@dataclass(frozen=True)
class OpenStudy:
    """A study, ready.

    Attributes:
        optuna_study: of Optuna.
        url: of its storage.
        lock: under which trials are chosen.
        folder: of the search.
    """

    optuna_study: optuna.Study
    url: str
    lock: Lock
    folder: Path

    @property
    def name(self) -> str:
        """Of the study."""
        return str(self.optuna_study.study_name)

    def id_of(self, number: int) -> str:
        """A name that no trial of another study has."""
        return f"{self.name}-{self.optuna_study.user_attrs['token']}-{number:04}"


def study_location(sweep: SweepConfig, name: str) -> tuple[Path, str]:
    """Folder and storage URL of a study."""
    folder = Path(sweep.output_dir) / name
    return folder, sweep.storage or f"journal://{folder / 'study.journal'}"


def open_study(spec: SearchSpec) -> OpenStudy:
    """The study of a question; where there is one of its name, it must be about the same.

    A new study is about nothing until `start_study`: settings that turn out not to work do not
    stand in the way of better ones.

    Raises:
        ConfigError: it is about something else, with what differs.
    """
    silence_optuna()
    sweep = spec.sweep
    number = 1
    while True:
        name = sweep.name if number == 1 else f"{sweep.name}-{number}"
        study = _open(spec, name)
        changed = changes(spec, study)
        if not changed or sweep.on_change == "force":
            return study
        if sweep.on_change == "refuse":
            raise ConfigError(_refusal(name, study.folder, changed))
        number += 1


def changes(spec: SearchSpec, study: OpenStudy) -> list[str]:
    """What differs from the question that the trials of a study were begun for, a line each."""
    then = study.optuna_study.user_attrs.get("definition")
    return differences(then, spec.definition) if then and study.optuna_study.trials else []


def start_study(spec: SearchSpec, study: OpenStudy) -> None:
    """Write down what the study is about, and what it begins with, if nobody has.

    Raises:
        ConfigError: somebody has begun it meanwhile, with something else.
    """
    with study.lock():
        changed = changes(spec, study)
        if changed and spec.sweep.on_change != "force":
            raise ConfigError(_refusal(study.name, study.folder, changed))
        _settle(spec, study, changed)


def _open(spec: SearchSpec, name: str) -> OpenStudy:
    folder, url = study_location(spec.sweep, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"output_dir: {folder} cannot be made ({error.strerror})") from error
    storage = open_storage(url)
    lock = study_lock(url, name)
    with lock():
        optuna_study = _create(storage, name, spec)
    return OpenStudy(optuna_study, url, lock, folder)


def _create(storage: "BaseStorage", name: str, spec: SearchSpec) -> optuna.Study:
    directions = spec.directions()
    settings: dict[str, Any] = {"storage": storage, "study_name": name, "directions": directions}
    study = optuna.create_study(**settings, load_if_exists=True)
    if study.directions != directions and not study.trials:
        optuna.delete_study(study_name=name, storage=storage)
        study = optuna.create_study(**settings)
    if study.directions != directions:
        raise ConfigError(
            f"objectives: the study {name} has {len(study.directions)} of its own; give another "
            "name=<name>"
        )
    return study


def _settle(spec: SearchSpec, study: OpenStudy, changed: Sequence[str]) -> None:
    """The definition comes last: where it stands, everything does."""
    record = study.optuna_study
    if record.user_attrs.get("definition") == spec.definition:
        return
    if "token" not in record.user_attrs:
        record.set_user_attr("token", secrets.token_hex(3))
        record.set_metric_names(spec.sweep.objectives)
    record.set_user_attr("git", git_state())
    if changed:
        earlier = record.user_attrs.get("forced", [])
        record.set_user_attr("forced", [*earlier, {"at": len(record.trials), "changed": changed}])
    else:
        enqueue(spec, record)
    record.set_user_attr("definition", dict(spec.definition))


def enqueue(spec: SearchSpec, study: optuna.Study) -> None:
    """Put the points in that the search starts with."""
    points = [*spec.sweep.enqueue, *warm_start_points(spec)]
    for point in points:
        study.enqueue_trial(spec.space.params(point), skip_if_exists=True)


def warm_start_points(spec: SearchSpec) -> list[dict[str, Any]]:
    """The best points of another study that lie in this space; they are tried again here.

    Their scores are not taken over: they may come from another budget or other data.

    Raises:
        ConfigError: there is no such study.
    """
    warm = spec.sweep.warm_start
    if not warm:
        return []
    _, default = study_location(spec.sweep, warm["study"])
    url = warm.get("storage") or default
    if not is_there(url):
        raise ConfigError(f"warm_start.study={warm['study']}: there is no {url}")
    try:
        other = optuna.load_study(study_name=warm["study"], storage=open_storage(url))
    except KeyError as error:
        raise ConfigError(f"warm_start.study={warm['study']}: not in {url}") from error
    done = [t for t in other.get_trials(deepcopy=False) if t.values and t.state.name == "COMPLETE"]
    maximize = other.directions[0].name == "MAXIMIZE"
    done.sort(key=lambda t: t.values[0], reverse=maximize)
    return [point for t in done if (point := _inside(spec.space, t.params))][: warm["best"]]


def _inside(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a point that this space has; empty where a value lies outside."""
    shared = {key: value for key, value in params.items() if key in space.dimensions}
    try:
        space.check(shared, "warm_start")
    except ConfigError:
        return {}
    return shared


def _refusal(name: str, folder: Path, changed: Sequence[str]) -> str:
    shown = [f"  {line}" for line in changed[:SHOWN_DIFFERENCES]]
    if len(changed) > SHOWN_DIFFERENCES:
        shown.append(f"  and {len(changed) - SHOWN_DIFFERENCES} more")
    ways = (
        "on_change=new begins another study, on_change=force goes on in this one; "
        "or give name=<name>"
    )
    head = f"{folder}: the study {name} is there already, and was begun with other settings:"
    return "\n".join([head, *shown, ways])


def silence_optuna() -> None:
    """Take away what Optuna says beside its warnings."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
