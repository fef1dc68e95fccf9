"""The loss in score of a network with weights of 8 bits."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rnnlab.data.base import DataModule
from rnnlab.errors import ConfigError, DataError
from rnnlab.exports.form import Execute, Form
from rnnlab.inference.evaluation import read_same_data, single_process_config
from rnnlab.report.folder import RunFolder
from rnnlab.spec import Batch
from rnnlab.tasks import Forecasting, StepClassification, Task

SPLIT = "val"  # the user decides by it, so it must not be the test split


def read_validation(form: Form, folder: RunFolder) -> DataModule | str:
    """Return the data of the run, or why it cannot be read."""
    config = single_process_config(form.model.hyper_parameters["config"])
    try:
        return read_same_data(config, folder)
    except (ConfigError, DataError) as error:
        return str(error)


def score_programs(
    form: Form, programs: Mapping[str, Execute], data: DataModule
) -> dict[str, float]:
    """Return the metrics of exported programs on the validation split."""
    task = form.model.task
    metrics = task.metrics()
    for batch in data.val_dataloader():
        answers = torch.from_numpy(form.answer(programs, batch))
        metrics.update(metric_inputs(task, answers, batch), metric_targets(task, batch))
    return {f"{SPLIT}/{name}": float(value) for name, value in metrics.compute().items()}


def metric_inputs(task: Task, answers: Tensor, batch: Batch) -> Tensor:
    """Return what the metrics compare; see Task.metric_inputs.

    Args:
        task: of the network.
        answers: see Task.decode; for a language model and a translator see their forms.
        batch: that they answer.
    """
    if isinstance(task, StepClassification):
        return answers.transpose(1, 2)
    if isinstance(task, Forecasting):
        return _in_error_units(task.median(answers), batch)
    return answers


def metric_targets(task: Task, batch: Batch) -> Tensor:
    """Return the targets that the metrics compare with."""
    return _in_error_units(batch.targets, batch) if isinstance(task, Forecasting) else batch.targets


def _in_error_units(values: Tensor, batch: Batch) -> Tensor:
    """Return values in the units of errors; see rnnlab.spec.Units."""
    scale = None if batch.units is None else batch.units.error_scale
    return values if scale is None else values / scale


def list_scores(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """Return a line for each metric: exact, with 8 bits, and the difference."""
    return [
        f"{name:<24}{value:>12.6g} -> {after[name]:.6g} ({after[name] - value:+.3g})"
        for name, value in before.items()
    ]


def plain_scores(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, Any]:
    """Return the scores as they are in export.json."""
    return {name: {"exact": before[name], "int8": after[name]} for name in before}
