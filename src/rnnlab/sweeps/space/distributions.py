"""Distributions of one dimension: a range, several choices, named levels, or a constant."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from rnnlab.config.overrides import format_override
from rnnlab.errors import ConfigError

if TYPE_CHECKING:
    import optuna

Number = int | float


class Distribution(Protocol):
    """The values of a dimension.

    Optuna stores numbers, strings, booleans and None only. `to_optuna` and `from_optuna` convert
    between the value that a run gets and the value that Optuna stores.
    """

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Any:
        """Return the value of this trial."""

    def ends(self) -> list[Any]:
        """Return the values that bound all others."""

    def grid(self) -> list[Any]:
        """Return all values as Optuna stores them.

        Raises:
            ConfigError: the distribution is continuous.
        """

    def to_optuna(self, value: Any) -> Any:
        """Convert a value; a converted value is accepted too.

        Raises:
            ConfigError: the distribution does not contain it; the message says what is allowed.
        """
        return self.from_optuna(value)

    def from_optuna(self, param: Any) -> Any:
        """Convert a stored value back; a value of a run is accepted too.

        Raises:
            ConfigError: the distribution does not contain it; the message says what is allowed.
        """

    def to_settings(self, key: str, value: Any) -> dict[str, Any]:
        """Return the settings of a run, key -> value, of one value of the dimension `key`."""
        return {key: self.from_optuna(value)}

    def to_plain(self) -> dict[str, Any]:
        """Return the complete typed spelling in JSON types."""


@dataclass(frozen=True)
class Range(Distribution):
    """Numbers from low to high, both included.

    Attributes:
        low: the smallest number; an int if all are.
        high: the largest number.
        log: whether to sample on a logarithmic scale.
        step: distance between neighbours; None for a continuous range.
    """

    low: Number
    high: Number
    log: bool = False
    step: Number | None = None

    @property
    def is_integer(self) -> bool:
        """Whether the values are integers."""
        return isinstance(self.low, int)

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Number:
        if self.is_integer:
            step = int(self.step or 1)
            return trial.suggest_int(key, int(self.low), int(self.high), step=step, log=self.log)
        return self.from_optuna(
            trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)
        )

    def ends(self) -> list[Number]:
        return [self.low] if self.low == self.high else [self.low, self.high]

    def grid(self) -> list[Number]:
        if self.step is None:
            raise ConfigError("has no steps between low and high: give it a step, or choices")
        steps = round((self.high - self.low) / self.step)
        return [self._at(i) for i in range(steps + 1)]

    def from_optuna(self, param: Any) -> Number:
        if not is_number(param) or not self.low <= param <= self.high:
            raise ConfigError(f"must be {self._describe()}")
        if self.step is None:
            return float(param) if not self.is_integer else self._to_int(param)
        nearest = self._at(round((param - self.low) / self.step))
        if not math.isclose(nearest, param, rel_tol=1e-9, abs_tol=1e-9 * self.step):
            raise ConfigError(f"must be {self._describe()}")
        return nearest

    def _to_int(self, param: Number) -> int:
        if param != int(param):
            raise ConfigError(f"must be {self._describe()}")
        return int(param)

    def _at(self, steps: int) -> Number:
        """Return low + steps * step without binary rounding errors."""
        exact = Decimal(str(self.low)) + steps * Decimal(str(self.step))
        return int(exact) if self.is_integer else float(exact)

    def _describe(self) -> str:
        kind = "a whole number" if self.is_integer else "a number"
        steps = f" in steps of {self.step}" if self.step not in (None, 1) else ""
        return f"{kind} from {self.low} to {self.high}{steps}"

    def to_plain(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


@dataclass(frozen=True)
class Choices(Distribution):
    """Several values without an order.

    Attributes:
        values: what a run gets. Optuna stores lists and dictionaries as their text.
    """

    values: tuple[Any, ...]

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Any:
        return self.from_optuna(trial.suggest_categorical(key, self.grid()))

    def ends(self) -> list[Any]:
        return list(self.values)

    def grid(self) -> list[Any]:
        return [to_scalar(value) for value in self.values]

    def to_optuna(self, value: Any) -> Any:
        return to_scalar(self.from_optuna(value))

    def from_optuna(self, param: Any) -> Any:
        for value in self.values:
            if is_same(to_scalar(value), to_scalar(param)):
                return value
        raise ConfigError(f"must be one of {', '.join(map(format_override, self.values))}")

    def to_plain(self) -> dict[str, Any]:
        return {"choices": list(self.values)}


@dataclass(frozen=True)
class Levels(Distribution):
    """Named levels, each of which sets several settings of a run together.

    Attributes:
        levels: name -> settings: key -> value.
    """

    levels: Mapping[str, Mapping[str, Any]]

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Any:
        return trial.suggest_categorical(key, self.grid())

    def ends(self) -> list[Any]:
        return self.grid()

    def grid(self) -> list[Any]:
        return list(self.levels)

    def from_optuna(self, param: Any) -> Any:
        if param not in self.levels:
            raise ConfigError(f"must be one of {', '.join(self.levels)}")
        return param

    def to_settings(self, key: str, value: Any) -> dict[str, Any]:
        return dict(self.levels[value])

    def to_plain(self) -> dict[str, Any]:
        settings = {name: level.items() for name, level in self.levels.items()}
        return {
            "levels": [
                f"{name}: {' '.join(f'{k}={format_override(v)}' for k, v in items)}"
                for name, items in settings.items()
            ]
        }


@dataclass(frozen=True)
class Constant(Distribution):
    """One value that is not searched and that Optuna does not store."""

    only: Any

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Any:
        return self.only

    def ends(self) -> list[Any]:
        return [self.only]

    def grid(self) -> list[Any]:
        return [self.only]

    def from_optuna(self, param: Any) -> Any:
        if not is_same(to_scalar(param), to_scalar(self.only)):
            raise ConfigError(f"must be {format_override(self.only)}, the constant of the space")
        return self.only

    def to_plain(self) -> dict[str, Any]:
        return {"value": self.only}


def to_scalar(value: Any) -> Any:
    """Return a value that Optuna can store: lists and dictionaries become command-line text."""
    return format_override(value) if isinstance(value, list | tuple | Mapping) else value


def is_same(one: Any, other: Any) -> bool:
    """Whether two scalars are equal; 1 and true are not.

    >>> is_same(1, 1.0), is_same(1, True)
    (True, False)
    """
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
