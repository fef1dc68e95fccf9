"""The settings of a search: sweeps/<name>.yaml with the overrides of the command line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rnnlab.config.schema import RunConfig
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.sweeps.checks import dry_run_components, find_setting_problems
from rnnlab.sweeps.overrides import CliOverrides
from rnnlab.sweeps.schema import GROUPS, ReportInterval, SweepConfig, WarmStart


def read_sweep(root: Path, arguments: Sequence[str]) -> SweepConfig:
    """Return the settings of a search from its file and the command line.

    Args:
        root: the folder with sweeps/ and conf/.
        arguments: `sweep=<name>` and overrides. An override whose first key is one of SweepConfig
            changes the search; any other changes the runs: one with several values is a dimension
            of the space, one with a single value is added to `base` and removes its dimension.

    Raises:
        ConfigError: all problems, one per line.
    """
    name, rest = split_name(root, arguments)
    overrides = CliOverrides.parse(rest, run_keys(root))
    plain = compose_sweep(root / "sweeps", name, list(overrides.to_hydra()))
    plain["name"] = plain.get("name") or name
    return parse_sweep(overrides.apply(plain))


def sweep_names(root: Path) -> list[str]:
    """Return the names of all searches."""
    return sorted(file.stem for file in (root / "sweeps").glob("*.yaml") if file.stem != "default")


def run_keys(root: Path) -> set[str]:
    """Return the first keys of the overrides of train.py."""
    groups = {folder.name for folder in (root / "conf").iterdir() if folder.is_dir()}
    return groups | {member.name for member in fields(RunConfig)}


def split_name(root: Path, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the name of the search and the other arguments.

    Raises:
        ConfigError: there is no such search, or not exactly one is named.
    """
    names = [word.removeprefix("sweep=") for word in arguments if word.startswith("sweep=")]
    choices = sweep_names(root)
    if len(names) != 1:
        raise ConfigError(f"sweep=<name> must be given once; choices: {', '.join(choices)}")
    if names[0] not in choices:
        raise ConfigError(f"sweep={names[0]}: {did_you_mean(names[0], choices)}")
    return names[0], [word for word in arguments if not word.startswith("sweep=")]


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
            cfg = hydra.compose(name, list(overrides))
            OmegaConf.set_struct(cfg, False)
            for group, choice in changed_choices(name, overrides):
                settings = [item for item in overrides if item.lstrip("+~").startswith(f"{group}.")]
                cfg[group] = hydra.compose(f"{group}/{choice}", settings)[group]
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
    except Exception as error:
        if is_composition_error(error):
            raise ConfigError(f"{folder.name}/{name}.yaml: {explain(error)}") from error
        raise
    return {str(key): value for key, value in plain.items()}


def changed_choices(name: str, overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the groups for which the command line names another choice than the file.

    The settings that the file gives for its own choice do not apply to the other one.
    """
    import hydra

    pairs = [item.partition("=")[::2] for item in overrides]
    choices = {group: choice for group, choice in pairs if group in GROUPS}
    if choices:
        original = hydra.compose(name, return_hydra_config=True).hydra.runtime.choices
        yield from (pair for pair in choices.items() if original.get(pair[0]) != pair[1])


def parse_sweep(plain: Mapping[str, Any]) -> SweepConfig:
    """Return plain settings as a checked SweepConfig.

    Raises:
        ConfigError: all problems, one per line.
    """
    problems = list(dict.fromkeys(find_setting_problems(plain)))
    if problems:
        raise ConfigError("\n".join(problems))
    config = SweepConfig(**fill_defaults(plain))
    dry_run_components(config)
    return config


def fill_defaults(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return checked settings with a budget of one unit and complete nested mappings."""
    budget, warm_start = plain.get("budget"), plain.get("warm_start")
    parts = {
        "budget": budget and {unit: limit for unit, limit in budget.items() if limit is not None},
        "progress": asdict(ReportInterval(**plain.get("progress", {}))),
        "warm_start": warm_start and asdict(WarmStart(**warm_start)),
    }
    return {**plain, **parts}
