"""The settings of a search: sweeps/<name>.yaml and the words of the command line."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal

from rnnlab.config.overrides import Override, parse_override
from rnnlab.config.schema import Component, RunConfig, component_problems, signature_problems
from rnnlab.config.types import NonNegativeInt, PositiveFloat, PositiveInt
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.sweeps.space.dimensions import Space, conditions_of, fix_dimension, remove_dimension
from rnnlab.sweeps.space.distributions import show

GROUPS = ("sampler", "pruner", "launcher")
OBJECTIVES = ("score", "seconds", "parameters")
LIMITS = ("trainer.max_steps", "trainer.max_time")
METRIC = re.compile(r"[^\s:]+:(min|max)")


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """One search. See sweeps/default.yaml for what the keys mean.

    `space` is as it was given; `Space.parse(config.space)` is what it means.
    """

    name: str
    question: str = ""
    base: list[str] = field(default_factory=list)
    space: dict[str, Any]
    sampler: Component
    pruner: Component | None = None
    launcher: Component
    n_trials: PositiveInt
    slots: PositiveInt | Literal["auto"] = "auto"
    trials_per_gpu: PositiveInt = 1
    storage: str | None = None
    output_dir: str = "outputs/sweeps"
    seed: NonNegativeInt = 0
    objectives: list[str] = field(default_factory=lambda: ["score"])
    budget: dict[str, Any] | None = None
    progress: dict[str, Any] = field(default_factory=lambda: {"unit": "epochs", "every": 1})
    enqueue: list[dict[str, Any]] = field(default_factory=list)
    warm_start: dict[str, Any] | None = None
    repeats: NonNegativeInt = 0
    repeat_best: PositiveInt = 2
    max_failures: PositiveInt = 10
    max_attempts: PositiveInt = 3
    trial_timeout: PositiveFloat | None = None
    timeout: PositiveFloat | None = None
    on_change: Literal["refuse", "new", "force"] = "refuse"
    report: bool = False
    lease_seconds: PositiveFloat = 60.0


@dataclass
class Budget:
    """What a trial may use; exactly one of these.

    Beside `seconds` the schedule of the learning rate is as long as trainer.max_epochs, which ends
    the training, too, if it comes first.
    """

    epochs: PositiveInt | None = None
    samples: PositiveInt | None = None
    seconds: PositiveFloat | None = None


@dataclass
class ReportInterval:
    """What a pruner counts in."""

    unit: Literal["epochs", "samples"] = "epochs"
    every: PositiveFloat = 1


@dataclass
class WarmStart:
    """Trials of another study that are tried first."""

    study: str
    storage: str | None = None
    best: PositiveInt = 10


SWEEP_KEYS = tuple(member.name for member in fields(SweepConfig))
RUN_KEYS = tuple(member.name for member in fields(RunConfig))


def read_sweep(root: Path, words: Sequence[str]) -> SweepConfig:
    """A search from its file and the words of the command line.

    Args:
        root: the folder with sweeps/ and conf/.
        words: `sweep=<name>`, and changes. A word whose first key is one of SweepConfig is of the
            search; any other is of the runs: one with several values is a dimension of the space,
            one with a single value goes to `base` and takes its dimension out of the space.

    Raises:
        ConfigError: all that is wrong, a line each.
    """
    name, rest = chosen(root, words)
    asked = CliOverrides.sort(rest, run_keys(root))
    plain = composed(root / "sweeps", name, asked.overrides())
    plain["name"] = plain.get("name") or name
    return parse_sweep(asked.applied(plain))


def sweep_names(root: Path) -> list[str]:
    """The searches there are."""
    return sorted(file.stem for file in (root / "sweeps").glob("*.yaml") if file.stem != "default")


def run_keys(root: Path) -> set[str]:
    """First keys of the words of train.py."""
    groups = {folder.name for folder in (root / "conf").iterdir() if folder.is_dir()}
    return {*RUN_KEYS, *groups}


def chosen(root: Path, words: Sequence[str]) -> tuple[str, list[str]]:
    """The name of the search, and the other words.

    Raises:
        ConfigError: there is no such search, or none or several are named.
    """
    given = [word.removeprefix("sweep=") for word in words if word.startswith("sweep=")]
    if len(given) != 1:
        raise ConfigError(
            f"sweep=<name> must be given once; choices: {', '.join(sweep_names(root))}"
        )
    if given[0] not in sweep_names(root):
        raise ConfigError(f"sweep={given[0]}: {did_you_mean(given[0], sweep_names(root))}")
    return given[0], [word for word in words if not word.startswith("sweep=")]


@dataclass(frozen=True)
class CliOverrides:
    """The words of the command line, by what they change.

    Attributes:
        search: of the search itself.
        space: of its space: a key and its values; `~space.<key>` takes it out.
        base: of all runs.
    """

    search: list[Override]
    space: list[Override]
    base: list[Override]

    @classmethod
    def sort(cls, words: Sequence[str], of_runs: set[str]) -> "CliOverrides":
        """Read the words and tell them apart.

        Raises:
            ConfigError: a word that nobody knows, a line each.
        """
        asked, problems = cls([], [], []), []
        for given in words:
            try:
                word = parse_override(given)
                asked._place(word, of_runs).append(word)
            except ConfigError as error:
                problems.append(str(error))
        if problems:
            raise ConfigError("\n".join(problems))
        return asked

    def _place(self, word: Override, of_runs: set[str]) -> list[Override]:
        """The list that a word belongs to."""
        first = re.split(r"[./@]", word.key)[0]
        if word.key.startswith("space.") or (word.is_sweep and first not in SWEEP_KEYS):
            place = self.space
        elif first in SWEEP_KEYS:
            place = self.search
        else:
            place = self.base
        if first not in {*SWEEP_KEYS, *of_runs}:
            raise ConfigError(
                f"{word.text}: {first} is no setting of a search, nor of a run; "
                f"{did_you_mean(first, {*SWEEP_KEYS, *of_runs})}"
            )
        if place is self.search and word.is_sweep:
            raise ConfigError(f"{word.text}: {word.key} is of the search itself; give one value")
        return place

    def overrides(self) -> Iterator[str]:
        """The words of the search for Hydra: settings that its files do not list are taken too."""
        if any(word.key.split(".")[0] == "budget" for word in self.search):
            yield "++budget=null"  # another unit takes the place of the one before
        for word in self.search:
            if word.key in GROUPS and word.value is None:
                yield f"~{word.key}"
            elif word.key in GROUPS or word.sign == "~":
                yield word.text
            else:
                yield f"++{word.text.lstrip('+')}"

    def applied(self, plain: dict[str, Any]) -> dict[str, Any]:
        """The settings with the words of the runs."""
        space = plain.get("space")
        if not isinstance(space, Mapping):
            return plain  # parse_sweep says why not
        before = {str(key): raw for key, raw in space.items()}
        base = list(plain.get("base") or [])
        space, settled = before, {}
        for word in self.space:
            space = add_dimension(space, word)
        for word in self.base:
            key = None if word.sign == "~" else dimension_of(space, word.key)
            if key is None:
                base.append(word.text)
                continue
            base += [] if conditions_of(space[key]) else [word.text]
            space, settled[key] = fix_dimension(space, key, word.value), word.value
        gone = before.keys() - space.keys()
        points = list(compatible_points(plain.get("enqueue") or [], settled, gone))
        return {**plain, "space": space, "base": base, "enqueue": points}


def compatible_points(points: Any, settled: Mapping[str, Any], gone: Set[str]) -> Iterator[Any]:
    """The points that are tried first, where the command line settled some dimensions.

    Args:
        points: as they were given.
        settled: dimensions that now have one value; a point with another one is left out.
        gone: dimensions that are in the space no more; points are rid of them.
    """
    for point in points:
        if not isinstance(point, Mapping):
            yield point  # parse_sweep says why not
        elif all(point.get(key, value) == value for key, value in settled.items()):
            yield {key: value for key, value in point.items() if key not in gone}


def add_dimension(space: dict[str, Any], word: Override) -> dict[str, Any]:
    """The space with a dimension of the command line, which may take one out, too.

    Raises:
        ConfigError: it is to be taken out and is not there.
    """
    name = word.key.removeprefix("space.")
    key = dimension_of(space, name)
    if word.sign != "~":
        typed = isinstance(word.value, Mapping | list)  # as in YAML, where a list has the choices
        values = word.value if typed else word.text.partition("=")[2]
        return {**space, key or f"{word.sign}{name}": values}
    if key is None:
        raise ConfigError(f"{word.text}: no such dimension; {did_you_mean(name, space)}")
    return remove_dimension(space, key)


def dimension_of(space: Mapping[str, Any], key: str) -> str | None:
    """The dimension of this setting, with the plus that may stand before it."""
    return next((name for name in space if name.lstrip("+") == key), None)


def composed(folder: Path, name: str, overrides: Iterator[str]) -> dict[str, Any]:
    """A file of sweeps/ with its defaults and overrides, as plain values.

    Raises:
        ConfigError: Hydra cannot compose it.
    """
    import hydra
    from omegaconf import OmegaConf

    from rnnlab.config.messages import explain, is_composition_error

    try:
        with hydra.initialize_config_dir(str(folder.resolve()), version_base="1.3"):
            cfg = hydra.compose(name, list(overrides))
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
    except Exception as error:
        if is_composition_error(error):
            raise ConfigError(f"{folder.name}/{name}.yaml: {explain(error)}") from error
        raise
    return {str(key): value for key, value in plain.items()}


def parse_sweep(plain: Mapping[str, Any]) -> SweepConfig:
    """Plain settings as a SweepConfig, all of them checked.

    Raises:
        ConfigError: all that is wrong, a line each.
    """
    problems = signature_problems("", SweepConfig, plain, owner="a search")
    problems += [problem for part in PARTS for problem in part(plain)]
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    config = SweepConfig(**completed(plain))
    dry_run_components(config)
    return config


def completed(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Checked settings with a budget of one unit, and with all words of the other mappings."""
    budget, warm_start = plain.get("budget"), plain.get("warm_start")
    parts = {
        "budget": budget and {unit: limit for unit, limit in budget.items() if limit is not None},
        "progress": asdict(ReportInterval(**plain.get("progress", {}))),
        "warm_start": warm_start and asdict(WarmStart(**warm_start)),
    }
    return {**plain, **parts}


def dry_run_components(config: SweepConfig) -> None:
    """Build sampler and pruner once, so that what they refuse is said at the start.

    Raises:
        ConfigError: what they refuse.
    """
    from optuna.exceptions import ExperimentalWarning

    from rnnlab.sweeps.study.components import make_pruner, make_sampler

    space = Space.parse(config.space)
    with warnings.catch_warnings():  # that an interface may change is nothing to act on
        warnings.simplefilter("ignore", ExperimentalWarning)
        attempt("sampler", partial(make_sampler, config.sampler, config.seed, space.grid))
        attempt("pruner", partial(make_pruner, config.pruner))


def attempt(section: str, make: Callable[[], Any]) -> None:
    """Try to build a component.

    Raises:
        ConfigError: its constructor refuses a setting.
    """
    from hydra.errors import InstantiationException

    try:
        make()
    except ConfigError:
        raise
    except InstantiationException as error:
        raise ConfigError(f"{section}: {error.__cause__ or error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{section}: {error}") from error


# What the types do not say. Where a part has the wrong type, they have said so.


def mapping_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Of the parts that are small mappings."""
    for key, schema in {
        "budget": Budget,
        "progress": ReportInterval,
        "warm_start": WarmStart,
    }.items():
        if isinstance(plain.get(key), Mapping):
            yield from signature_problems(key, schema, plain[key], owner=key)


def budget_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Of a budget in several units, or in none."""
    budget = plain.get("budget")
    if isinstance(budget, Mapping):
        given = [unit for unit, value in budget.items() if value is not None]
        if len(given) != 1:
            yield f"budget={show(budget)}: must be one of epochs, samples and seconds, or null"


def objective_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Of what is optimised."""
    objectives = plain.get("objectives")
    if not isinstance(objectives, list):
        return
    if not objectives or len(set(map(str, objectives))) < len(objectives):
        yield f"objectives={show(objectives)}: must be at least one, and none of them twice"
    for objective in objectives:
        if objective not in OBJECTIVES and not METRIC.fullmatch(str(objective)):
            yield (
                f"objectives={objective}: must be a logged metric with its direction, such as "
                f"val/loss:min, or a measure; {did_you_mean(str(objective), OBJECTIVES)}"
            )


def base_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Of the words that all runs have."""
    for given in plain.get("base") or []:
        try:
            word = parse_override(str(given))
        except ConfigError as error:
            yield f"base: {error}"
            continue
        if word.is_sweep:
            yield f"base: {given} has several values; write it in the space"
        budget = plain.get("budget") or {}
        # Beside seconds, the number of epochs is the length of the schedule.
        limits = LIMITS if budget.get("seconds") else (*LIMITS, "trainer.max_epochs")
        if budget and word.key in limits:
            yield (
                f"{given}: budget={show(plain['budget'])} says how long a trial may train; "
                "change it, or set budget=null"
            )


def space_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Of the space, and of the points in it that are tried first."""
    if not isinstance(plain.get("space"), Mapping):
        return
    try:
        space = Space.parse(plain["space"])
    except ConfigError as error:
        yield from str(error).splitlines()
        return
    if not any(dimension.searched for dimension in space.dimensions.values()):
        yield "space: nothing is searched; give it such as optimizer.lr=interval(1e-4,1e-2)"
    for i, point in enumerate(plain.get("enqueue") or []):
        try:
            space.check(point, f"enqueue[{i}]")
        except ConfigError as error:
            yield from (f"{line}; enqueue=[] drops all points" for line in str(error).splitlines())


def part_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Of the components, held against their constructors."""
    for section in GROUPS:
        component = plain.get(section)
        if isinstance(component, Mapping):
            yield from nested_problems(section, component, section)


def nested_problems(path: str, component: Mapping[str, Any], section: str) -> Iterator[str]:
    """Of a component and of the components among its settings."""
    yield from component_problems(path, component, section)
    for name, value in component.items():
        if isinstance(value, Mapping) and "_target_" in value:
            yield from nested_problems(f"{path}.{name}", value, section)


PARTS = (
    *(mapping_problems, budget_problems, objective_problems),
    *(base_problems, space_problems, part_problems),
)


# Help.


def sweep_help(root: Path) -> str:
    """What `python sweep.py --help` prints."""
    searches = {name: question(root / "sweeps" / f"{name}.yaml") for name in sweep_names(root)}
    width = max(map(len, searches), default=0)
    listed = "\n".join(f"  {name:<{width}}  {asked}" for name, asked in searches.items())
    groups = "\n".join(
        f"  {group:<8}  {', '.join(group_choices(root / 'sweeps' / group))}" for group in GROUPS
    )
    return HELP.format(searches=listed, groups=groups)


def group_choices(folder: Path) -> list[str]:
    """Names of the YAML files of a group."""
    return sorted(file.stem for file in folder.glob("*.yaml"))


def question(file: Path) -> str:
    """What a search asks."""
    from omegaconf import OmegaConf

    found: Any = OmegaConf.load(file)
    return str(found.get("question", ""))


HELP = """\
Search for the hyper-parameters of a run. Killed at any point, the same command goes on.

  python sweep.py sweep=sine_gru                              as sweeps/sine_gru.yaml has it
  python sweep.py sweep=sine_gru n_trials=100 slots=2         other settings of the search
  python sweep.py sweep=sine_gru sampler=random pruner=none   another choice of a group
  python sweep.py sweep=sine_gru model.hidden_size=64         a setting of all its runs
  python sweep.py sweep=sine_gru 'optimizer.lr=tag(log,interval(1e-4,1e-1))' model=gru,lstm
  python sweep.py sweep=sine_gru optimizer.lr=0.01            not searched any more
  python sweep.py sweep=sine_gru report=true                  its report, also while it runs

Searches (sweep=...):
{searches}

Groups (group=choice):
{groups}

Settings of the search (key=value); sweeps/default.yaml explains all of them:
  n_trials       trials in all, those of earlier calls too
  slots          trials at a time; auto: one a GPU, or one on the CPU
  storage        null: a journal file beside the results; sqlite:///<file>, postgresql+psycopg://...
  objectives     score, seconds, parameters, or a metric, such as val/loss:min
  budget         of a trial: budget.epochs, budget.samples or budget.seconds
  enqueue        points that are tried first
  repeats        fresh seeds for each of the repeat_best best trials
  timeout        seconds for all; trial_timeout for one
  on_change      refuse | new | force, when the space is not what it was
  name, seed, output_dir   of the search; its runs have their own

Any other word is one of train.py: several values make it a dimension of the space, a single value
is for all runs. ~space.<key> takes a dimension out.
"""
