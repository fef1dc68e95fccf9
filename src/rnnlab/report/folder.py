"""The folder of a run: where everything stands, valid after a kill at any point."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from rnnlab.errors import ConfigError
from rnnlab.runtime.files import write_json, write_text


@dataclass(frozen=True)
class RunFolder:
    """One run on disk.

    Attributes:
        path: outputs/<name>/<time>-<id>.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def report(self) -> Path:
        """Scores and everything that explains them."""
        return self.path / "report.json"

    @property
    def metrics(self) -> Path:
        """All logged numbers."""
        return self.path / "metrics.csv"

    @property
    def best(self) -> Path:
        """Checkpoint of the best validation."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def last(self) -> Path:
        """Checkpoint to go on from."""
        return self.path / "checkpoints" / "last.ckpt"

    def read_config(self) -> dict[str, Any]:
        """The config that the run was started with, plain."""
        return dict(OmegaConf.to_container(OmegaConf.load(self.config)))  # type: ignore[arg-type]

    def read_report(self) -> dict[str, Any]:
        """The report so far; empty before the first one was written."""
        if not self.report.exists():
            return {}
        return dict(json.loads(self.report.read_text(encoding="utf-8")))

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Replace the report in one step."""
        write_json(self.report, report)


def new_folder(
    output_dir: str, name: str, run_dir: str | None, plain: Mapping[str, Any]
) -> RunFolder:
    """Make a run's folder and put its config there.

    Args:
        output_dir: folder of all runs.
        name: of the run; a folder below.
        run_dir: exactly this folder instead; it must be new or empty.
        plain: the resolved config.

    Raises:
        ConfigError: the folder cannot be made or written, or holds a run already.
    """
    stamp = f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(3)}"
    path = Path(run_dir) if run_dir else Path(output_dir) / name / stamp
    folder = RunFolder(path)
    if folder.config.exists():
        raise ConfigError(
            f"run_dir={run_dir}: holds a run already. To go on with it: resume={path}"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_text(folder.config, OmegaConf.to_yaml(OmegaConf.create(dict(plain))))
    except OSError as error:
        raise ConfigError(
            f"{path}: the run's folder cannot be written ({error.strerror}). Choose another place "
            "with output_dir=<folder> or run_dir=<folder>"
        ) from error
    return folder


def open_folder(path: str) -> RunFolder:
    """The folder of a run that was started before.

    Raises:
        ConfigError: there is no run in it, or it cannot be written.
    """
    folder = RunFolder(Path(path))
    if not folder.config.is_file():
        raise ConfigError(f"resume={path}: no run is there (no config.yaml); give a run's folder")
    if not os.access(folder.path, os.W_OK):
        raise ConfigError(f"resume={path}: the folder cannot be written")
    return folder
