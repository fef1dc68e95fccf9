"""Composition of the configuration of a run from command-line overrides."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnlab.config.messages import explain, is_composition_error, unlisted_key
from rnnlab.config.overrides import Override, parse_override
from rnnlab.config.paths import list_choices, list_groups, search_path
from rnnlab.config.program import format_command
from rnnlab.config.quoting import type_as_text
from rnnlab.errors import ConfigError, Problem

OPTIONAL_GROUPS = ("experiment", "debug", "logger", "callbacks")  # null: none of the choices


def compose(conf: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of `rnnlab train <overrides>` as plain values.

    Args:
        conf: the shipped conf/, or a user's directory, which takes precedence over it.
        overrides: `key=value`, as a user types them: texts that Hydra cannot read are quoted, and
            settings of a constructor that its YAML file does not list need no plus.

    Raises:
        ConfigError: an override cannot be read, or has several values.
        HydraException, OmegaConfBaseException: an override is invalid; see messages.explain.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict, read_write

    with (
        shipped_conf(before=conf) as directory,
        hydra.initialize_config_dir(directory, version_base="1.3"),
    ):
        cfg, _ = compose_texts(prepare_overrides(conf, overrides))
        HydraConfig.instance().set_config(cfg)  # the run's name contains the choices
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return dict(plain)


def complete_overrides(conf: Path, overrides: Sequence[str]) -> list[str]:
    """Return the overrides with which Hydra itself composes what compose returns.

    Raises:
        ConfigError, HydraException, OmegaConfBaseException: see compose.
    """
    import hydra

    texts = prepare_overrides(conf, overrides)
    with (
        shipped_conf(before=conf) as directory,
        hydra.initialize_config_dir(directory, version_base="1.3"),
    ):
        return compose_texts(texts)[1]


def compose_texts(texts: list[str]) -> tuple[Any, list[str]]:
    """Return Hydra's config of overrides, and these overrides; its directory is initialized.

    A setting of a constructor that its YAML file does not list is added with a plus.

    Raises:
        HydraException, OmegaConfBaseException: see compose.
    """
    import hydra
    from hydra.errors import ConfigCompositionException

    try:
        return hydra.compose("config", texts, return_hydra_config=True), texts
    except ConfigCompositionException as error:
        key = unlisted_key(error)
        new_texts = [force_add(text) if sets_key(text, key) else text for text in texts]
        if key is None or new_texts == texts:
            raise
    return compose_texts(new_texts)


def sets_key(text: str, key: str | None) -> bool:
    """Return whether an override sets a key, or a part of its value."""
    name = text.partition("=")[0].lstrip("+")
    return key is not None and (name == key or name.startswith(f"{key}."))


def force_add(text: str) -> str:
    """Return an override that adds its key, or replaces the value.

    >>> force_add("+data.encoding=cp1252")
    '++data.encoding=cp1252'
    """
    return text if text.startswith("~") else f"++{text.lstrip('+')}"


def prepare_overrides(conf: Path, texts: Sequence[str]) -> list[str]:
    """Return the overrides of one run as Hydra reads them.

    Raises:
        ConfigError: one cannot be read, has several values, or is no choice of its group.
    """
    for text in texts:
        if parse_override(text).is_sweep:
            raise ConfigError(explain_sweep(text, texts))
    groups = list_groups(conf)
    return [prepare_override(conf, groups, text) for text in texts]


def prepare_override(conf: Path, groups: Sequence[str], text: str) -> str:
    """Return an override as Hydra reads it; a plus accepts a setting that is listed.

    Args:
        conf: directory of the choices.
        groups: of choices, such as `model`.
        text: of the override.

    Raises:
        ConfigError: it cannot be read, or is no choice of its group.
    """
    override = parse_override(text)
    if override.sign != "~" and override.key in groups:
        return group_choice(conf, override)
    return force_add(override.text) if is_addition(override) else override.text


def group_choice(conf: Path, override: Override) -> str:
    """Return the override that chooses a file of a group; null switches an optional group off.

    Raises:
        ConfigError: the value is no name, or several names where one is needed.
    """
    group, value = override.key, override.value
    is_optional = group in OPTIONAL_GROUPS
    if is_optional and value is None:
        return f"~{group}"
    names = value if is_optional and isinstance(value, list) else [value]
    if all(isinstance(name, str) for name in names):
        return override.text
    choices = list_choices(conf, group)
    message = f"{override.text}: must be one of {', '.join(choices)}"
    raise ConfigError(Problem(message, group, value, choices))


def is_addition(override: Override) -> bool:
    """Return whether an override adds a setting, and no choice of a group."""
    return override.sign == "+" and "." in override.key and not set(override.key) & set("/@")


def explain_sweep(text: str, overrides: Sequence[str]) -> Problem:
    """Return what to type instead of several values, with the other overrides."""
    key, _, value = text.partition("=")
    one_text = f"; for one text, type {type_as_text(key, value)}" if "." in key else ""
    command = format_command("train", ["-m", *overrides])
    message = (
        f"{text}: several values, but this is one run; to train with each, add -m: "
        f"{command}{one_text}"
    )
    return Problem(message, key, value, suggestions=[command])


@contextmanager
def shipped_conf(before: Path) -> Iterator[str]:
    """Yield the path of the shipped conf/ while Hydra searches another directory before it.

    Hydra's own --config-dir is searched after the primary directory, so it cannot replace a file.
    """
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class UserDirectory(SearchPathPlugin):
        def manipulate_search_path(self, search_path: Any) -> None:
            search_path.prepend("user", f"file://{directories[0]}")

    directories = search_path(before)
    primary = str(directories[-1])
    if len(directories) == 1:
        yield primary
        return
    plugins = Plugins.instance()
    plugins.register(UserDirectory)
    try:
        yield primary
    finally:
        plugins.plugin_type_to_subclass_list[SearchPathPlugin].remove(UserDirectory)


def compose_checked(conf: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Compose; the ConfigError names all overrides: they are one command line of many."""
    try:
        return compose(conf, overrides)
    except Exception as error:
        if is_composition_error(error):
            problem = explain(error)
            message = f"{problem} (in: {' '.join(overrides)})"
            raise ConfigError(problem.with_message(message)) from error
        raise
