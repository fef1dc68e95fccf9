"""From a run's folder back to its network."""

from pathlib import Path
from typing import Any

import torch

from rnnlab.config.schema import parse
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import build_model, build_task
from rnnlab.models import RecurrentModel
from rnnlab.spec import DataSpec


def load_model(run_dir: str | Path, checkpoint: str = "best") -> RecurrentModel:
    """See rnnlab.load."""
    hyper_parameters, weights = read_checkpoint(
        Path(run_dir) / "checkpoints" / f"{checkpoint}.ckpt"
    )
    config = parse(hyper_parameters["config"])
    model = build_model(config, build_task(config, DataSpec(**hyper_parameters["spec"])))
    model.hyper_parameters = hyper_parameters
    model.load_state_dict(weights)
    return model.eval()


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What rebuilds the model, and its weights; plain data only.

    Raises:
        ConfigError: there is no such file, or it was not written by a run.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such checkpoint; give the folder of a run")
    content = torch.load(path, map_location="cpu", weights_only=True)
    if "hyper_parameters" not in content:
        raise ConfigError(f"{path}: was not written by a run of rnnlab")
    return content["hyper_parameters"], content["state_dict"]
