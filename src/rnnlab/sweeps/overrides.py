"""Overrides on the command line of a search: of the search, of its space and of its runs."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from rnnlab.config.overrides import Override, parse_override
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.sweeps.schema import GROUPS, SWEEP_KEYS
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
    def parse(cls, arguments: Sequence[str], run_keys: set[str]) -> "CliOverrides":
        """Parse and group overrides; `run_keys` are the first keys of those of train.py.

        Raises:
            ConfigError: invalid overrides, one per line.
        """
        overrides, problems = cls([], [], []), []
        for argument in arguments:
            try:
                override = parse_override(argument)
                overrides._select_list(override, run_keys).append(override)
            except ConfigError as error:
                problems.append(str(error))
        if problems:
            raise ConfigError("\n".join(problems))
        return overrides

    def _select_list(self, override: Override, run_keys: set[str]) -> list[Override]:
        first = re.split(r"[./@]", override.key)[0]
        if first not in {*SWEEP_KEYS, *run_keys}:
            raise ConfigError(
                f"{override.text}: {first} is no setting of a search, nor of a run; "
                f"{did_you_mean(first, {*SWEEP_KEYS, *run_keys})}"
            )
        if override.key.startswith("space.") or (override.is_sweep and first not in SWEEP_KEYS):
            return self.space
        if first not in SWEEP_KEYS:
            return self.base
        if override.is_sweep:
            raise ConfigError(
                f"{override.text}: {override.key} is a setting of the search; give one value"
            )
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
        """Return the settings of the search with the overrides of its space and its runs."""
        raw_space = plain.get("space")
        if not isinstance(raw_space, Mapping):
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
        return {**plain, "space": space, "base": base, "enqueue": points}


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
        raise ConfigError(f"{override.text}: no such dimension; {did_you_mean(name, space)}")
    return remove_dimension(space, key)


def find_dimension(space: Mapping[str, Any], key: str) -> str | None:
    """Return the dimension of a setting, with the plus that may precede it."""
    return next((name for name in space if name.lstrip("+") == key), None)
