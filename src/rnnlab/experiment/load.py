"""Models and other content of the checkpoints of a run folder."""

from pathlib import Path
from typing import Any

import torch

from rnnlab.config.schema import parse
from rnnlab.errors import ConfigError, about_file
from rnnlab.experiment.build import build_model, build_task
from rnnlab.experiment.stored_config import check_stored_config
from rnnlab.models import RecurrentModel
from rnnlab.report.folder import RunFolder
from rnnlab.spec import DataSpec


def load_model(run_dir: str | Path, checkpoint: str = "best") -> RecurrentModel:
    """See rnnlab.load."""
    content = read_checkpoint(Path(run_dir) / "checkpoints" / f"{checkpoint}.ckpt")
    hyper_parameters = content["hyper_parameters"]
    config = parse(hyper_parameters["config"])
    model = build_model(config, build_task(config, DataSpec(**hyper_parameters["spec"])))
    model.hyper_parameters = hyper_parameters
    model.load_state_dict(content["state_dict"])
    return model.eval()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint. It is data: nothing in it is executed.

    Raises:
        ConfigError: there is none, it has other content than plain data and components, or another
            version of rnnlab wrote it.
    """
    if not path.is_file():
        raise ConfigError(about_file(path, "there is no such checkpoint; give the folder of a run"))
    content, folder = read_plain_data(path), RunFolder(path.parents[1])
    if "card" in content:  # the key of format 1
        folder.check_format(1)
    if "hyper_parameters" not in content:
        raise ConfigError(about_file(path, "was not written by a run of rnnlab"))
    folder.check_format(content["hyper_parameters"].get("format_version", 1))
    check_stored_config(content["hyper_parameters"]["config"], folder.path)
    return content


def read_plain_data(path: Path) -> dict[str, Any]:
    """Return the content of a file of torch, which must be plain data."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # damaged bytes can lead to any
        reason = "is damaged, or contains code, which is not executed"
        raise ConfigError(about_file(path, reason)) from error
    if not isinstance(content, dict):
        raise ConfigError(about_file(path, "was not written by a run of rnnlab"))
    return content
