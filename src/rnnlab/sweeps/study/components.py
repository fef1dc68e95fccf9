"""Optuna's samplers and pruners, built as their YAML files say."""

import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna


def make_sampler(
    component: Mapping[str, Any], seed: int, grid: Callable[[], dict[str, list[Any]]]
) -> "optuna.samplers.BaseSampler":
    """The sampler that draws one trial.

    It is built anew for each trial, and what it knows is in the study alone: whoever draws trial 7
    after the same trials draws the same values.

    Args:
        component: `_target_` and settings.
        seed: of this draw; not used where the component has one of its own.
        grid: gives all values of each dimension, for samplers that ask for them.
    """
    from hydra.utils import instantiate

    make = instantiate(dict(component), _partial_=True, _convert_="all")
    taken = inspect.signature(make.func).parameters
    more: dict[str, Any] = {}
    if "seed" in taken and "seed" not in component:
        more["seed"] = seed
    if "search_space" in taken and "search_space" not in component and takes_grid(make.func):
        more["search_space"] = grid()
    sampler: optuna.samplers.BaseSampler = make(**more)
    return sampler


def takes_grid(sampler: type) -> bool:
    """Whether a sampler must be told all values."""
    parameter = inspect.signature(sampler).parameters["search_space"]
    return parameter.default is parameter.empty


def make_pruner(component: Mapping[str, Any] | None) -> "optuna.pruners.BasePruner":
    """The pruner; None is one that lets all trials finish."""
    import optuna
    from hydra.utils import instantiate

    if component is None:
        return optuna.pruners.NopPruner()
    pruner: optuna.pruners.BasePruner = instantiate(dict(component), _convert_="all")
    return pruner


def seed_of(*parts: Any) -> int:
    """A seed from what it is for; the same on every machine.

    >>> seed_of(0, 7)
    1627159177
    """
    text = " ".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
