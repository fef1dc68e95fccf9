"""Optuna's samplers, built from their YAML files, and adapted where ask-and-tell needs it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import optuna
from hydra.utils import instantiate
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from rnnlab.errors import ConfigError


class CmaEsSampler(optuna.samplers.CmaEsSampler):
    """Optuna's sampler with an early error if the package `cmaes` is missing.

    Raises:
        ConfigError: the package is not installed.
    """

    def __init__(self, seed: int | None = None, **settings: Any) -> None:
        if find_spec("cmaes") is None:
            raise ConfigError(
                "sampler=cmaes needs the package cmaes, which is not installed: pip install "
                "'rnnlab[cmaes]', or choose another sampler"
            )
        super().__init__(seed=seed, **settings)


class GridSampler(optuna.samplers.GridSampler):
    """Optuna's sampler for ask-and-tell, with enqueued points that may be incomplete.

    Optuna's own sampler stops `study.optimize` after the last grid point, which raises outside of
    it. Here the search asks `count_trials` when to stop.
    """

    def __init__(self, search_space: Mapping[str, Sequence[Any]], seed: int | None = None) -> None:
        super().__init__(search_space, seed)
        self._random = optuna.samplers.RandomSampler(seed)

    def after_trial(self, *arguments: Any, **settings: Any) -> None:
        """Do nothing; the search stops by itself."""

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the value of the grid point; draw what an enqueued point leaves out."""
        if "grid_id" in trial.system_attrs:
            return super().sample_independent(study, trial, param_name, param_distribution)
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def count_trials(self, study: optuna.Study) -> int:
        """Return how many trials a study has once each grid point has one.

        Trials of enqueued points and of another grid are counted in addition.
        """
        count = self._n_min_trials
        for trial in study.get_trials(deepcopy=False):
            space = trial.system_attrs.get("search_space", self._search_space)
            count += "fixed_params" in trial.system_attrs or not self._same_search_space(space)
        return count


def make_sampler(
    component: Mapping[str, Any], seed: int, grid: Callable[[], dict[str, list[Any]]]
) -> optuna.samplers.BaseSampler:
    """Return the sampler that draws one trial.

    Each trial gets a new sampler whose knowledge comes from the study alone: every process that
    draws trial 7 after the same trials draws the same values.

    Args:
        component: `_target_` and settings.
        seed: of this draw; ignored if the component has its own.
        grid: returns all values of each dimension, for samplers that need them.
    """
    build = instantiate(dict(component), _partial_=True, _convert_="all")
    parameters = inspect.signature(build.func).parameters
    arguments: dict[str, Any] = {}
    if "seed" in parameters and "seed" not in component:
        arguments["seed"] = seed
    space = parameters.get("search_space")
    if space is not None and space.default is space.empty and space.name not in component:
        arguments["search_space"] = grid()
    sampler: optuna.samplers.BaseSampler = build(**arguments)
    return sampler
