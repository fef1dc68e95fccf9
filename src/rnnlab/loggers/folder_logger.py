"""Base of the loggers that write into the folder of the run, without a server."""

from abc import abstractmethod
from argparse import Namespace
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers.logger import Logger

from rnnlab.config.keys import flat
from rnnlab.errors import ConfigError


class FolderLogger(Logger):
    """Logger with the data of one run in a folder of that run; its client opens on first use.

    Args:
        package: of the client; also the name of the folder, and of the extra of rnnlab.
        folder: of the run.
        project: runs of a project are displayed together.
        run_name: None for the name of the folder of the run.

    Raises:
        ConfigError: the package is not installed.
    """

    def __init__(self, package: str, folder: Path, project: str, run_name: str | None) -> None:
        super().__init__()
        require_package(package)
        self.folder = Path(folder).resolve() / package
        self.project, self.run_name = project, run_name or Path(folder).name
        self.client: Any = None

    @property
    def name(self) -> str:
        return self.project

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The client, opened on first use; a dummy on the other ranks."""
        if self.client is None:
            self.client = self.open()
        return self.client

    @abstractmethod
    def open(self) -> Any:
        """Return the client, with the run of the folder or a new one."""


def text_settings(params: Mapping[str, Any] | Namespace) -> dict[str, str]:
    """Return settings as texts, by dotted names.

    >>> text_settings({"model": {"hidden_size": 8, "layer_norm": None}, "seed": 0})
    {'model.hidden_size': '8', 'model.layer_norm': 'None', 'seed': '0'}
    """
    plain = vars(params) if isinstance(params, Namespace) else dict(params)
    return {name: str(value) for name, value in flat(plain).items()} if plain else {}


def require_package(name: str) -> None:
    """Raise ConfigError if the package of a logger is not installed."""
    if find_spec(name) is None:
        raise ConfigError(
            f"logger={name} needs the package {name}, which is not installed: "
            f"pip install 'rnnlab[{name}]'"
        )
