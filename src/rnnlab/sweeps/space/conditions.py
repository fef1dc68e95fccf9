"""Conditions of dimensions on the values of other dimensions."""

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from rnnlab.config.overrides import parse_override
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.sweeps.space.distributions import Distribution, is_same, to_scalar
from rnnlab.sweeps.space.parsing import format_literal, parse_distribution

Conditions = Mapping[str, tuple[Any, ...]]  # key of another dimension -> values that it may have


def parse_conditions(raw: Any) -> dict[str, tuple[Any, ...]]:
    """Return the conditions of a dimension from `model=lstm,gru` or from a mapping.

    Raises:
        ConfigError: they cannot be read.
    """
    message = ".when={}: must be such as model=lstm, or {{model: [lstm, gru], task.pooling: last}}"
    if isinstance(raw, Mapping) and raw:
        return {str(k): tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in raw.items()}
    if not isinstance(raw, str) or "=" not in raw:
        raise ConfigError(message.format(format_literal(raw)))
    try:
        override = parse_override(raw)
        values = parse_distribution(raw.partition("=")[2]).grid()
    except ConfigError as error:
        raise ConfigError(message.format(raw)) from error
    return {f"{override.sign}{override.key}": tuple(values)}


def format_conditions(when: Conditions) -> str:
    """Return conditions on one line."""
    return " and ".join(f"{key}={','.join(map(format_literal, v))}" for key, v in when.items())


def is_among(value: Any, options: tuple[Any, ...]) -> bool:
    """Whether a value is one of the options."""
    return any(is_same(to_scalar(value), to_scalar(option)) for option in options)


def find_problems(
    conditions: Mapping[str, Conditions],
    distributions: Mapping[str, Distribution],
    names: set[str],
) -> list[str]:
    """Return what is wrong with the conditions of the dimensions that could be parsed.

    `names` are the keys of all dimensions.
    """
    problems = [
        f"space.{key}.when={format_conditions({other: options})}: {problem}"
        for key, when in conditions.items()
        for other, options in when.items()
        if (problem := _condition_problem(distributions, names, other, options))
    ]
    if problems or set(conditions) != names:
        return problems
    cycle = _find_cycle(conditions)
    if cycle:
        return [f"space.{cycle[0]}.when: the conditions form a cycle: {' -> '.join(cycle)}"]
    return [
        f"space.{key}.when: can never hold, because {other} would need two values at once"
        for key in conditions
        for other, options in find_requirements(conditions, key).items()
        if not options
    ]


def _condition_problem(
    distributions: Mapping[str, Distribution],
    names: set[str],
    other: str,
    options: tuple[Any, ...],
) -> str | None:
    if other not in names:
        return f"{other} is no dimension of the space; {did_you_mean(other, names)}"
    if not options:
        return "names no value"
    if other not in distributions:
        return None  # the line of that dimension says why
    for value in options:
        problem = error_message(distributions[other].from_optuna, value)
        if problem:
            return f"{other} is never {format_literal(value)}; it {problem}"
    return None


def error_message(function: Callable[[Any], Any], value: Any) -> str | None:
    """Return the message with which a function rejects a value; None if it accepts it."""
    try:
        function(value)
    except ConfigError as error:
        return str(error)
    return None


def _find_cycle(conditions: Mapping[str, Conditions]) -> list[str]:
    """Return the keys along a cycle, with the first again at the end; empty without a cycle."""
    try:
        TopologicalSorter({key: list(when) for key, when in conditions.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def sort_keys(conditions: Mapping[str, Conditions]) -> list[str]:
    """Return the keys in their order, but each after the keys that its conditions name."""
    return list(dict.fromkeys(name for key in conditions for name in _ancestors(conditions, key)))


def _ancestors(conditions: Mapping[str, Conditions], key: str) -> Iterator[str]:
    """Yield what must be drawn before a dimension, in order, and the dimension itself."""
    for other in conditions[key]:
        yield from _ancestors(conditions, other)
    yield key


def find_requirements(conditions: Mapping[str, Conditions], key: str) -> dict[str, tuple[Any, ...]]:
    """Return the values of other dimensions with which this one is active.

    An empty tuple means that the dimension is never active.
    """
    requirements: dict[str, tuple[Any, ...]] = {}
    for name in _ancestors(conditions, key):
        for other, options in conditions[name].items():
            earlier = requirements.get(other, options)
            requirements[other] = tuple(value for value in earlier if is_among(value, options))
    return requirements
