"""Changes between a search and the study that it continues: which are possible, and what to do."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, check_distribution_compatibility

from rnnlab.config.program import text_override
from rnnlab.sweeps.space.dimensions import Dimension, Space
from rnnlab.sweeps.study.definition import SearchSpec, find_setting_changes

MAX_DIFFERENCES = 12  # in an error message
SCORE_KEYS = ("monitor", "mode", "objectives")  # of a definition: what a score is


def find_changes(spec: SearchSpec, study: optuna.Study) -> list[str]:
    """Return how the search differs from the one that started the study, one line each."""
    previous = study.user_attrs.get("definition")
    has_trials = bool(study.get_trials(deepcopy=False))
    return find_setting_changes(previous, spec.definition) if previous and has_trials else []


def find_obstacles(spec: SearchSpec, study: optuna.Study) -> Iterator[str]:
    """Yield the changes with which the study cannot be continued, each with the reason."""
    previous = study.user_attrs.get("definition", {})
    if any(previous.get(key) != spec.definition[key] for key in SCORE_KEYS):
        yield "its scores have another meaning"
    yield from space_obstacles(spec.space, study)


def space_obstacles(space: Space, study: optuna.Study) -> Iterator[str]:
    """Yield the dimensions that Optuna cannot change within a study."""
    stored = stored_distributions(study)
    for key, dimension in space.dimensions.items():
        new = to_optuna(key, dimension)
        if new is None or key not in stored:
            continue
        try:
            check_distribution_compatibility(stored[key], new)
        except ValueError:
            yield f"space.{key} has {describe_kind(stored[key], new)}"


def stored_distributions(study: optuna.Study) -> dict[str, BaseDistribution]:
    """Return the distributions of the trials of a study by key."""
    distributions: dict[str, BaseDistribution] = {}
    for trial in study.get_trials(deepcopy=False):
        distributions.update(trial.distributions)
    return distributions


def to_optuna(key: str, dimension: Dimension) -> BaseDistribution | None:
    """Return Optuna's distribution of a dimension; None for a constant."""
    end = dimension.distribution.ends()[0]
    trial = optuna.trial.FixedTrial({key: dimension.distribution.to_optuna(end)})
    dimension.distribution.suggest(trial, key)
    return trial.distributions.get(key)


def describe_kind(old: BaseDistribution, new: BaseDistribution) -> str:
    """Return what cannot be changed between two distributions."""
    if type(old) is not type(new):
        return "another kind of values"
    is_choice = isinstance(old, optuna.distributions.CategoricalDistribution)
    return "other choices" if is_choice else "another scale (log)"


def format_refusal(
    name: str, folder: Path, changes: Sequence[str], obstacles: Sequence[str]
) -> str:
    """Return the message that a study was started with other settings, and what can be done.

    Args:
        name: of the study.
        folder: of the search.
        changes: all differences.
        obstacles: those with which the study cannot be continued.
    """
    lines = [f"  {line}" for line in changes[:MAX_DIFFERENCES]]
    if len(changes) > MAX_DIFFERENCES:
        lines.append(f"  and {len(changes) - MAX_DIFFERENCES} more")
    if any("_target_: " in line for line in changes):
        lines.append(
            "a _target_ differs if another version of rnnlab started the study; its results stay "
            "readable in report.html and trials.csv"
        )
    title = f"{folder}: the study {name} already exists, and was started with other settings:"
    return "\n".join([title, *lines, suggest_action(name, obstacles)])


def suggest_action(name: str, obstacles: Sequence[str]) -> str:
    """Return what to type after a change."""
    if not obstacles:
        return (
            "on_change=new starts another study, on_change=force continues this one; or give "
            "name=<name>"
        )
    warm_start = shlex.quote(text_override("warm_start.study", name))
    return (
        f"this study cannot be continued: {'; '.join(obstacles)}. on_change=new starts another "
        f"study, which with {warm_start} first tries the best settings of this one; or give "
        "name=<name>"
    )
