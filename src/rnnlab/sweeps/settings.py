"""The settings of a search: sweeps/<name>.yaml with the overrides of the command line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from rnnlab.config.command_line import NO_FLAGS, split_flags
from rnnlab.config.overrides import parse_override
from rnnlab.config.paths import list_groups
from rnnlab.config.schema import RunConfig
from rnnlab.errors import ConfigError, Problem, about_file, unknown_name
from rnnlab.sweeps.checks import dry_run_components, find_setting_problems
from rnnlab.sweeps.overrides import CliOverrides
from rnnlab.sweeps.schema import GROUPS, AnswerSettings, ReportInterval, SweepConfig, WarmStart
from rnnlab.sweeps.studies import FULL, apply_budget, complete_study, split_budget
from rnnlab.sweeps.typed_search import DEFAULT, default_study, derive_name


def read_sweep(root: Path, arguments: Sequence[str], conf: Path | None = None) -> SweepConfig:
    """Return the settings of a search from its file and the command line.

    Args:
        root: the folder with sweeps/ and conf/.
        arguments: `sweep=<name>` and overrides. An override whose first key is one of SweepConfig
            changes the search; any other changes the runs: one with several values is a dimension
            of the space, one with a single value is added to `base` and removes its dimension.
            Without `sweep=<name>`, the search consists of these dimensions.
        conf: configuration of the runs; None for that of root.

    Raises:
        ConfigError: all problems, one per line.
    """
    conf = conf or root / "conf"
    name, rest = split_name(root, split_flags(conf, arguments, NO_FLAGS)[1])
    overrides = CliOverrides.parse(rest, run_keys(conf), conf)
    budget, search = split_budget(overrides.search)
    overrides = replace(overrides, search=search)
    words = list(overrides.to_hydra())
    if name == DEFAULT and not overrides.space:
        raise ConfigError(explain_missing_name(root))
    if name == DEFAULT:
        words = [*default_study(overrides), *words]
    keys = {override.key.split(".")[0] for override in overrides.search}
    settings = apply_budget(compose_sweep(root / "sweeps", name, words), budget, keys)
    plain = complete_study(overrides.apply(settings), keys)
    if not plain.get("name"):
        suffix = f"-{budget}" if budget and budget != FULL else ""
        plain["name"] = f"{name}{suffix}" if name != DEFAULT else derive_name(conf, plain)
    return parse_sweep(plain)


def sweep_names(root: Path) -> list[str]:
    """Return the names of all searches."""
    return sorted(file.stem for file in (root / "sweeps").glob("*.yaml") if file.stem != DEFAULT)


def run_keys(conf: Path) -> set[str]:
    """Return the first keys of the overrides of train.py."""
    return {*list_groups(conf), *(member.name for member in fields(RunConfig))}


def split_name(root: Path, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the name of the search, or that of the default settings, and the other arguments.

    Raises:
        ConfigError: there is no such search, or several are named.
    """
    names = [word.removeprefix("sweep=") for word in arguments if word.startswith("sweep=")]
    if len(names) > 1:
        raise ConfigError(explain_missing_name(root))
    if names and names[0] not in (choices := sweep_names(root)):
        raise ConfigError(unknown_name(f"sweep={names[0]}: ", names[0], choices))
    return "".join(names) or DEFAULT, [w for w in arguments if not w.startswith("sweep=")]


def explain_missing_name(root: Path) -> Problem:
    """Return what to type for a search."""
    names = sweep_names(root)
    message = (
        f"sweep=<name> must be given once; choices: {', '.join(names)}; or give several values of "
        "a setting, such as model.hidden_size=8,64"
    )
    return Problem(message, "sweep", choices=names)


def compose_sweep(folder: Path, name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Return a file of sweeps/ with its defaults and overrides, as plain values.

    Raises:
        ConfigError: Hydra cannot compose it.
    """
    import hydra
    from omegaconf import OmegaConf

    from rnnlab.config.messages import explain, is_composition_error

    try:
        with hydra.initialize_config_dir(str(folder.resolve()), version_base="1.3"):
            cfg = hydra.compose(name, list(overrides), return_hydra_config=True)
            choices = dict(cfg.hydra.runtime.choices)
            OmegaConf.set_struct(cfg, False)
            del cfg["hydra"]
            search = SearchFiles(folder, name, cache(file_choices))
            for group in GROUPS:
                if choices.get(group) and group in cfg:
                    cfg[group] = compose_group(search, group, choices[group], overrides)
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
    except Exception as error:
        if is_composition_error(error):
            raise ConfigError(about_file(f"{folder.name}/{name}.yaml", explain(error))) from error
        raise
    return {str(key): value for key, value in plain.items()}


class SearchFiles(NamedTuple):
    """The files of a search.

    Attributes:
        folder: of all searches.
        name: of the file; see inherited_files.
        read_choices: name of a file -> file_choices, composed once.
    """

    folder: Path
    name: str
    read_choices: Callable[[str], Mapping[str, Any]]


def compose_group(search: SearchFiles, group: str, choice: str, overrides: Sequence[str]) -> Any:
    """Return a choice of a group with its settings in the files of a search and in overrides.

    A file that a search inherits may have settings of another choice; they are dropped.
    """
    from omegaconf import OmegaConf

    component = load_choice(search.folder, group, choice)
    OmegaConf.set_struct(component, False)
    for file in inherited_files(search.folder, search.name):
        content: Any = OmegaConf.load(search.folder / f"{file}.yaml")
        settings = content.get(group)
        if settings and search.read_choices(file).get(group) == choice:
            component = OmegaConf.merge(component, settings)
    for override in map(parse_override, overrides):
        section, dot, key = override.key.partition(".")
        if dot and section == group:
            OmegaConf.update(component, key, override.value, force_add=True)
    return component


def load_choice(folder: Path, group: str, choice: str) -> Any:
    """Return a file of a group, with its defaults if it has any; Hydra is initialized."""
    import hydra
    from omegaconf import OmegaConf

    content: Any = OmegaConf.load(folder / group / f"{choice}.yaml")
    return hydra.compose(f"{group}/{choice}")[group] if "defaults" in content else content


def inherited_files(folder: Path, name: str) -> Iterator[str]:
    """Yield the searches that a file inherits and its own name, in the order of their effect."""
    from omegaconf import OmegaConf

    cfg: Any = OmegaConf.load(folder / f"{name}.yaml")
    parents = [entry for entry in cfg.get("defaults", []) if isinstance(entry, str)]
    for entry in parents if "_self_" in parents else [*parents, "_self_"]:
        if entry == "_self_":
            yield name
        else:
            yield from inherited_files(folder, entry.lstrip("/"))


def file_choices(name: str) -> dict[str, Any]:
    """Return the choice of each group in a file without overrides; Hydra is initialized."""
    import hydra

    return dict(hydra.compose(name, return_hydra_config=True).hydra.runtime.choices)


def parse_sweep(plain: Mapping[str, Any]) -> SweepConfig:
    """Return plain settings as a checked SweepConfig.

    Raises:
        ConfigError: all problems, one per line.
    """
    problems = list(dict.fromkeys(find_setting_problems(plain)))
    if problems:
        raise ConfigError(*problems)
    config = SweepConfig(**fill_defaults(plain))
    dry_run_components(config)
    return config


def fill_defaults(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return checked settings with a budget of one unit and complete nested mappings."""
    budget, warm_start, answer = (plain.get(key) for key in ("budget", "warm_start", "answer"))
    parts = {
        "budget": budget and {unit: limit for unit, limit in budget.items() if limit is not None},
        "progress": asdict(ReportInterval(**plain.get("progress", {}))),
        "warm_start": warm_start and asdict(WarmStart(**warm_start)),
        "answer": answer and asdict(AnswerSettings(**answer)),
    }
    return {**plain, **parts}
