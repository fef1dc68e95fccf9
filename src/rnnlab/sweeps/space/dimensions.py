"""What a search may vary, and under which conditions.

optimizer.lr: {low: 1e-4, high: 1e-2, log: true}   or   tag(log, interval(1e-4, 1e-2))
model: [gru, lstm]                                  or   choice(gru, lstm)
model.forget_bias: {low: 0.0, high: 2.0, when: model=lstm}
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnlab.config.overrides import format_override, parse_override
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.sweeps.space.distributions import Domain, Fixed, holdable, read_domain, same, show

if TYPE_CHECKING:
    import optuna

Conditions = Mapping[str, tuple[Any, ...]]  # key of another dimension -> values it must have


@dataclass(frozen=True)
class Dimension:
    """A setting of a run that a search gives.

    Attributes:
        key: Hydra's dotted key, or a group.
        domain: its values.
        when: all of these must hold, else a trial does not have this setting.
    """

    key: str
    domain: Domain
    when: Conditions = field(default_factory=dict)

    @property
    def searched(self) -> bool:
        """Whether a sampler has a say."""
        return not isinstance(self.domain, Fixed)

    def active(self, values: Mapping[str, Any]) -> bool:
        """Whether a trial with these values has this setting."""
        return all(
            key in values and among(values[key], allowed) for key, allowed in self.when.items()
        )

    def plain(self) -> dict[str, Any]:
        """The typed spelling, as JSON can hold it."""
        conditions = {key: list(allowed) for key, allowed in self.when.items()}
        return {**self.domain.plain(), **({"when": conditions} if conditions else {})}


def among(value: Any, allowed: tuple[Any, ...]) -> bool:
    """Whether a value is one of these."""
    return any(same(holdable(value), holdable(one)) for one in allowed)


@dataclass(frozen=True)
class Space:
    """The dimensions of a search, each behind those that its conditions ask.

    Attributes:
        dimensions: by their keys, in the order in which they are drawn.
    """

    dimensions: Mapping[str, Dimension]

    @classmethod
    def parse(cls, plain: Mapping[str, Any]) -> "Space":
        """A space from how it stands in YAML, in either spelling; see domains.read_domain.

        Raises:
            ConfigError: all that is wrong, a line each, each with its `space.<key>`.
        """
        found: dict[str, Dimension] = {}
        problems: list[str] = []
        for key, raw in plain.items():
            try:
                found[str(key)] = read_dimension(str(key), raw)
            except ConfigError as error:
                problems += [f"space.{key}{line}" for line in str(error).splitlines()]
        problems += condition_problems(found, set(map(str, plain)))
        if problems:
            raise ConfigError("\n".join(problems))
        return cls(ordered(found))

    def suggest(self, trial: "optuna.trial.BaseTrial") -> dict[str, Any]:
        """The values of a trial, drawn by its study's sampler; of active dimensions alone.

        Args:
            trial: of optuna's ask; a FixedTrial will do.

        Returns:
            The values by key in the order of the dimensions, fixed ones too.
        """
        values: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if dimension.active(values):
                values[key] = dimension.domain.suggest(trial, key)
        return values

    def words(self, values: Mapping[str, Any]) -> list[str]:
        """The words of train.py that give a run these values.

        Args:
            values: by key; as `suggest` returns them, or as Optuna holds them.
        """
        return [
            f"{key}={format_override(dimension.domain.value(values[key]))}"
            for key, dimension in self.dimensions.items()
            if key in values
        ]

    def params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A point as Optuna holds it, without what is fixed; for `enqueue_trial`."""
        return {
            key: dimension.domain.held(values[key])
            for key, dimension in self.dimensions.items()
            if key in values and dimension.searched
        }

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a trial from its `params`, as `suggest` returned them."""
        values: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if isinstance(dimension.domain, Fixed) and dimension.active(values):
                values[key] = dimension.domain.only
            elif key in params:
                values[key] = dimension.domain.value(params[key])
        return values

    def plain(self) -> dict[str, Any]:
        """The space in one spelling, as JSON can hold it; equal spaces have equal ones."""
        return {key: dimension.plain() for key, dimension in self.dimensions.items()}

    def check(self, values: Mapping[str, Any], place: str) -> None:
        """Whether a point, complete or not, lies in the space.

        Args:
            values: by key.
            place: where the point was given, for the messages.

        Raises:
            ConfigError: an unknown key, a value outside, a dimension that is not active; a line
                each.
        """
        problems = [
            f"{place}.{key}={show(value)}: {problem}"
            for key, value in values.items()
            if (problem := self._problem(key, values))
        ]
        if problems:
            raise ConfigError("\n".join(problems))

    def _problem(self, key: str, values: Mapping[str, Any]) -> str | None:
        """What is wrong with one value of a point."""
        if key not in self.dimensions:
            return f"no such dimension of the space; {did_you_mean(key, self.dimensions)}"
        dimension = self.dimensions[key]
        for other, allowed in dimension.when.items():
            if other in values and not among(values[other], allowed):
                return f"is given only when {said({other: allowed})}; drop it"
        return refusal(dimension.domain.value, values[key])

    def grid(self) -> dict[str, list[Any]]:
        """All values of what is searched, for optuna's GridSampler.

        Raises:
            ConfigError: a dimension that is continuous, or not in every trial; a line each.
        """
        grid, problems = {}, []
        for key, dimension in self.dimensions.items():
            if dimension.searched and dimension.when:
                problems.append(f"space.{key}: a grid cannot have a dimension with conditions")
                continue
            try:
                values = dimension.domain.grid()
            except ConfigError as error:
                problems.append(f"space.{key}: {error}, for a grid")
                continue
            if dimension.searched:
                grid[key] = values
        if problems:
            raise ConfigError("\n".join(problems))
        return grid

    def corners(self) -> list[dict[str, Any]]:
        """Few points that visit every choice, and both ends of every range.

        They are what a search tries to compose before its first trial.
        """
        missing = [
            (key, end)
            for key, dimension in self.dimensions.items()
            for end in dimension.domain.ends()
        ]
        corners = []
        while missing:
            corner = self._corner(*missing[0], missing)
            missing = [(k, end) for k, end in missing if k not in corner or corner[k] != end]
            corners.append(corner)
        return corners

    def _corner(self, key: str, end: Any, missing: list[tuple[str, Any]]) -> dict[str, Any]:
        """A point with this value of this dimension, and others that are missing yet."""
        wanted = {**requirements(self.dimensions, key), key: (end,)}
        corner: dict[str, Any] = {}
        for name, dimension in self.dimensions.items():
            if dimension.active(corner):
                free = [value for k, value in missing if k == name] + dimension.domain.ends()
                fits = [value for value in free if among(value, wanted.get(name, (value,)))]
                corner[name] = (fits or wanted[name])[0]
        return corner


# Reading.


def read_dimension(key: str, raw: Any) -> Dimension:
    """One line of a space.

    Raises:
        ConfigError: all that is wrong, a line each, as what follows the key.
    """
    problems = [] if is_key(key) else [": is no setting of a run, such as optimizer.lr or model"]
    readers: list[Callable[[], Any]] = [lambda: read_domain(raw)]
    if isinstance(raw, Mapping) and "when" in raw:
        rest = {name: value for name, value in raw.items() if name != "when"}
        readers = [lambda: read_domain(rest), lambda: read_conditions(raw["when"])]
    parts = []
    for read in readers:
        try:
            parts.append(read())
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return Dimension(key, *parts)


def is_key(key: str) -> bool:
    """Whether Hydra would take it before the `=`, with a plus or without."""
    try:
        word = parse_override(f"{key}=0")
    except ConfigError:
        return False
    return bool(word.key) and word.sign != "~" and f"{word.sign}{word.key}" == key


def read_conditions(raw: Any) -> dict[str, tuple[Any, ...]]:
    """The conditions of a dimension, `model=lstm,gru` or a mapping.

    Raises:
        ConfigError: they cannot be read.
    """
    wanted = ".when={}: must be such as model=lstm, or {{model: [lstm, gru], task.pooling: last}}"
    if isinstance(raw, Mapping) and raw:
        return {str(k): tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in raw.items()}
    if not isinstance(raw, str) or "=" not in raw:
        raise ConfigError(wanted.format(show(raw)))
    try:
        word = parse_override(raw)
        values = read_domain(raw.partition("=")[2]).grid()
    except ConfigError as error:
        raise ConfigError(wanted.format(raw)) from error
    return {f"{word.sign}{word.key}": tuple(values)}


def condition_problems(dimensions: Mapping[str, Dimension], names: set[str]) -> list[str]:
    """What is wrong with the conditions between dimensions, a line each.

    Args:
        dimensions: those that could be read.
        names: those that were given.
    """
    problems = [
        f"space.{dimension.key}.when={said({other: allowed})}: {problem}"
        for dimension in dimensions.values()
        for other, allowed in dimension.when.items()
        if (problem := condition_problem(dimensions, names, other, allowed))
    ]
    if problems or set(dimensions) != names:
        return problems
    circle = circular(dimensions)
    if circle:
        return [f"space.{circle[0]}.when: goes round in a circle: {' -> '.join(circle)}"]
    return [
        f"space.{key}.when: can never hold, for {other} would need two values at once"
        for key in dimensions
        for other, allowed in requirements(dimensions, key).items()
        if not allowed
    ]


def condition_problem(
    dimensions: Mapping[str, Dimension], names: set[str], other: str, allowed: tuple[Any, ...]
) -> str | None:
    """What is wrong with one condition."""
    if other not in names:
        return f"{other} is no dimension of the space; {did_you_mean(other, names)}"
    if not allowed:
        return "names no value"
    if other not in dimensions:
        return None  # its own line says why
    for value in allowed:
        problem = refusal(dimensions[other].domain.value, value)
        if problem:
            return f"{other} never is {show(value)}; it {problem}"
    return None


def refusal(function: Callable[[Any], Any], value: Any) -> str | None:
    """Why a function refuses a value."""
    try:
        function(value)
    except ConfigError as error:
        return str(error)
    return None


def said(when: Conditions) -> str:
    """Conditions as they are written on one line."""
    return " and ".join(f"{key}={','.join(map(show, allowed))}" for key, allowed in when.items())


def circular(dimensions: Mapping[str, Dimension]) -> list[str]:
    """Keys along a circle of conditions, the first again at the end; empty where there is none."""
    from graphlib import CycleError, TopologicalSorter

    try:
        TopologicalSorter({key: list(d.when) for key, d in dimensions.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def ordered(dimensions: Mapping[str, Dimension]) -> dict[str, Dimension]:
    """As they stand, but each behind those that its conditions ask."""
    placed: dict[str, Dimension] = {}
    for key in dimensions:
        placed |= {name: dimensions[name] for name in ancestors(dimensions, key)}
    return placed


def ancestors(dimensions: Mapping[str, Dimension], key: str) -> Iterator[str]:
    """What must be drawn before a dimension, in order, and the dimension itself."""
    for other in dimensions[key].when:
        yield from ancestors(dimensions, other)
    yield key


def requirements(dimensions: Mapping[str, Dimension], key: str) -> dict[str, tuple[Any, ...]]:
    """Which values other dimensions must have so that this one is active; none: it never is."""
    needed: dict[str, tuple[Any, ...]] = {}
    for name in ancestors(dimensions, key):
        for other, allowed in dimensions[name].when.items():
            before = needed.get(other, allowed)
            needed[other] = tuple(value for value in before if among(value, allowed))
    return needed


# A space as it was given, changed from the command line.


def fix_dimension(plain: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The space where one dimension has this value in all trials.

    One with conditions stays, at that value. One without leaves the space, and with it what it
    was a condition of: a condition that now holds is dropped, one that does not takes its
    dimension along.

    >>> bias = {"choices": [0, 1], "when": "model=lstm"}
    >>> space = {"model": ["gru", "lstm"], "model.forget_bias": bias}
    >>> fixed(space, "model", "lstm")
    {'model.forget_bias': {'choices': [0, 1]}}
    >>> fixed(space, "model", "gru")
    {}
    """
    if conditions_of(plain[key]):
        return {**plain, key: {"value": value, "when": plain[key]["when"]}}
    left = {name: raw for name, raw in plain.items() if name != key}
    for name, raw in plain.items():
        when = conditions_of(raw)
        if key in when and among(value, when[key]) and name in left:
            left[name] = released(raw, when, key)
        elif key in when:
            left = remove_dimension(left, name)
    return left


def remove_dimension(plain: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The space without a dimension, and without those that ask it."""
    left = {name: raw for name, raw in plain.items() if name != key}
    for name, raw in plain.items():
        if key in conditions_of(raw) and name in left:
            left = remove_dimension(left, name)
    return left


def conditions_of(raw: Any) -> dict[str, tuple[Any, ...]]:
    """The conditions of a dimension as it was given; none where they cannot be read."""
    if not isinstance(raw, Mapping) or "when" not in raw:
        return {}
    try:
        return read_conditions(raw["when"])
    except ConfigError:
        return {}  # parse will say why


def released(raw: Mapping[str, Any], when: Conditions, key: str) -> dict[str, Any]:
    """A dimension as it was given, without one of its conditions."""
    others = {name: list(allowed) for name, allowed in when.items() if name != key}
    rest = {name: value for name, value in raw.items() if name != "when"}
    return {**rest, **({"when": others} if others else {})}
