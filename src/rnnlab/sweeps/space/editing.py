"""Changes that the command line makes to a space before it is parsed."""

from collections.abc import Mapping
from typing import Any

from rnnlab.errors import ConfigError
from rnnlab.sweeps.space.conditions import Conditions, is_among, parse_conditions


def fix_dimension(raw_space: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return the space in which one dimension has this value in all trials.

    A dimension with conditions stays in the space as a constant. A dimension without conditions
    leaves the space, and conditions on it are resolved: a condition that holds is dropped, and a
    dimension whose condition does not hold is removed.

    >>> bias = {"choices": [0, 1], "when": "model=lstm"}
    >>> space = {"model": ["gru", "lstm"], "model.forget_bias": bias}
    >>> fix_dimension(space, "model", "lstm")
    {'model.forget_bias': {'choices': [0, 1]}}
    >>> fix_dimension(space, "model", "gru")
    {}
    """
    if raw_conditions(raw_space[key]):
        return {**raw_space, key: {"value": value, "when": raw_space[key]["when"]}}
    rest = {name: raw for name, raw in raw_space.items() if name != key}
    for name, raw in raw_space.items():
        when = raw_conditions(raw)
        if key in when and is_among(value, when[key]) and name in rest:
            rest[name] = _drop_condition(raw, when, key)
        elif key in when:
            rest = remove_dimension(rest, name)
    return rest


def remove_dimension(raw_space: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the space without a dimension and without those whose conditions name it."""
    rest = {name: raw for name, raw in raw_space.items() if name != key}
    for name, raw in raw_space.items():
        if key in raw_conditions(raw) and name in rest:
            rest = remove_dimension(rest, name)
    return rest


def raw_conditions(raw: Any) -> dict[str, tuple[Any, ...]]:
    """Return the conditions of an unparsed dimension; none if they cannot be read."""
    if not isinstance(raw, Mapping) or "when" not in raw:
        return {}
    try:
        return parse_conditions(raw["when"])
    except ConfigError:
        return {}  # Space.parse reports it


def _drop_condition(raw: Mapping[str, Any], when: Conditions, key: str) -> dict[str, Any]:
    others = {name: list(values) for name, values in when.items() if name != key}
    rest = {name: value for name, value in raw.items() if name != "when"}
    return {**rest, **({"when": others} if others else {})}
