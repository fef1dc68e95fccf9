"""Overrides on the command line of a search: of the search, of its space and of its runs."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rnnlab.config.command_line import base_settings
from rnnlab.config.overrides import Override, parse_override
from rnnlab.config.suggestions import NEAR, suggest_settings
from rnnlab.errors import ConfigError, did_you_mean, unknown_name
from rnnlab.sweeps.schema import GROUPS, SWEEP_KEYS
from rnnlab.sweeps.space.conditions import error_message
from rnnlab.sweeps.space.dimensions import parse_dimension
from rnnlab.sweeps.space.editing import fix_dimension, raw_conditions, remove_dimension


@dataclass(frozen=True)
class CliOverrides:
    """Overrides of the command line, grouped by what they change.

    Attributes:
        search: of the settings of the search.
        space: of its space: a key and its values; `~space.<key>` removes a dimension.
        base: of all runs.
    """

    search: list[Override]
    space: list[Override]
    base: list[Override]

    @classmethod
    def parse(cls, arguments: Sequence[str], run_keys: set[str], conf: Path) -> "CliOverrides":
        """Parse and group overrides.

        Args:
            arguments: key=value, as a user types them.
            run_keys: first keys of the overrides of train.py.
            conf: directory of the configuration of runs, for suggestions.

        Raises:
            ConfigError: invalid overrides, one per line.
        """
        overrides, problems = cls([], [], []), []
        for argument in arguments:
            try:
                override = parse_override(argument)
                overrides._select_list(override, run_keys, conf).append(override)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(*problems)
        return overrides

    def _select_list(self, override: Override, run_keys: set[str], conf: Path) -> list[Override]:
        first, keys = re.split(r"[./@]", override.key)[0], {*SWEEP_KEYS, *run_keys}
        if first not in keys:
            names = [] if get_close_matches(first, keys, cutoff=NEAR) else base_settings(conf)
            others = " or ".join(suggest_settings(first, names))
            hint = f"did you mean {others}?" if others else did_you_mean(first, keys)
            raise ConfigError(
                f"{override.text}: {first} is no setting of a search, nor of a run; {hint}"
            )
        is_dimension = override.is_sweep or is_distribution(override.value)
        if override.key.startswith("space.") or (is_dimension and first not in SWEEP_KEYS):
            return self.space
        if first not in SWEEP_KEYS:
            return self.base
        if override.is_sweep:
            raise ConfigError(
                f"{override.text}: {override.key} is a setting of the search; give one value"
            )
        if override.key in GROUPS and not isinstance(override.value, str | None):
            raise ConfigError(f"{override.text}: must be the name of one choice")
        return self.search

    def to_hydra(self) -> Iterator[str]:
        """Yield the overrides of the search; settings that its files do not list are added."""
        if any(override.key.split(".")[0] == "budget" for override in self.search):
            yield "++budget=null"  # another unit replaces the one of the file
        for override in self.search:
            if override.key in GROUPS and override.value is None:
                yield f"~{override.key}"
            elif override.key in GROUPS or override.sign == "~":
                yield override.text
            else:
                yield f"++{override.text.lstrip('+')}"

    def apply(self, plain: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of the search with the overrides of its space and its runs.

        Points that the file enqueues are dropped if they lie outside of a dimension that is typed.
        """
        raw_space = plain.get("space")
        lists = [plain.get(key) or [] for key in ("base", "enqueue")]
        if not isinstance(raw_space, Mapping) or not all(isinstance(x, list) for x in lists):
            return plain  # find_setting_problems reports it
        original = {str(key): raw for key, raw in raw_space.items()}
        space, constants = original, {}
        base = list(plain.get("base") or [])
        for override in self.space:
            space = add_dimension(space, override)
        for override in self.base:
            key = None if override.sign == "~" else find_dimension(space, override.key)
            if key is None:
                base.append(override.text)
                continue
            base += [] if raw_conditions(space[key]) else [override.text]
            space, constants[key] = fix_dimension(space, key, override.value), override.value
        removed_keys = original.keys() - space.keys()
        points = list(compatible_points(plain.get("enqueue") or [], constants, removed_keys))
        if "enqueue" not in {override.key for override in self.search}:
            keys = {override.key.removeprefix("space.") for override in self.space}
            points = [point for point in points if is_inside(point, space, keys)]
        return {**plain, "space": space, "base": base, "enqueue": points}


def is_distribution(value: Any) -> bool:
    """Return whether a value is a range or choices in the spelling of YAML."""
    return isinstance(value, Mapping) and ({"low", "high"} <= value.keys() or "choices" in value)


def compatible_points(
    points: Any, constants: Mapping[str, Any], removed_keys: Set[str]
) -> Iterator[Any]:
    """Yield the enqueued points that are possible after the command line fixed dimensions.

    A point with another value than one of the constants is dropped.
    """
    for point in points:
        if not isinstance(point, Mapping):
            yield point  # find_setting_problems reports it
        elif all(point.get(key, value) == value for key, value in constants.items()):
            yield {key: value for key, value in point.items() if key not in removed_keys}


def is_inside(point: Any, space: Mapping[str, Any], keys: Set[str]) -> bool:
    """Return whether the values of a point for some dimensions lie in these; True if invalid."""
    if not isinstance(point, Mapping):
        return True  # find_setting_problems reports it
    for key in point.keys() & keys & space.keys():
        try:
            distribution = parse_dimension(key, space[key]).distribution
        except ConfigError:
            continue  # reported too
        if error_message(distribution.from_optuna, point[key]):
            return False
    return True


def add_dimension(space: dict[str, Any], override: Override) -> dict[str, Any]:
    """Return the space with the dimension of an override, or without it for `~space.<key>`.

    Raises:
        ConfigError: the dimension to remove does not exist.
    """
    name = override.key.removeprefix("space.")
    key = find_dimension(space, name)
    if override.sign != "~":
        is_typed = isinstance(override.value, Mapping | list)  # as in YAML: a list holds choices
        values = override.value if is_typed else override.text.partition("=")[2]
        return {**space, key or f"{override.sign}{name}": values}
    if key is None:
        raise ConfigError(unknown_name(f"{override.text}: no such dimension; ", name, space))
    return remove_dimension(space, key)


def find_dimension(space: Mapping[str, Any], key: str) -> str | None:
    """Return the dimension of a setting, with the plus that may precede it."""
    return next((name for name in space if name.lstrip("+") == key), None)
