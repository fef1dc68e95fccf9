"""Run folders with networks that were never trained: what inference needs, in milliseconds."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from rnnlab.config.schema import parse
from rnnlab.data.base import DataModule
from rnnlab.experiment.build import build_data, build_model, build_task
from rnnlab.models import RecurrentModel
from rnnlab.report.folder import FORMAT_VERSION, RunFolder, new_folder
from tests.helpers.configs import small


class UntrainedRun(NamedTuple):
    """A run folder, with the data and the network that it was made from."""

    folder: Path
    data: DataModule
    model: RecurrentModel


def write_run(
    data: str, folder: Path, *overrides: str, seed: int = 0, **settings: Any
) -> UntrainedRun:
    """Write the folder of a run with random weights; see small() for the data and the settings.

    It has config.yaml, report.json without scores, processor.json and best.ckpt and last.ckpt.
    """
    config = parse(small(data, folder, *overrides, **settings))
    module = build_data(config)
    module.prepare_data()
    module.setup()
    torch.manual_seed(seed)
    model = build_model(config, build_task(config, module.spec))
    run = new_folder(asdict(config))
    run.write_report({"format_version": FORMAT_VERSION, "status": "finished", "scores": {}})
    module.save_processor(run.path)
    save_checkpoints(run, model, {"config": asdict(config), "spec": asdict(module.spec)})
    return UntrainedRun(run.path, module, model.eval())


def save_checkpoints(run: RunFolder, model: RecurrentModel, facts: dict[str, Any]) -> None:
    """Write the weights of a model as the best and the last of a run."""
    hyper_parameters = {"format_version": FORMAT_VERSION, **facts}
    run.best.parent.mkdir()
    for path in (run.best, run.last):
        torch.save({"hyper_parameters": hyper_parameters, "state_dict": model.state_dict()}, path)
