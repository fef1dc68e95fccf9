"""Composition of the configuration of a run from command-line overrides."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnlab.config.messages import explain, is_composition_error
from rnnlab.config.paths import search_path
from rnnlab.errors import ConfigError


def compose(conf: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of `rnnlab train <overrides>` as plain values.

    Args:
        conf: the shipped conf/, or a user's directory, which takes precedence over it.
        overrides: `key=value`, in Hydra's syntax.

    Raises:
        HydraException, OmegaConfBaseException: an override is invalid; see messages.explain.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict, read_write

    with (
        shipped_conf(before=conf) as directory,
        hydra.initialize_config_dir(directory, version_base="1.3"),
    ):
        cfg = hydra.compose("config", list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)  # the run's name contains the choices
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return dict(plain)


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
            raise ConfigError(f"{explain(error)} (in: {' '.join(overrides)})") from error
        raise
