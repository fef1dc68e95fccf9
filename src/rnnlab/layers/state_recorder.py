"""Recording of the states of recurrent layers, and of gradients through time.

B batch, T time, D input features, H hidden features.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.layers.cells import Weights, gru_gates, lstm_gates
from rnnlab.layers.recurrent import RecurrentLayer, each_part, list_parts

GateValues = Callable[[Tensor, Tensor, Weights], Any]
SIGMOID_GATES: dict[str, tuple[GateValues, tuple[str, ...]]] = {  # mode of nn.RNNBase -> gates
    "LSTM": (lstm_gates, ("input", "forget", "output")),
    "GRU": (gru_gates, ("reset", "update")),
}


def steps_back(steps: int) -> list[int]:
    """Return steps before the last one at which states are kept, rising by a factor of about 1.4.

    >>> steps_back(30)
    [0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 29]
    """
    powers = [round(2 ** (i / 2)) for i in range(64)]
    return [0, *sorted({k for k in powers if k < steps - 1} | {steps - 1} - {0})]


@dataclass(frozen=True)
class CellRecord:
    """One call of a cell, computed in chunks of steps.

    Attributes:
        cell: a RecurrentModule.
        inputs: (B, T, D).
        start: state before the first step; None for zeros.
        outputs: (B, T, H).
        states: steps before the last one -> parts of the state after that step, (1, B, ...) each,
            connected by the graph of the recurrence.
    """

    cell: nn.Module
    inputs: Tensor
    start: Any
    outputs: Tensor
    states: Mapping[int, list[Tensor]]

    def gates(self) -> dict[str, Tensor]:
        """Return the gates between 0 and 1 of each step, (B, T, H); empty for an unknown cell."""
        if not isinstance(self.cell, nn.RNNBase) or self.cell.mode not in SIGMOID_GATES:
            return {}
        compute, names = SIGMOID_GATES[self.cell.mode]
        parts = list_parts(self.start)
        first = parts[0].transpose(0, 1) if parts else torch.zeros_like(self.outputs[:, :1])
        before = torch.cat([first, self.outputs[:, :-1]], dim=1)  # (B, T, H)
        values = compute(self.inputs, before, self.cell.all_weights[0])
        return {name: getattr(values, name) for name in names}

    def bounded_states(self) -> Tensor | None:
        """Return the values of tanh that the state consists of; None for an unknown cell.

        They are the outputs of a GRU or RNN, and tanh(c) of an LSTM.
        """
        mode = getattr(self.cell, "mode", None)
        if not isinstance(self.cell, nn.RNNBase) or mode == "RNN_RELU":
            return None
        if mode == "LSTM":
            return torch.tanh(torch.cat([parts[1] for parts in self.states.values()]))
        return self.outputs


class StateRecorder:
    """Runs cells in chunks and keeps the states between them; see record_states.

    Attributes:
        records: name of the layer -> its first call.
    """

    def __init__(self, names: Mapping[nn.Module, str]) -> None:
        self.records: dict[str, CellRecord] = {}
        self._names = names

    def run(self, layer: nn.Module, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return what the cell of a layer computes, without the graph."""
        cell: Any = layer.get_submodule("cell")
        inputs, start = inputs.detach(), state
        outputs, states, position = [], {}, 0
        for k in reversed(steps_back(inputs.shape[1])):
            end = inputs.shape[1] - k
            chunk, state = cell(inputs[:, position:end], state)
            state = each_part(state, require_gradient)
            outputs.append(chunk.detach())
            states[k] = [part for part in list_parts(state) if part.is_floating_point()]
            position = end
        record = CellRecord(cell, inputs, start, torch.cat(outputs, dim=1), states)
        self.records.setdefault(self._names[layer], record)
        return record.outputs, each_part(state, Tensor.detach)


def require_gradient(part: Tensor) -> Tensor:
    """Return a part of a state with a gradient, also of a cell that is not trained."""
    if part.requires_grad or not part.is_floating_point():
        return part
    return part.detach().requires_grad_()


@contextmanager
def record_states(network: nn.Module) -> Iterator[dict[str, CellRecord]]:
    """Record the recurrent layers of a network in each direction, in evaluation mode.

    Nothing is random, and neither weights nor their gradients change. cuDNN is off, because it
    has no gradients in this mode. Layers that are no RecurrentLayer are not recorded.
    """
    layers = {m: name for name, m in network.named_modules() if isinstance(m, RecurrentLayer)}
    recorder = StateRecorder({layer: layer_label(name) for layer, name in layers.items()})
    modes = {module: module.training for module in network.modules()}
    network.eval()
    for layer in layers:
        layer.recorder = recorder
    try:
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            yield recorder.records
    finally:
        for layer in layers:
            layer.recorder = None
        for module, mode in modes.items():
            module.training = mode


def layer_label(path: str) -> str:
    """Return the name of a layer for readers.

    >>> layer_label("body.forwards.0"), layer_label("body.backwards.1"), layer_label("encoder.x")
    ('layer 1', 'layer 2 backward', 'encoder.x')
    """
    match = re.fullmatch(r"body\.(forward|backward)s\.(\d+)", path)
    if match is None:
        return path
    suffix = " backward" if match[1] == "backward" else ""
    return f"layer {int(match[2]) + 1}{suffix}"


def gradients_through_time(records: Mapping[str, CellRecord]) -> dict[str, dict[int, float]]:
    """Return how much the last state of each layer depends on its earlier states.

    The value k steps before the end is the root mean square of the singular values of the Jacobian
    d s_T / d s_(T-k) of the state s (h, or h and c) within the layer, over the sequences. It is 1
    at k = 0; a product of Jacobians that falls or grows exponentially with k is what Pascanu et al.
    (2013, https://arxiv.org/abs/1211.5063) call a vanishing or exploding gradient. It is estimated
    from one product with random signs for each sequence, E |v J|^2 = |J|_F^2 (Hutchinson, 1989),
    always the same ones.

    Returns:
        Name of the layer -> steps before the end -> value; may be infinite.
    """
    generator = torch.Generator().manual_seed(0)
    return {name: state_sensitivity(record, generator) for name, record in records.items()}


def state_sensitivity(record: CellRecord, generator: torch.Generator) -> dict[int, float]:
    """Return the values of one layer; see gradients_through_time."""
    last = record.states[0]
    signs = [
        (torch.randint(0, 2, part.shape, generator=generator) * 2 - 1).to(part) for part in last
    ]
    parts = [part for members in record.states.values() for part in members]
    gradients = iter(torch.autograd.grad(last, parts, signs, allow_unused=True))
    values = {}
    for k, members in record.states.items():
        squares = [g.double().square().sum() for _ in members if (g := next(gradients)) is not None]
        mean = sum(squares, torch.zeros(())) / sum(part.numel() for part in members)
        values[k] = float(mean) ** 0.5
    return dict(sorted(values.items()))
