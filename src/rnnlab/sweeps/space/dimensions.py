"""Dimensions of a search space.

optimizer.lr: {low: 1e-4, high: 1e-2, log: true}   or   tag(log, interval(1e-4, 1e-2))
model: [gru, lstm]                                  or   choice(gru, lstm)
model.forget_bias: {low: 0.0, high: 2.0, when: model=lstm}
cell: {levels: {small: {model: rnn, model.hidden_size: 64}, large: {...}}}
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnlab.config.overrides import format_override
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.sweeps.space.conditions import (
    Conditions,
    error_message,
    find_problems,
    find_requirements,
    format_conditions,
    is_among,
    parse_conditions,
    sort_keys,
)
from rnnlab.sweeps.space.distributions import Constant, Distribution, Levels
from rnnlab.sweeps.space.parsing import format_literal, is_key, parse_distribution

if TYPE_CHECKING:
    import optuna

MAX_GRID_POINTS = 100_000  # of a grid


@dataclass(frozen=True)
class Dimension:
    """A setting of a run that a search varies.

    Attributes:
        key: Hydra's dotted key, or a group; of named levels, any name.
        when: conditions; a trial has this setting only if all of them hold.
    """

    key: str
    distribution: Distribution
    when: Conditions = field(default_factory=dict)

    @property
    def is_constant(self) -> bool:
        """Whether all trials that have this setting have the same value."""
        return isinstance(self.distribution, Constant)

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Whether a trial with these values has this setting."""
        return all(key in values and is_among(values[key], v) for key, v in self.when.items())

    def settings(self) -> list[str]:
        """Return the settings of a run that it sets."""
        if not isinstance(self.distribution, Levels):
            return [self.key]
        levels = self.distribution.levels.values()
        return list(dict.fromkeys(setting for level in levels for setting in level))

    def replaced_settings(self) -> set[str]:
        """Return the settings that every one of its named levels sets."""
        if not isinstance(self.distribution, Levels):
            return set()
        return set.intersection(*map(set, self.distribution.levels.values()))

    def to_plain(self) -> dict[str, Any]:
        """Return the typed spelling in JSON types."""
        conditions = {key: list(options) for key, options in self.when.items()}
        return {**self.distribution.to_plain(), **({"when": conditions} if conditions else {})}


@dataclass(frozen=True)
class Space:
    """The dimensions of a search.

    They are in the order in which they are drawn: each after those that its conditions name.
    """

    dimensions: Mapping[str, Dimension]

    @classmethod
    def parse(cls, plain: Mapping[str, Any]) -> "Space":
        """Return the space of a YAML mapping, in either spelling; see parse_distribution.

        Raises:
            ConfigError: all problems, one per line, each with its `space.<key>`.
        """
        dimensions: dict[str, Dimension] = {}
        problems: list[str] = []
        for key, raw in plain.items():
            try:
                dimensions[str(key)] = parse_dimension(str(key), raw)
            except ConfigError as error:
                problems += [one.with_message(f"space.{key}{one}") for one in error.problems]
        conditions = {key: dimension.when for key, dimension in dimensions.items()}
        distributions = {key: dimension.distribution for key, dimension in dimensions.items()}
        problems += find_problems(conditions, distributions, set(map(str, plain)))
        problems += find_conflicts(dimensions)
        if problems:
            raise ConfigError(*problems)
        return cls({key: dimensions[key] for key in sort_keys(conditions)})

    def suggest(self, trial: "optuna.trial.BaseTrial") -> dict[str, Any]:
        """Draw the values of a trial with the sampler of its study.

        Return the values of the active dimensions by key, in the order of the dimensions; constants
        are included.
        """
        values: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if dimension.is_active(values):
                values[key] = dimension.distribution.suggest(trial, key)
        return values

    def to_overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return the overrides that set values as `suggest` returns, or as Optuna stores them."""
        settings = self.to_settings(values)
        return [f"{key}={format_override(value)}" for key, value in settings.items()]

    def to_settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a run, key -> value, from values as `to_overrides` takes them."""
        settings: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if key in values:
                settings |= dimension.distribution.to_settings(key, values[key])
        return settings

    def to_params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point as Optuna stores it, without constants; for `enqueue_trial`."""
        return {
            key: dimension.distribution.to_optuna(values[key])
            for key, dimension in self.dimensions.items()
            if key in values and not dimension.is_constant
        }

    def from_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a trial from its `params`, as `suggest` returned them."""
        values: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if isinstance(dimension.distribution, Constant) and dimension.is_active(values):
                values[key] = dimension.distribution.only
            elif key in params:
                values[key] = dimension.distribution.from_optuna(params[key])
        return values

    def to_plain(self) -> dict[str, Any]:
        """Return the space in JSON types; equal spaces have equal plain forms."""
        return {key: dimension.to_plain() for key, dimension in self.dimensions.items()}

    def check(self, values: Mapping[str, Any], label: str) -> None:
        """Check that a point, complete or not, lies in the space; `label` says where it is from.

        Raises:
            ConfigError: an unknown key, a value outside, or a dimension that is not active; one
                problem per line.
        """
        problems = [
            f"{label}.{key}={format_literal(value)}: {problem}"
            for key, value in values.items()
            if (problem := self._problem(key, values))
        ]
        if problems:
            raise ConfigError(*problems)

    def _problem(self, key: str, values: Mapping[str, Any]) -> str | None:
        """Return what is wrong with one value of a point."""
        if key not in self.dimensions:
            return f"no such dimension of the space; {did_you_mean(key, self.dimensions)}"
        dimension = self.dimensions[key]
        for other, options in dimension.when.items():
            if other in values and not is_among(values[other], options):
                return f"is only active if {format_conditions({other: options})}; drop it"
        return error_message(dimension.distribution.from_optuna, values[key])

    def grid(self) -> dict[str, list[Any]]:
        """Return all values of each searched dimension, for Optuna's GridSampler.

        Raises:
            ConfigError: a dimension is continuous or has conditions; one problem per line.
        """
        grid, problems = {}, []
        for key, dimension in self.dimensions.items():
            if not dimension.is_constant and dimension.when:
                problems.append(f"space.{key}: a grid cannot have a dimension with conditions")
                continue
            try:
                values = dimension.distribution.grid()
            except ConfigError as error:
                problems.append(f"space.{key}: {error}, for a grid")
                continue
            if not dimension.is_constant:
                grid[key] = values
        if problems:
            raise ConfigError(*problems)
        return grid

    def points(self) -> list[dict[str, Any]]:
        """Return all combinations of the values, as Optuna stores them.

        Raises:
            ConfigError: a dimension is continuous, or the grid is too large; one problem per line.
        """
        grids, problems = dict[str, list[Any]](), []
        for key, dimension in self.dimensions.items():
            try:
                grids[key] = dimension.distribution.grid()
            except ConfigError as error:
                problems.append(f"space.{key}: {error}, for a grid")
        if (count := math.prod(map(len, grids.values()))) > MAX_GRID_POINTS:
            problems.append(
                f"space: a grid of {count:,} points is too large; try {MAX_GRID_POINTS:,}"
            )
        if problems:
            raise ConfigError(*problems)
        points: list[dict[str, Any]] = [{}]
        for key, values in grids.items():
            points = [one for point in points for one in self._extend(point, key, values)]
        return points

    def _extend(
        self, point: dict[str, Any], key: str, values: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """Return the points that add one dimension to a point; the same one if it is inactive."""
        if not self.dimensions[key].is_active(point):
            return [point]
        return [{**point, key: value} for value in values]

    def corners(self) -> list[dict[str, Any]]:
        """Return few points that visit every choice and both ends of every range.

        A search composes them before its first trial.
        """
        missing = [
            (key, end)
            for key, dimension in self.dimensions.items()
            for end in dimension.distribution.ends()
        ]
        corners = []
        while missing:
            corner = self._corner(*missing[0], missing)
            missing = [(k, end) for k, end in missing if k not in corner or corner[k] != end]
            corners.append(corner)
        return corners

    def _corner(self, key: str, end: Any, missing: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return a point with this value of this dimension and with other missing values."""
        conditions = {name: dimension.when for name, dimension in self.dimensions.items()}
        requirements = {**find_requirements(conditions, key), key: (end,)}
        corner: dict[str, Any] = {}
        for name, dimension in self.dimensions.items():
            if dimension.is_active(corner):
                ends = [value for k, value in missing if k == name] + dimension.distribution.ends()
                matches = [v for v in ends if is_among(v, requirements.get(name, (v,)))]
                corner[name] = (matches or requirements[name])[0]
        return corner


def find_conflicts(dimensions: Mapping[str, Dimension]) -> list[str]:
    """Return a problem for each setting that two dimensions set."""
    owners: dict[str, str] = {}
    problems = []
    for key, dimension in dimensions.items():
        for setting in dimension.settings():
            owner = owners.setdefault(setting, key)
            if owner != key:
                problems.append(f"space.{key}: {setting} is set by space.{owner}, too; drop one")
    return problems


def parse_dimension(key: str, raw: Any) -> Dimension:
    """Return one dimension of a space.

    Raises:
        ConfigError: all problems, one per line, each as what follows the key.
    """
    problems = [] if is_key(key) else [": is no setting of a run, such as optimizer.lr or model"]
    parsers: list[Callable[[], Any]] = [lambda: parse_distribution(raw)]
    if isinstance(raw, Mapping) and "when" in raw:
        rest = {name: value for name, value in raw.items() if name != "when"}
        parsers = [lambda: parse_distribution(rest), lambda: parse_conditions(raw["when"])]
    parts = []
    for parse in parsers:
        try:
            parts.append(parse())
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return Dimension(key, *parts)
