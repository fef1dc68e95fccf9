"""What one hyper-parameter may be: within a range, one of several choices, or one fixed value."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from rnnlab.config.overrides import format_override, parse_override, unquote
from rnnlab.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import optuna

Number = int | float


class Domain(Protocol):
    """The values of a dimension. What Optuna holds of a value is `held`: it knows no lists."""

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Any:
        """The value that this trial has."""

    def ends(self) -> list[Any]:
        """The values that bound all others."""

    def grid(self) -> list[Any]:
        """All values, as Optuna holds them.

        Raises:
            ConfigError: they cannot be counted.
        """

    def held(self, value: Any) -> Any:
        """A value as Optuna holds it; the held form of one is taken too.

        Raises:
            ConfigError: it is not among the values; the message says what is.
        """

    def value(self, held: Any) -> Any:
        """The value from what Optuna holds; a value is taken too.

        Raises:
            ConfigError: it is not among the values; the message says what is.
        """

    def plain(self) -> dict[str, Any]:
        """The typed spelling, complete, as JSON can hold it."""


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included.

    Attributes:
        low: the smallest; an int where all are.
        high: the largest.
        log: whether each order of magnitude is as likely as the next.
        step: between neighbours; None: every number.
    """

    low: Number
    high: Number
    log: bool = False
    step: Number | None = None

    @property
    def integer(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int)

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Number:
        """See Domain."""
        if self.integer:
            step = int(self.step or 1)
            return trial.suggest_int(key, int(self.low), int(self.high), step=step, log=self.log)
        return self.value(
            trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)
        )

    def ends(self) -> list[Number]:
        """See Domain."""
        return [self.low] if self.low == self.high else [self.low, self.high]

    def grid(self) -> list[Number]:
        """See Domain."""
        if self.step is None:
            raise ConfigError("has no steps between low and high: give it a step, or choices")
        steps = round((self.high - self.low) / self.step)
        return [self._at(i) for i in range(steps + 1)]

    def held(self, value: Any) -> Number:
        """See Domain."""
        return self.value(value)

    def value(self, held: Any) -> Number:
        """See Domain."""
        if not is_number(held) or not self.low <= held <= self.high:
            raise ConfigError(f"must be {self._described()}")
        if self.step is None:
            return float(held) if not self.integer else self._whole(held)
        nearest = self._at(round((held - self.low) / self.step))
        if not math.isclose(nearest, held, rel_tol=1e-9, abs_tol=1e-9 * self.step):
            raise ConfigError(f"must be {self._described()}")
        return nearest

    def _whole(self, held: Number) -> int:
        if held != int(held):
            raise ConfigError(f"must be {self._described()}")
        return int(held)

    def _at(self, steps: int) -> Number:
        """So many steps above low, without the dust of binary fractions."""
        exact = Decimal(str(self.low)) + steps * Decimal(str(self.step))
        return int(exact) if self.integer else float(exact)

    def _described(self) -> str:
        kind = "a whole number" if self.integer else "a number"
        steps = f" in steps of {self.step}" if self.step not in (None, 1) else ""
        return f"{kind} from {self.low} to {self.high}{steps}"

    def plain(self) -> dict[str, Any]:
        """See Domain."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


@dataclass(frozen=True)
class Choices:
    """One of several values, in no order.

    Attributes:
        values: what train.py gets; lists and dictionaries too, which Optuna holds as their text.
    """

    values: tuple[Any, ...]

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Any:
        """See Domain."""
        return self.value(trial.suggest_categorical(key, self.grid()))

    def ends(self) -> list[Any]:
        """See Domain."""
        return list(self.values)

    def grid(self) -> list[Any]:
        """See Domain."""
        return [holdable(value) for value in self.values]

    def held(self, value: Any) -> Any:
        """See Domain."""
        return holdable(self.value(value))

    def value(self, held: Any) -> Any:
        """See Domain."""
        for value in self.values:
            if same(holdable(value), holdable(held)):
                return value
        raise ConfigError(f"must be one of {', '.join(map(format_override, self.values))}")

    def plain(self) -> dict[str, Any]:
        """See Domain."""
        return {"choices": list(self.values)}


@dataclass(frozen=True)
class Fixed:
    """One value, that is not searched and that Optuna never sees."""

    only: Any

    def suggest(self, trial: "optuna.trial.BaseTrial", key: str) -> Any:
        """See Domain."""
        return self.only

    def ends(self) -> list[Any]:
        """See Domain."""
        return [self.only]

    def grid(self) -> list[Any]:
        """See Domain."""
        return [self.only]

    def held(self, value: Any) -> Any:
        """See Domain."""
        return self.value(value)

    def value(self, held: Any) -> Any:
        """See Domain."""
        if not same(holdable(held), holdable(self.only)):
            raise ConfigError(f"must be {format_override(self.only)}, at which the space holds it")
        return self.only

    def plain(self) -> dict[str, Any]:
        """See Domain."""
        return {"value": self.only}


def holdable(value: Any) -> Any:
    """What Optuna can hold: lists and dictionaries become their text on the command line."""
    return format_override(value) if isinstance(value, list | tuple | Mapping) else value


def same(one: Any, other: Any) -> bool:
    """Whether two held values are equal; 1 is not true.

    >>> same(1, 1.0), same(1, True)
    (True, False)
    """
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def is_number(value: Any) -> bool:
    """Whether this is a finite number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# Both spellings. A problem is said as what follows the key: ".low=3: must ...".


def read_domain(raw: Any) -> Domain:
    """The values of a dimension, from either spelling.

    Args:
        raw: typed ({low, high, log, step}, {choices}, {value}, a list, a number ...) or Hydra's,
            a string such as `tag(log, interval(1e-4, 1e-1))`, `int(interval(1, 5))`,
            `choice(a, b)`, `range(16, 80, 16)` or `a,b,c`.

    Raises:
        ConfigError: all that is wrong, a line each.
    """
    if isinstance(raw, Mapping):
        return read_typed({str(name): value for name, value in raw.items()})
    if isinstance(raw, list | tuple):
        return read_choices(list(raw), f"={show(raw)}")
    if isinstance(raw, str):
        return read_sweep_text(raw)
    return read_fixed(raw, f"={show(raw)}")


def read_typed(raw: dict[str, Any]) -> Domain:
    """A dimension as a mapping."""
    kinds = {"choices": {"choices"}, "value": {"value"}, "low": {"low", "high", "log", "step"}}
    known = set().union(*kinds.values())
    unknown = sorted(set(raw) - known)
    if unknown:
        raise ConfigError(
            "\n".join(f".{n}: no such word; {did_you_mean(n, {*known, 'when'})}" for n in unknown)
        )
    kind = next((name for name in kinds if name in raw), "low")
    strangers = sorted(set(raw) - kinds[kind])
    if strangers:
        raise ConfigError(f"={show(raw)}: {kind} and {strangers[0]} do not go together; drop one")
    if kind == "choices":
        return read_choices(raw["choices"], f".choices={show(raw['choices'])}")
    return (
        read_fixed(raw["value"], f".value={show(raw['value'])}")
        if "value" in raw
        else (read_range(raw))
    )


def read_fixed(value: Any, given: str) -> Fixed:
    """One value that is not searched."""
    problem = unspeakable(value)
    if problem:
        raise ConfigError(f"{given}: {problem}")
    return Fixed(value)


def read_choices(values: Any, given: str) -> Choices:
    """Some values, all different for Optuna too, to which 1, 1.0 and true are the same."""
    if not isinstance(values, list):
        raise ConfigError(f"{given}: must be a list, such as [64, 128]")
    if not values:
        raise ConfigError(f"{given}: there must be at least one choice")
    problems = [problem for value in values if (problem := unspeakable(value))]
    if problems:
        raise ConfigError(f"{given}: {problems[0]}")
    held = [holdable(value) for value in values]
    twice = [value for i, value in enumerate(held) if value in held[:i]]
    if twice:
        raise ConfigError(f"{given}: {format_override(twice[0])} is there twice; drop one")
    return Choices(tuple(values))


def unspeakable(value: Any) -> str | None:
    """Why a value cannot be given on the command line."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no number to compare; null is off"
    try:
        format_override(value)
    except ConfigError as error:
        return str(error)
    return None


def read_range(raw: Mapping[str, Any]) -> Range:
    """Numbers between two bounds."""
    problems = [f".{name}: must be given" for name in ("low", "high") if name not in raw]
    problems += [
        f".{name}={show(raw[name])}: must be a finite number"
        for name in ("low", "high", "step")
        if name in raw and not is_number(raw[name]) and (name, raw[name]) != ("step", None)
    ]
    log = raw.get("log", False)
    if not isinstance(log, bool):
        problems.append(f".log={show(log)}: must be true or false")
    if problems:
        raise ConfigError("\n".join(problems))
    return checked_range(raw["low"], raw["high"], log, raw.get("step"))


def checked_range(low: Number, high: Number, log: bool, step: Number | None) -> Range:
    """Bounds and step that are numbers, as a range; integers stay integers if all are."""
    problems = []
    if low > high:
        problems.append(f".low={low}: must not be above high={high}")
    if log and low <= 0:
        problems.append(f".low={low}: must be above 0 with log=true")
    if log and step is not None:
        problems.append(f".step={step}: does not go with log=true; drop one of them")
    if step is not None and step <= 0:
        problems.append(f".step={step}: must be above 0")
    if not problems and step is not None and not log and _parted(low, high, step):
        problems.append(
            f".high={high}: is no whole number of steps of {step} above low={low}; "
            f"the nearest is high={_nearest_high(low, high, step)}"
        )
    if problems:
        raise ConfigError("\n".join(problems))
    if all(isinstance(number, int) for number in (low, high, step or 1)):
        return Range(low, high, log, None if log else step or 1)
    return Range(float(low), float(high), log, None if step is None else float(step))


def _parted(low: Number, high: Number, step: Number) -> bool:
    return (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)) != 0


def _nearest_high(low: Number, high: Number, step: Number) -> Decimal:
    steps = max(1, round((high - low) / step))
    return Decimal(str(low)) + steps * Decimal(str(step))


def read_sweep_text(raw: str) -> Domain:
    """Hydra's spelling; what is no sweep is one fixed value.

    `interval` is of real numbers, `int(interval(...))` of whole ones. `range(start, stop, step)`
    means the values that `train.py -m` runs: stop itself is not one of them. (Hydra's Optuna
    plugin includes it.) They keep their order, so a sampler knows that they are numbers.
    """
    try:
        word = parse_override(f"x={raw}")
    except ConfigError as error:
        reason = str(error).partition(": ")[2]
        raise ConfigError(f"={raw}: {reason}; one string with such signs needs quotes") from error
    if not word.is_sweep:
        return read_fixed(word.value, f"={raw}")
    strange = sorted(set(getattr(word.value, "tags", ())) - {"log"})
    if strange:
        raise ConfigError(f"={raw}: tag {strange[0]} means nothing here; {_tags(strange[0])}")
    return _from_sweep(word.value, raw)


def _tags(given: str) -> str:
    return did_you_mean(given, ["log"])


def _from_sweep(sweep: Any, raw: str) -> Domain:
    """A sweep that Hydra understood, as a domain."""
    from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep

    log = "log" in getattr(sweep, "tags", ())
    if isinstance(sweep, IntervalSweep):
        return read_range({"low": sweep.start, "high": sweep.end, "log": log})
    if log:
        raise ConfigError(f"={raw}: tag log goes with interval alone")
    if isinstance(sweep, RangeSweep):
        return _from_range(sweep, raw)
    if isinstance(sweep, ChoiceSweep):
        return read_choices([unquote(value) for value in sweep.list], f"={raw}")
    raise ConfigError(f"={raw}: is no list of values; write them out, as in choice(a, b)")


def _from_range(sweep: Any, raw: str) -> Range:
    if sweep.step == 0:
        raise ConfigError(f"={raw}: the step must not be 0")
    values = sorted(sweep.range())
    if not values:
        raise ConfigError(f"={raw}: is empty, for it ends before {sweep.stop}")
    return checked_range(values[0], values[-1], False, abs(sweep.step))


def show(value: Any) -> str:
    """A setting as the user may have written it."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k}: {show(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(show, value))}]"
    return (
        "null"
        if value is None
        else str(value).lower()
        if value is True or value is False
        else (str(value))
    )
