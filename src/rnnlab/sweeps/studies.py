"""Studies: searches that run every point of a grid with several seeds, to answer a question."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from rnnlab.config.overrides import Override, parse_override
from rnnlab.config.signature import signature_problems
from rnnlab.errors import ConfigError, unknown_name
from rnnlab.sweeps.schema import MAX_SEEDS, SEED, AnswerSettings
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.space.parsing import format_literal

FULL = "full"  # name of the budget that changes nothing
BUDGET_SETTINGS = ("base", "space", "seeds", "n_trials", "budget")  # that a named budget may change
# Settings of a search that have no meaning with `seeds`, and their values in a study.
STUDY_VALUES: dict[str, Any] = {
    "sampler": {"_target_": "optuna.samplers.RandomSampler"},  # draws nothing: points are complete
    "pruner": None,
    "enqueue": [],
    "warm_start": None,
    "repeats": 0,
    "objectives": ["score"],
}


def split_budget(search: Sequence[Override]) -> tuple[str, list[Override]]:
    """Return the name of a budget among overrides of a search, empty without one; and the others.

    `budget.epochs=3` is no name: it is a budget itself.
    """
    names = [o.value for o in search if o.key == "budget" and isinstance(o.value, str)]
    others = [o for o in search if o.key != "budget" or not isinstance(o.value, str)]
    return str(names[-1]) if names else "", others


def apply_budget(plain: Mapping[str, Any], name: str, keys: Set[str]) -> dict[str, Any]:
    """Return the settings of a search with those of one of its `budgets`.

    `base` is added to that of the search, and replaces its overrides of the same keys; `space` is
    merged; other settings are replaced, unless the command line has changed them.

    Args:
        plain: settings.
        name: of the budget; empty for none.
        keys: settings that the command line has changed.

    Raises:
        ConfigError: there is no such budget, or it changes other settings than BUDGET_SETTINGS.
    """
    lists = isinstance(plain.get("base") or [], list) and isinstance(plain.get("space"), Mapping)
    if not name or not lists:
        return dict(plain)  # find_setting_problems reports what is invalid
    changes = find_budget(plain.get("budgets"), name)
    own = {parse_override(str(text)).key for text in changes.get("base") or []}
    base = [text for text in plain.get("base") or [] if parse_override(str(text)).key not in own]
    separate_keys = {"base", "space", *keys}
    return {
        **plain,
        **{key: value for key, value in changes.items() if key not in separate_keys},
        "base": [*base, *(changes.get("base") or [])],
        "space": {**(plain.get("space") or {}), **(changes.get("space") or {})},
    }


def find_budget(budgets: Any, name: str) -> Mapping[str, Any]:
    """Return the settings of a named budget.

    Raises:
        ConfigError: there is none, or it changes other settings than BUDGET_SETTINGS.
    """
    changes = budgets.get(name) if isinstance(budgets, Mapping) else None
    if not isinstance(changes, Mapping):
        begin, empty = (
            f"budget={name}: this search has no such budget; ",
            "give a unit, such as budget.epochs=3",
        )
        raise ConfigError(unknown_name(begin, name, budgets or (), empty=empty))
    if others := sorted(changes.keys() - {*BUDGET_SETTINGS}):
        begin = f"budgets.{name}.{others[0]}: a budget cannot change it; "
        raise ConfigError(unknown_name(begin, others[0], BUDGET_SETTINGS))
    for key, kind, text in (("base", list, "a list"), ("space", Mapping, "a mapping")):
        if key in changes and not isinstance(changes[key], kind):
            raise ConfigError(f"budgets.{name}.{key}={changes[key]}: must be {text}")
    return changes


def complete_study(plain: dict[str, Any], keys: Set[str]) -> dict[str, Any]:
    """Return the settings of a study with its seeds as a dimension and its number of trials.

    Settings of a search without `seeds` are returned unchanged. n_trials on the command line limits
    the trials of a study.

    Raises:
        ConfigError: the command line sets what a study does not have.
    """
    seeds, space, first = plain.get("seeds"), plain.get("space"), plain.get("seed", 0)
    if not isinstance(seeds, int) or not isinstance(first, int) or not isinstance(space, Mapping):
        return plain  # reported too
    if not _is_count(seeds):
        return plain  # reported too
    if conflicts := sorted(
        key for key in keys & STUDY_VALUES.keys() if plain[key] != STUDY_VALUES[key]
    ):
        lines = [f"{key}: with seeds={seeds} every point of the grid is run" for key in conflicts]
        raise ConfigError(*(f"{line}; drop it, or set seeds=null" for line in lines))
    if SEED in space:
        raise ConfigError(f"space.{SEED}: seeds={seeds} chooses the seeds; drop one of them")
    dimension = {"low": first, "high": first + seeds - 1, "step": 1}
    complete = {**plain, **STUDY_VALUES, "space": {SEED: dimension, **space}}
    try:
        count = len(Space.parse(complete["space"]).points())
    except ConfigError:
        return complete  # reported too
    limit = plain.get("n_trials") if "n_trials" in keys else count
    return {**complete, "n_trials": min(limit, count) if isinstance(limit, int) else limit}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= MAX_SEEDS


def study_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the question of a study: its grid and its answer."""
    try:
        space = Space.parse(plain["space"])
    except (ConfigError, KeyError, TypeError, AttributeError):
        return  # reported already
    yield from ineffective_overrides(plain, space)
    if _is_count(plain.get("seeds")):
        try:
            space.points()
        except ConfigError as error:
            yield from str(error).splitlines()
    if isinstance(plain.get("answer"), Mapping):
        yield from answer_problems(plain["answer"], plain.get("seeds"), factor_names(space))


def factor_names(space: Space) -> list[str]:
    """Return the settings that a search varies, and the dimensions of named levels."""
    names = [name for key, d in space.dimensions.items() for name in (key, *d.settings())]
    return [name for name in dict.fromkeys(names) if name != SEED]


def ineffective_overrides(plain: Mapping[str, Any], space: Space) -> Iterator[str]:
    """Yield the overrides of all runs that named levels replace in every run."""
    owners = {name: key for key, d in space.dimensions.items() for name in d.replaced_settings()}
    base = plain.get("base")
    for text in base if isinstance(base, list) else []:
        try:
            key = parse_override(str(text)).key
        except ConfigError:
            continue  # reported too
        if key in owners:
            dimension = owners[key]
            yield (
                f"{text}: the levels of space.{dimension} set {key}; drop it, or remove the "
                f"dimension with ~space.{dimension}"
            )


def answer_problems(raw: Mapping[str, Any], seeds: Any, factors: list[str]) -> Iterator[str]:
    """Yield what is wrong with the setting `answer`."""
    if list(signature_problems("answer", AnswerSettings, raw, label="answer")):
        return  # reported, too
    answer = AnswerSettings(**raw)
    for name in [*answer.compare, *([answer.within] if answer.within else [])]:
        if name not in factors:
            begin = f"answer: {name} is not varied by the space; "
            yield unknown_name(begin, name, factors, empty="the space has one point only")
    if not answer.compare and not answer.importance:
        yield "answer: must compare settings or ask for importance, such as answer.compare=[model]"
    if answer.compare and not seeds:
        yield (
            f"answer.compare={format_literal(answer.compare)}: a comparison needs several seeds, "
            "such as seeds=6"
        )
    if answer.within in answer.compare:
        yield f"answer.within={answer.within}: is compared, too; drop it from answer.compare"
    if (answer.cost or answer.covariate) and not answer.compare:
        yield "answer.cost and answer.covariate need answer.compare"
