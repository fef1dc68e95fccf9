"""The folder of a run: paths, config and report; valid after a kill at any point."""

import json
import os
import re
import secrets
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rnnlab.errors import ConfigError, about_file
from rnnlab.runtime.files import write_json, write_text

MAX_VARIANT = 120  # characters of a variant in the name of a folder
FORMAT_VERSION = 2  # of config.yaml, report.json and checkpoints; 1 had other class names
YAML_ERRORS = (YAMLError, OmegaConfBaseException)
TRAINED = "trained"  # status of a run whose training has ended, and which is not yet tested
PREDICTIONS_FILE = "predictions.csv"  # of the test split
SEARCH_FILES = ("study.json", "sweep.yaml")  # in the folder of a search


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    path: Path  # outputs/<name>/<time>-<id>

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def report(self) -> Path:
        """Scores, with the facts that explain them."""
        return self.path / "report.json"

    @property
    def metrics(self) -> Path:
        """Logged metrics."""
        return self.path / "metrics.csv"

    @property
    def best(self) -> Path:
        """Checkpoint of the best validation."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def last(self) -> Path:
        """Checkpoint for resume."""
        return self.path / "checkpoints" / "last.ckpt"

    def read_config(self) -> dict[str, Any]:
        """Return the config that the run was started with, as plain values.

        Raises:
            ConfigError: the file is damaged, or of another version of rnnlab.
        """
        try:
            plain: Any = dict(deepcopy(parse_config(self.config.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError, RecursionError, *YAML_ERRORS) as error:
            raise ConfigError(about_file(self.config, f"is damaged ({error})")) from error
        self.check_format(plain.pop("format_version", 1))
        return dict(plain)

    def write_config(self, plain: Mapping[str, Any]) -> None:
        """Write a config in one step."""
        content = {"format_version": FORMAT_VERSION, **plain}
        write_text(self.config, OmegaConf.to_yaml(OmegaConf.create(content)))

    def check_format(self, version: int) -> None:
        """Raise ConfigError if this version of rnnlab cannot read the run."""
        if version == FORMAT_VERSION:
            return
        commit = self.read_report().get("git", {}).get("commit", "")
        writer = f" (commit {commit[:12]})" if commit else ""
        reason = (
            f"an {'older' if version < FORMAT_VERSION else 'newer'} version of rnnlab{writer} "
            f"wrote this run, in format {version}; this one reads format {FORMAT_VERSION}. Use the "
            "version that wrote it, or train the run again"
        )
        raise ConfigError(about_file(self.path, reason))

    def read_report(self) -> dict[str, Any]:
        """Return the report so far; empty before the first one was written.

        Raises:
            ConfigError: the file is damaged.
        """
        if not self.report.exists():
            return {}
        try:
            return dict(json.loads(self.report.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise ConfigError(about_file(self.report, f"is damaged ({error})")) from error

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Replace the report in one step."""
        write_json(self.report, report)


@lru_cache(maxsize=8)
def parse_config(text: str) -> Any:
    """Return the plain values of a config, which takes longer than many other parts of a run."""
    return OmegaConf.to_container(OmegaConf.load(StringIO(text)))


def is_search(folder: Path) -> bool:
    """Return whether a folder is that of a search."""
    return any((folder / name).is_file() for name in SEARCH_FILES)


def new_folder(plain: Mapping[str, Any]) -> RunFolder:
    """Make a run's folder, `run_dir` or one in output_dir/name, and write its config.

    Args:
        plain: the config; a variant other than the seed becomes part of the folder's name.

    Raises:
        ConfigError: the folder cannot be made or written.
    """
    stamp = f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(3)}"
    variant = plain["variant"]
    if variant not in ("", f"seed {plain['seed']}"):
        stamp += "-" + re.sub(r"[^\w=,.+-]+", "_", variant)[:MAX_VARIANT]
    run_dir = plain["run_dir"]
    path = Path(run_dir) if run_dir else Path(plain["output_dir"]) / plain["name"] / stamp
    folder = RunFolder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        folder.write_config(plain)
    except OSError as error:
        reason = (
            f"the run's folder cannot be written ({error.strerror}). Choose another place with "
            "output_dir=<folder> or run_dir=<folder>"
        )
        raise ConfigError(about_file(path, reason)) from error
    return folder


def open_folder(path: str) -> RunFolder:
    """Return the folder of a run that was started before; raise ConfigError if it cannot go on."""
    folder = RunFolder(Path(path))
    if not folder.config.is_file():
        place = "" if folder.path.is_absolute() else f", looked for in {Path.cwd()}"
        raise ConfigError(
            f"resume={path}: no run is there (no config.yaml){place}; give a run's folder"
        )
    if not os.access(folder.path, os.W_OK):
        raise ConfigError(f"resume={path}: the folder cannot be written")
    return folder
