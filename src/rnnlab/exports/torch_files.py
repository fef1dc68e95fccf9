"""Programs of torch.export."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim

from rnnlab.errors import ConfigError
from rnnlab.exports.form import Program
from rnnlab.spec import Array

RECURRENT_STEPS = (
    "--format torch: torch.export fixes the number of steps of a recurrent layer, so that the "
    "program could read no other length. Use --format onnx"
)


def write_torch(program: Program, path: Path) -> None:
    """Write a program of torch.export.

    Raises:
        ConfigError: it would fix the number of steps.
    """
    if any(isinstance(module, nn.RNNBase) for module in program.module.modules()):
        raise ConfigError(RECURRENT_STEPS)
    shapes = tuple(
        {axis: Dim(size) for axis, size in program.axes[name].items()} for name in program.arguments
    )
    values = tuple(program.arguments.values())
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = torch.export.export(program.module, values, dynamic_shapes=(shapes,))
        torch.export.save(result, path)
    except Exception as error:  # of many kinds, among them a custom cell with a loop over steps
        raise ConfigError(RECURRENT_STEPS) from error


class TorchFile:
    """A program of torch.export that is run on the CPU."""

    def __init__(self, path: Path) -> None:
        self.module = torch.export.load(path).module()

    def __call__(self, inputs: Mapping[str, Any]) -> list[Array]:
        """Return the outputs for inputs, tensors or arrays."""
        with torch.no_grad():
            result = self.module(*map(torch.as_tensor, inputs.values()))
        return [part.numpy() for part in (result if isinstance(result, tuple) else (result,))]
