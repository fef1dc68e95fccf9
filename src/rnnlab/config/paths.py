"""Folders with configuration: the shipped conf/ and sweeps/, and a user's own directory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnlab.errors import ConfigError, about_file
from rnnlab.runtime.files import expand_path

RUN_PATHS = ("output_dir", "run_dir", "resume")
DIR_FLAGS = ("--config-dir", "-cd")


def find_root() -> Path:
    """Return the folder that holds conf/ and sweeps/: the checkout, else the installed copy."""
    package = Path(__file__).parents[1]
    candidates = (package.parents[1], package / "shipped")
    for root in candidates:
        if (root / "conf" / "config.yaml").is_file():
            return root
    places = " or ".join(map(str, candidates))
    raise ConfigError(
        about_file("conf/config.yaml", f"not found in {places}; install rnnlab again")
    )


def split_config_dir(arguments: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the directory of `--config-dir`, or the shipped conf/, and the other arguments."""
    directories, rest = [], []
    remaining = iter(arguments)
    for argument in remaining:
        flag, equals, value = argument.partition("=")
        if flag in DIR_FLAGS:
            directories.append(value if equals else next(remaining, ""))
        else:
            rest.append(argument)
    if not directories:
        return find_root() / "conf", rest
    if len(directories) > 1 or not Path(directories[0]).is_dir():
        raise ConfigError(f"--config-dir {' '.join(directories)}: must be one existing directory")
    return Path(directories[0]).resolve(), rest


def config_dir_flag(conf: Path) -> list[str]:
    """Return the words of a command line that choose a user's directory; none for conf/."""
    is_shipped = conf.resolve() == (find_root() / "conf").resolve()
    return [] if is_shipped else [DIR_FLAGS[0], str(conf)]


def search_path(conf: Path) -> list[Path]:
    """Return the folders that Hydra searches: a user's directory, then the shipped conf/."""
    return list(dict.fromkeys([conf.resolve(), (find_root() / "conf").resolve()]))


def list_choices(conf: Path, group: str) -> list[str]:
    """Return the names of the YAML files of a group, such as `model`."""
    files = (file for folder in search_path(conf) for file in (folder / group).glob("*.yaml"))
    return sorted({file.stem for file in files})


def list_groups(conf: Path) -> list[str]:
    """Return the groups of choices, such as `model`."""
    folders = (folder for parent in search_path(conf) for folder in parent.iterdir())
    return sorted({folder.name for folder in folders if any(folder.glob("*.yaml"))})


def with_absolute_paths(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config whose settings init_from, data.path and data.*_path are absolute.

    A run keeps them, so that it can be resumed and evaluated from any directory.
    """
    if plain.get("init_from"):
        plain = {**plain, "init_from": str(absolute_path(str(plain["init_from"])))}
    data = plain.get("data")
    if not isinstance(data, Mapping):  # an error of the schema
        return dict(plain)
    paths = {
        key: str(absolute_path(value))
        for key, value in data.items()
        if isinstance(value, str) and is_path(f"data.{key}")
    }
    return {**plain, "data": {**data, **paths}}


def is_path(key: str) -> bool:
    """Return whether a setting is the path of a file or folder.

    >>> is_path("data.path"), is_path("data.test_path"), is_path("data.seq_len")
    (True, True, False)
    """
    section, _, name = key.rpartition(".")
    return key in RUN_PATHS or (section == "data" and (name == "path" or name.endswith("_path")))


def absolute_path(text: str) -> Path:
    """Return the absolute path of a text that may begin with ~ or ~user.

    >>> absolute_path("/data/a.csv").as_posix()
    '/data/a.csv'

    Raises:
        ConfigError: no system has a file of this path.
    """
    return expand_path(text).absolute()
