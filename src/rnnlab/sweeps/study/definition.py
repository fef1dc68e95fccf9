"""What a search is about: its space, the config of its runs and its objectives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from rnnlab.config.compose import compose_checked
from rnnlab.config.keys import flat
from rnnlab.config.program import absolute_override
from rnnlab.errors import ConfigError
from rnnlab.sweeps.schema import SEED, SweepConfig
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.study.budget import budget_overrides
from rnnlab.sweeps.study.pruners import make_pruner
from rnnlab.sweeps.study.samplers import make_sampler
from rnnlab.sweeps.study.seeds import derive_seed, trial_seed
from rnnlab.sweeps.workers.messages import TrialResult

MINIMIZE = ("seconds", "parameters")
# Settings without an effect on a score.
LOCATION_KEYS = ("output_dir", "run_dir", "resume", "variant", "test", "baselines", "page")
MEASUREMENTS = "callbacks.gradient_health"  # do not change what is trained


@dataclass(frozen=True)
class SearchSpec:
    """A search whose settings are checked and composed.

    Attributes:
        base: the config that all trials share.
        definition: what a study must agree with to be continued by this search.
    """

    sweep: SweepConfig
    conf: Path
    space: Space
    base: Mapping[str, Any]
    definition: Mapping[str, Any]

    @property
    def devices(self) -> int:
        """Number of processes of each trial."""
        return int(self.base["trainer"]["devices"])

    @property
    def is_study(self) -> bool:
        """Whether the search runs every point of a grid with several seeds."""
        return self.sweep.seeds is not None

    @property
    def tests_best(self) -> bool:
        """Whether the best trial is scored on the test split: an answer is about all."""
        has_question = self.is_study or self.sweep.answer is not None
        return len(self.sweep.objectives) == 1 and not has_question

    def points(self) -> list[dict[str, Any]]:
        """Return the points that are enqueued: the whole grid of a study, seed after seed."""
        return self.space.points() if self.is_study else self.sweep.enqueue

    def directions(self) -> list[optuna.study.StudyDirection]:
        """Return the directions of the objectives."""
        return [direction(objective, self.base["mode"]) for objective in self.sweep.objectives]

    def objective_values(self, result: TrialResult) -> list[float]:
        """Return the values of the objectives of a complete trial.

        Raises:
            ConfigError: a metric was not logged.
        """
        metrics = {**result.scores, "seconds": result.seconds, "parameters": result.parameters}
        names = [objective.partition(":")[0] for objective in self.sweep.objectives]
        missing = [name for name in names if name not in metrics]
        if missing:
            raise ConfigError(
                f"objectives: {', '.join(missing)} was not logged; {sorted(metrics)} are"
            )
        return [float(metrics[name]) for name in names]

    def to_overrides(self, values: Mapping[str, Any], number: int) -> list[str]:
        """Return the command line of the trial with this number and these values."""
        base = map(absolute_override, self.sweep.base)
        overrides = [*base, *self.space.to_overrides(values)]
        keys = {override.partition("=")[0].lstrip("+") for override in overrides}
        settings = self.space.to_settings(values)
        overrides += budget_overrides(self.sweep.budget, self.base, settings)
        if "seed" in keys:
            return overrides
        return [*overrides, f"seed={trial_seed(self.sweep.seed, number)}"]

    def suggest(self, trial: optuna.Trial) -> list[str]:
        """Draw the values of a trial and return its command line."""
        return self.to_overrides(self.space.suggest(trial), trial.number)

    def make_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Return the sampler that draws the trial with this number."""
        seed = derive_seed(self.sweep.seed, "sampler", number)
        return make_sampler(self.sweep.sampler, seed, self.space.grid)


def direction(objective: str, mode: str) -> optuna.study.StudyDirection:
    """Return whether an objective is minimized or maximized.

    >>> [direction(name, "max").name for name in ("score", "seconds", "val/loss:min")]
    ['MAXIMIZE', 'MINIMIZE', 'MINIMIZE']
    """
    name, _, suffix = objective.partition(":")
    best = suffix or ("min" if name in MINIMIZE else mode)
    return optuna.study.StudyDirection[f"{best.upper()}IMIZE"]


def prepare(sweep: SweepConfig, conf: Path) -> SearchSpec:
    """Parse the space, compose what all trials share, and check both.

    Raises:
        ConfigError: a setting cannot work.
    """
    space = Space.parse(sweep.space)
    limits = budget_overrides(sweep.budget, compose_checked(conf, sweep.base), {})
    base = compose_checked(conf, [*sweep.base, *limits])
    prunes = not isinstance(make_pruner(sweep.pruner), optuna.pruners.NopPruner)
    if len(sweep.objectives) > 1 and prunes:
        raise ConfigError(
            "pruner: a pruner needs a single score, but there are several objectives; set "
            "pruner=none"
        )
    for index, point in enumerate(sweep.enqueue):
        space.check(point, f"enqueue[{index}]")
    plain = space.to_plain()
    if sweep.seeds:
        del plain[SEED]  # more seeds continue a study
    definition = define_study(plain, base, sweep.objectives, sweep.seed)
    return SearchSpec(sweep, conf, space, base, definition)


def define_study(
    space: Mapping[str, Any], base: Mapping[str, Any], objectives: Sequence[str], seed: int
) -> dict[str, Any]:
    """Return the definition of a study in JSON types, from its space in plain form."""
    settings = {
        key: value
        for key, value in flat(dict(base)).items()
        if key not in LOCATION_KEYS and not key.startswith(MEASUREMENTS)
    }
    return {
        "space": flat(dict(space)),
        "base": settings,
        "monitor": base["monitor"],
        "mode": base["mode"],
        "objectives": list(objectives),
        "seed": seed,
    }


def find_setting_changes(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return the differences between two definitions, one per line.

    >>> find_setting_changes({"seed": 0, "base": {"a": 1}}, {"seed": 0, "base": {"a": 2, "b": 3}})
    ['base.a: 1 -> 2', 'base.b: (none) -> 3']
    """
    one, other = flat(dict(previous)), flat(dict(current))
    keys = sorted(k for k in one.keys() | other.keys() if one.get(k, ...) != other.get(k, ...))
    return [f"{key}: {one.get(key, '(none)')} -> {other.get(key, '(none)')}" for key in keys]
