"""Programs of torch.export."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

from rnnlab.errors import ConfigError
from rnnlab.exports.form import Program
from rnnlab.exports.scanned_layers import scan_layers
from rnnlab.spec import Array

UNSUPPORTED = "--format torch: torch.export cannot write this network for any number of steps"


def write_torch(program: Program, path: Path) -> None:
    """Write a program of torch.export; its recurrent layers are scans, see scan_layers.

    Raises:
        ConfigError: torch.export cannot read the network, or would fix the number of steps.
    """
    shapes = tuple(
        {axis: Dim(size) for axis, size in program.axes[name].items()} for name in program.arguments
    )
    values = tuple(program.arguments.values())
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = scan_layers(program.module)
            result = torch.export.export(module, values, dynamic_shapes=(shapes,))
        torch.export.save(result, path)
    except Exception as error:  # of many kinds, among them a custom cell with a loop over steps
        reason = str(error).strip().partition("\n")[0].partition("!")[0][:200]
        raise ConfigError(f"{UNSUPPORTED} ({reason}). Use --format onnx") from error


class TorchFile:
    """A program of torch.export that is run on the CPU."""

    def __init__(self, path: Path) -> None:
        self.module = torch.export.load(path).module()

    def __call__(self, inputs: Mapping[str, Any]) -> list[Array]:
        """Return the outputs for inputs, tensors or arrays."""
        with torch.no_grad():
            result = self.module(*map(torch.as_tensor, inputs.values()))
        return [part.numpy() for part in (result if isinstance(result, tuple) else (result,))]
