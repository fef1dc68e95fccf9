"""Logger for Trackio: a data base in the folder of the run, without a server."""

import io
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only

from rnnlab.loggers.folder_logger import FolderLogger, text_settings


class TrackioLogger(FolderLogger):
    """Logger of metrics, settings, results and figures of one run, in the folder `trackio` of it.

    Trackio opens its data base at the first call, and writes it when the run ends; a resumed run
    continues the same Trackio run. The variable TRACKIO_SPACE_ID sends it to a Space instead.

    Args:
        folder: of the run.
        project: Trackio displays the runs of a project together.
        name: of the run in Trackio; None for the name of the folder.

    Raises:
        ConfigError: the package trackio is not installed.
    """

    def __init__(self, folder: Path, project: str = "rnnlab", name: str | None = None) -> None:
        super().__init__("trackio", folder, project, name)
        self._settings: dict[str, str] = {}
        self._package: Any = None

    @property
    def version(self) -> str:
        """The name of the Trackio run."""
        return self.run_name

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Keep the settings: Trackio takes them with the first metrics."""
        self._settings |= text_settings(params)
        if self.client is not None:
            self.client.config |= self._settings

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.experiment.log(dict(metrics), step=step)

    @rank_zero_only
    def log_files(self, paths: Sequence[Path]) -> None:
        """Log the figures."""
        run = self.experiment
        figures = {f"plots/{path.stem}": path for path in paths if path.suffix == ".png"}
        if figures:
            run.log({name: self._package.Image(path) for name, path in figures.items()})

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what was logged; Lightning calls this after each fit and test."""
        if self.client is not None:
            with redirect_stdout(io.StringIO()):  # it reports its progress
                self._package.finish()
            self.client = None

    def open(self) -> Any:
        self._package = self._package or import_for(self.folder)
        options = {"resume": "allow", "embed": False, "config": self._settings}
        monitors = {"auto_log_gpu": False, "auto_log_cpu": False}
        with redirect_stdout(io.StringIO()), hub_offline():
            return self._package.init(self.project, name=self.run_name, **options, **monitors)


def import_for(folder: Path) -> Any:
    """Return the package trackio for a folder, which it reads once, when it is imported."""
    names = [name for name in sys.modules if name.partition(".")[0] == "trackio"]
    for name in names if os.environ.get("TRACKIO_DIR") != str(folder) else ():
        del sys.modules[name]
    os.environ["TRACKIO_DIR"] = str(folder)
    return import_module("trackio")


@contextmanager
def hub_offline() -> Iterator[None]:
    """Let Trackio not ask the Hugging Face hub for the name of the user."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = not os.environ.get("TRACKIO_SPACE_ID")
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
