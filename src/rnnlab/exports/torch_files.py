"""Programs of torch.export.

torch.export turns a recurrent layer of torch into one operation for each step of the example. Here
it is a scan over time, which is kept for any number of steps.

B sequences, T steps, D input features, H hidden features, G gates.
"""

import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan
from torch.export import Dim
from torch.nn.functional import linear

from rnnlab.errors import ConfigError
from rnnlab.exports.form import Program
from rnnlab.spec import Array

ScanState = tuple[Tensor, ...]  # h (B, H), or h and c of an LSTM
ScanStep = Callable[[ScanState, Tensor, Tensor], ScanState]  # from a state, W x + b and U h + b'


def step_rnn(state: ScanState, x: Tensor, h: Tensor) -> ScanState:
    """Return the state of a simple recurrence after a step; see rnnlab.layers.cells."""
    return (torch.tanh(x + h),)


def step_relu(state: ScanState, x: Tensor, h: Tensor) -> ScanState:
    """Return the state of a simple recurrence of rectified units after a step."""
    return (torch.relu(x + h),)


def step_gru(state: ScanState, x: Tensor, h: Tensor) -> ScanState:
    """Return the state of a GRU after a step; see gru_cell in rnnlab.layers.cells."""
    (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, dim=1), h.chunk(3, dim=1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return ((1 - z) * torch.tanh(x_n + r * h_n) + z * state[0],)


def step_lstm(state: ScanState, x: Tensor, h: Tensor) -> ScanState:
    """Return the state of an LSTM after a step; see lstm_cell in rnnlab.layers.cells."""
    i, f, g, o = (x + h).chunk(4, dim=1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


SCAN_STEPS: dict[str, ScanStep] = {
    "RNN_TANH": step_rnn,
    "RNN_RELU": step_relu,
    "GRU": step_gru,
    "LSTM": step_lstm,
}  # by the mode of a layer of torch


class ScannedLayer(nn.Module):
    """One layer of torch in one direction, as a scan over its steps.

    Args:
        layer: with batch_first=True; its weights are shared.
    """

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.hidden_size, self.step = layer.hidden_size, SCAN_STEPS[layer.mode]
        self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh = layer.all_weights[0]
        self.parts = 2 if layer.mode == "LSTM" else 1

    def forward(self, inputs: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Map inputs (B, T, D) and a state (1, B, H) to outputs (B, T, H) and the state after."""
        first = inputs.new_zeros(inputs.shape[0], self.hidden_size)
        given = (state,) if isinstance(state, Tensor) else state
        parts = tuple(part[0] for part in given) if given else (first,) * self.parts
        parts = tuple(part.clone() for part in parts)

        def run_step(before: ScanState, x: Tensor) -> tuple[ScanState, Tensor]:
            after = self.step(before, x, linear(before[0], self.weight_hh, self.bias_hh))
            return after, after[0].clone()

        projected = linear(inputs, self.weight_ih, self.bias_ih).transpose(0, 1)  # (T, B, G * H)
        last, outputs = scan(run_step, parts, projected)
        after = tuple(part.unsqueeze(0) for part in last)
        return outputs.transpose(0, 1), after if self.parts > 1 else after[0]


def scan_layers(module: nn.Module) -> nn.Module:
    """Return a copy of a module with its recurrent layers of torch as scans.

    A layer of another kind, such as a cell of your own, stays as it is.
    """
    copy = deepcopy(module)
    for parent in list(copy.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.RNNBase):
                setattr(parent, name, ScannedLayer(child))
    return copy.eval()


UNSUPPORTED = "torch.export cannot write this network for any number of steps"


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
        raise ConfigError(f"--format torch: {UNSUPPORTED} ({reason}). Use --format onnx") from error


class TorchFile:
    """A program of torch.export that is run on the CPU."""

    def __init__(self, path: Path) -> None:
        self.module = torch.export.load(path).module()

    def __call__(self, inputs: Mapping[str, Any]) -> list[Array]:
        """Return the outputs for inputs, tensors or arrays."""
        with torch.no_grad():
            result = self.module(*map(torch.as_tensor, inputs.values()))
        return [part.numpy() for part in (result if isinstance(result, tuple) else (result,))]
