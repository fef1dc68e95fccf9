"""Overrides with several values: one run after the other (`train.py -m`)."""

from collections.abc import Sequence
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.compose import (
    OPTIONAL_GROUPS,
    complete_overrides,
    force_add,
    prepare_override,
)
from rnnlab.config.overrides import Override, format_override, parse_override, unquote
from rnnlab.config.paths import list_choices, list_groups
from rnnlab.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Glob


def complete_jobs(conf: Path, overrides: Sequence[str]) -> list[str]:
    """Return overrides that Hydra can compose, after composing a run with each choice of a group.

    A setting that one of these runs adds is added in all of them.

    Raises:
        ConfigError, HydraException, OmegaConfBaseException: see compose.
    """
    items = [parse_override(text) for text in overrides]
    jobs = product(*(list_values(conf, override) for override in items))
    texts = {text for job in jobs for text in complete_overrides(conf, job)}
    keys = {text.partition("=")[0] for text in texts if text.startswith("++")}
    return [force_add(o.text) if f"++{o.key}" in keys else switch_off(conf, o) for o in items]


def switch_off(conf: Path, override: Override) -> str:
    """Return an override with Hydra's word for no choice in place of the null of a group.

    Raises:
        ConfigError: see prepare_override.
    """
    if not override.is_sweep:
        return prepare_override(conf, list_groups(conf), override.text)
    values: list[Any] = getattr(override.value, "list", [])  # of choices; a range has no null
    if override.key not in OPTIONAL_GROUPS or not any(value is None for value in values):
        return override.text
    texts = ("[]" if value is None else format_override(unquote(value)) for value in values)
    return f"{override.sign}{override.key}={','.join(texts)}"


def list_values(conf: Path, override: Override) -> list[str]:
    """Return an override for each choice of a group; for a setting, one with its first value.

    Raises:
        ConfigError: the values cannot be listed.
    """
    from hydra.core.override_parser.types import ChoiceSweep, Glob, RangeSweep

    sweep, name = override.value, f"{override.sign}{override.key}"
    if not override.is_sweep:
        return [override.text]
    if isinstance(sweep, Glob):
        return [
            f"{name}={choice}"
            for choice in list_choices(conf, override.key)
            if matches(sweep, choice)
        ]
    if isinstance(sweep, RangeSweep):
        return [f"{name}={format_override(value)}" for value in list(sweep.range())[:1]]
    if not isinstance(sweep, ChoiceSweep):
        raise ConfigError(
            f"{override.text}: only a search draws from an interval; give the values, or use "
            f"python sweep.py"
        )
    values = [f"{name}={format_override(unquote(value))}" for value in sweep.list]
    return values[:1] if "." in override.key else values


def matches(pattern: "Glob", choice: str) -> bool:
    """Return whether Hydra's pattern includes a choice."""
    is_included = any(fnmatch(choice, include) for include in pattern.include)
    return is_included and not any(fnmatch(choice, exclude) for exclude in pattern.exclude)


def job_variant(arguments: Sequence[str]) -> str | None:
    """Return the settings in which this run of -m differs from the others; None for a single run.

    Args:
        arguments: the command line, with several values of some settings.

    Returns:
        Such as `model=gru,seed=1`.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    hydra = HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN:
        return None
    overrides = [parse_override(text) for text in arguments if is_override(text)]
    keys = {override.key for override in overrides if override.is_sweep}
    job = [text.lstrip("+~") for text in hydra.overrides.task]
    return ",".join(text for text in job if text.partition("=")[0] in keys) or None


def is_override(text: str) -> bool:
    """Return whether a word of the command line is an override that may have several values."""
    return "=" in text and not text.startswith(("-", "hydra."))
