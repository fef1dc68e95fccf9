"""Parsing of distributions, in the typed spelling of YAML and in Hydra's.

An error message starts with what follows the key: ".low=3: must ...".
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rnnlab.config.overrides import format_override, parse_override, unquote
from rnnlab.errors import ConfigError, did_you_mean, unknown_name
from rnnlab.sweeps.space.distributions import (
    Choices,
    Constant,
    Distribution,
    Levels,
    Number,
    Range,
    is_number,
    to_scalar,
)

FIELDS = {
    "choices": {"choices"},
    "value": {"value"},
    "levels": {"levels"},
    "low": {"low", "high", "log", "step"},
}


def parse_distribution(raw: Any) -> Distribution:
    """Return the distribution of a dimension, from either spelling.

    Args:
        raw: typed ({low, high, log, step}, {choices}, {levels}, {value}, a list, a number ...)
            or Hydra's,
            a string such as `tag(log, interval(1e-4, 1e-1))`, `int(interval(1, 5))`,
            `choice(a, b)`, `range(16, 80, 16)` or `a,b,c`.

    Raises:
        ConfigError: all problems, one per line.
    """
    if isinstance(raw, Mapping):
        return _parse_mapping({str(name): value for name, value in raw.items()})
    if isinstance(raw, list | tuple):
        return _parse_choices(list(raw), f"={format_literal(raw)}")
    if isinstance(raw, str):
        return _parse_hydra(raw)
    return _parse_constant(raw, f"={format_literal(raw)}")


def _parse_mapping(raw: dict[str, Any]) -> Distribution:
    names = set().union(*FIELDS.values())
    unknown = sorted(set(raw) - names)
    if unknown:
        fields = {*names, "when"}
        raise ConfigError(*(unknown_name(f".{n}: no such field; ", n, fields) for n in unknown))
    kind = next((name for name in FIELDS if name in raw), "low")
    others = sorted(set(raw) - FIELDS[kind])
    if others:
        raise ConfigError(
            f"={format_literal(raw)}: {kind} and {others[0]} exclude each other; drop one"
        )
    if kind == "choices":
        return _parse_choices(raw["choices"], f".choices={format_literal(raw['choices'])}")
    if kind == "value":
        return _parse_constant(raw["value"], f".value={format_literal(raw['value'])}")
    if kind == "levels":
        return _parse_levels(raw["levels"])
    return _parse_range(raw)


def _parse_constant(value: Any, label: str) -> Constant:
    problem = _text_problem(value)
    if problem:
        raise ConfigError(f"{label}: {problem}")
    return Constant(value)


def _parse_choices(values: Any, label: str) -> Choices:
    """Return choices that differ for Optuna too, to which 1, 1.0 and true are equal."""
    if not isinstance(values, list):
        raise ConfigError(f"{label}: must be a list, such as [64, 128]")
    if not values:
        raise ConfigError(f"{label}: there must be at least one choice")
    problems = [problem for value in values if (problem := _text_problem(value))]
    if problems:
        raise ConfigError(f"{label}: {problems[0]}")
    scalars = [to_scalar(value) for value in values]
    duplicates = [value for i, value in enumerate(scalars) if value in scalars[:i]]
    if duplicates:
        raise ConfigError(f"{label}: {format_override(duplicates[0])} is there twice; drop one")
    return Choices(tuple(values))


def _parse_levels(raw: Any) -> Levels:
    """Return named levels: name -> settings of a run."""
    message = ".levels={}: must be such as {{small: {{model: rnn, model.hidden_size: 64}}}}"
    if not isinstance(raw, Mapping) or not raw:
        raise ConfigError(message.format(format_literal(raw)))
    levels = {str(name): level for name, level in raw.items()}
    problems = [
        f".levels.{name}{problem}"
        for name, level in levels.items()
        for problem in _level_problems(level)
    ]
    if problems:
        raise ConfigError(*problems)
    return Levels({name: {str(k): v for k, v in level.items()} for name, level in levels.items()})


def _level_problems(level: Any) -> list[str]:
    """Return what is wrong with one level."""
    if not isinstance(level, Mapping) or not level:
        return [f"={format_literal(level)}: must be settings of a run, such as {{model: gru}}"]
    keys = [f".{key}: is no setting of a run, such as model" for key in level if not is_key(key)]
    values = [(key, _text_problem(value)) for key, value in level.items()]
    return keys + [f".{key}: {problem}" for key, problem in values if problem]


def is_key(key: Any) -> bool:
    """Return whether Hydra accepts the key before `=`, with or without a plus."""
    try:
        override = parse_override(f"{key}=0")
    except ConfigError:
        return False
    return bool(override.key) and override.sign != "~" and f"{override.sign}{override.key}" == key


def _text_problem(value: Any) -> str | None:
    """Return why a value has no spelling on the command line."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number; use null to turn a setting off"
    try:
        format_override(value)
    except ConfigError as error:
        return str(error)
    return None


def _parse_range(raw: Mapping[str, Any]) -> Range:
    problems = [f".{name}: must be given" for name in ("low", "high") if name not in raw]
    problems += [
        f".{name}={format_literal(raw[name])}: must be a finite number"
        for name in ("low", "high", "step")
        if name in raw and not is_number(raw[name]) and (name, raw[name]) != ("step", None)
    ]
    log = raw.get("log", False)
    if not isinstance(log, bool):
        problems.append(f".log={format_literal(log)}: must be true or false")
    if problems:
        raise ConfigError(*problems)
    return _make_range(raw["low"], raw["high"], log, raw.get("step"))


def _make_range(low: Number, high: Number, log: bool, step: Number | None) -> Range:
    """Return the range of two numbers; it is an integer range if all numbers are integers."""
    problems = []
    if low > high:
        problems.append(f".low={low}: must not be above high={high}")
    if log and low <= 0:
        problems.append(f".low={low}: must be above 0 with log=true")
    if log and step is not None:
        problems.append(f".step={step}: cannot be combined with log=true; drop one of them")
    if step is not None and step <= 0:
        problems.append(f".step={step}: must be above 0")
    if not problems and step is not None and not log and _has_remainder(low, high, step):
        problems.append(
            f".high={high}: is no whole number of steps of {step} above low={low}; "
            f"the nearest is high={_nearest_high(low, high, step)}"
        )
    if problems:
        raise ConfigError(*problems)
    if all(isinstance(number, int) for number in (low, high, step or 1)):
        return Range(low, high, log, None if log else step or 1)
    return Range(float(low), float(high), log, None if step is None else float(step))


def _has_remainder(low: Number, high: Number, step: Number) -> bool:
    return (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)) != 0


def _nearest_high(low: Number, high: Number, step: Number) -> Decimal:
    steps = max(1, round((high - low) / step))
    return Decimal(str(low)) + steps * Decimal(str(step))


def _parse_hydra(raw: str) -> Distribution:
    """Return the distribution of Hydra's spelling; a plain string is a constant.

    `interval` contains real numbers, `int(interval(...))` integers. `range(start, stop, step)`
    contains the values that `train.py -m` runs: stop itself is excluded. (Hydra's Optuna plugin
    includes it.) A range keeps its order, so a sampler knows that its values are numbers.
    """
    try:
        override = parse_override(f"x={raw}")
    except ConfigError as error:
        reason = str(error).partition(": ")[2]
        raise ConfigError(f"={raw}: {reason}; quote a string with special characters") from error
    if not override.is_sweep:
        return _parse_constant(override.value, f"={raw}")
    tags = sorted(set(getattr(override.value, "tags", ())) - {"log"})
    if tags:
        raise ConfigError(f"={raw}: unknown tag {tags[0]}; {did_you_mean(tags[0], ['log'])}")
    return _convert_sweep(override.value, raw)


def _convert_sweep(sweep: Any, raw: str) -> Distribution:
    from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep

    log = "log" in getattr(sweep, "tags", ())
    if isinstance(sweep, IntervalSweep):
        return _parse_range({"low": sweep.start, "high": sweep.end, "log": log})
    if log:
        raise ConfigError(f"={raw}: tag log is only allowed with interval")
    if isinstance(sweep, RangeSweep):
        return _convert_range(sweep, raw)
    if isinstance(sweep, ChoiceSweep):
        return _parse_choices([unquote(value) for value in sweep.list], f"={raw}")
    raise ConfigError(f"={raw}: is not a list of values; write them out, as in choice(a, b)")


def _convert_range(sweep: Any, raw: str) -> Range:
    if sweep.step == 0:
        raise ConfigError(f"={raw}: the step must not be 0")
    values = sorted(sweep.range())
    if not values:
        raise ConfigError(f"={raw}: is empty, because it ends before {sweep.stop}")
    return _make_range(values[0], values[-1], False, abs(sweep.step))


def format_literal(value: Any) -> str:
    """Return a setting as a user writes it.

    >>> format_literal({"a": [1, None, True]})
    '{a: [1, null, true]}'
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k}: {format_literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(format_literal, value))}]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
