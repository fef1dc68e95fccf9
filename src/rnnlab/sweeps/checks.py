"""Checks of the settings of a search, so that all problems are reported at once."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rnnlab.config.overrides import parse_override
from rnnlab.config.signature import component_problems, signature_problems
from rnnlab.errors import ConfigError, unknown_name
from rnnlab.sweeps.schema import (
    GROUPS,
    AnswerSettings,
    Budget,
    ReportInterval,
    SweepConfig,
    WarmStart,
)
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.space.parsing import format_literal
from rnnlab.sweeps.studies import study_problems

OBJECTIVES = ("score", "seconds", "parameters")
METRIC = re.compile(r"[^\s:]+:(min|max)")
NESTED_SCHEMAS = {
    "budget": Budget,
    "progress": ReportInterval,
    "warm_start": WarmStart,
    "answer": AnswerSettings,
}
BUDGET_KEYS = ("trainer.max_steps", "trainer.max_time")  # settings of a run that a budget sets


def find_setting_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything that is wrong with the settings of a search."""
    yield from signature_problems("", SweepConfig, plain, label="a search")
    for find_problems in (
        *(name_problems, nested_problems, budget_problems, objective_problems),
        *(base_problems, space_problems, group_problems, study_problems),
    ):
        yield from find_problems(plain)  # each skips settings of a wrong type


def name_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Check that the name is that of a folder within output_dir."""
    name = plain.get("name")
    if isinstance(name, str) and (
        Path(name).name != name or name in ("", ".", "..") or not name.isprintable()
    ):
        yield (
            f"name={name}: must be the name of one folder, which is made in output_dir; give "
            "another place with output_dir=<folder>"
        )


def nested_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Check the nested mappings."""
    for key, schema in NESTED_SCHEMAS.items():
        if isinstance(plain.get(key), Mapping):
            yield from signature_problems(key, schema, plain[key], label=key)


def budget_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Check that a budget has exactly one unit."""
    budget = plain.get("budget")
    if isinstance(budget, Mapping):
        units = [unit for unit, value in budget.items() if value is not None]
        if len(units) != 1:
            label = f"budget={format_literal(budget)}"
            yield f"{label}: must be one of epochs, samples and seconds, or null"


def objective_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Check the names of the objectives."""
    objectives = plain.get("objectives")
    if not isinstance(objectives, list):
        return
    if not objectives or len(set(map(str, objectives))) < len(objectives):
        yield f"objectives={format_literal(objectives)}: must be at least one, without duplicates"
    for objective in objectives:
        if objective not in OBJECTIVES and not METRIC.fullmatch(str(objective)):
            begin = (
                f"objectives={objective}: must be a logged metric with its direction, such as "
                "val/loss:min, or a measure; "
            )
            yield unknown_name(begin, str(objective), OBJECTIVES)


def base_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Check the overrides that all runs share."""
    base = plain.get("base")
    for argument in base if isinstance(base, list) else []:
        try:
            override = parse_override(str(argument))
        except ConfigError as error:
            yield f"base: {error}"
            continue
        if override.is_sweep:
            yield f"base: {argument} has several values; write it in the space"
        budget = plain["budget"] if isinstance(plain.get("budget"), Mapping) else {}
        # With a budget in seconds, max_epochs is the length of the schedule.
        keys = BUDGET_KEYS if budget.get("seconds") else (*BUDGET_KEYS, "trainer.max_epochs")
        if budget and override.key in keys:
            yield (
                f"{argument}: budget={format_literal(plain['budget'])} says how long a trial may "
                "train; change it, or set budget=null"
            )


def space_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Check the space and the points that are enqueued."""
    if not isinstance(plain.get("space"), Mapping):
        return
    try:
        space = Space.parse(plain["space"])
    except ConfigError as error:
        yield from error.problems
        return
    if all(dimension.is_constant for dimension in space.dimensions.values()):
        yield "space: nothing is searched; give it such as optimizer.lr=interval(1e-4,1e-2)"
    points = plain.get("enqueue")
    for i, point in enumerate(points if isinstance(points, list) else []):
        if not isinstance(point, Mapping):
            continue  # the signature of SweepConfig has reported it
        try:
            space.check(point, f"enqueue[{i}]")
        except ConfigError as error:
            yield from (
                one.with_message(f"{one}; enqueue=[] drops all points") for one in error.problems
            )


def group_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Compare the components of the groups with their constructors."""
    for section in GROUPS:
        component = plain.get(section)
        if isinstance(component, Mapping):
            yield from nested_component_problems(section, component, section)


def nested_component_problems(
    path: str, component: Mapping[str, Any], section: str
) -> Iterator[str]:
    """Check a component and the components among its settings."""
    yield from component_problems(path, component, section)
    for name, value in component.items():
        if isinstance(value, Mapping) and "_target_" in value:
            yield from nested_component_problems(f"{path}.{name}", value, section)


def dry_run_components(config: SweepConfig) -> None:
    """Build sampler and pruner once, so that they reject their settings before the search.

    Raises:
        ConfigError: a constructor rejects a setting.
    """
    from optuna.exceptions import ExperimentalWarning

    from rnnlab.sweeps.study.pruners import make_pruner
    from rnnlab.sweeps.study.samplers import make_sampler

    space = Space.parse(config.space)
    with warnings.catch_warnings():  # an interface that may change needs no action
        warnings.simplefilter("ignore", ExperimentalWarning)
        try_build("sampler", partial(make_sampler, config.sampler, config.seed, space.grid))
        try_build("pruner", partial(make_pruner, config.pruner))


def try_build(section: str, build: Callable[[], Any]) -> None:
    """Build a component and discard it.

    Raises:
        ConfigError: its constructor rejects a setting.
    """
    from hydra.errors import InstantiationException

    try:
        build()
    except ConfigError:
        raise
    except InstantiationException as error:
        raise ConfigError(f"{section}: {error.__cause__ or error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{section}: {error}") from error
