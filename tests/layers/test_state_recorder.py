"""Gradients through time are those of the recurrence, and recording changes nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnlab.layers.kernels import set_kernel
from rnnlab.layers.recurrent import RecurrentStack
from rnnlab.layers.state_recorder import gradients_through_time, record_states
from rnnlab.metrics.gradient_health import describe_time, gradient_reach
from rnnlab.models.gru import gru_layer
from rnnlab.models.lstm import lstm_layer
from rnnlab.models.rnn import rnn_layer


class Decay(nn.Module):
    """A custom cell without a gate: h' = 0.5 h + W x."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight = nn.Parameter(torch.randn(hidden_size, input_size))

    def forward(self, inputs: Tensor, state: Any = None) -> tuple[Tensor, Tensor]:
        h = torch.zeros(len(inputs), self.hidden_size) if state is None else state[0]
        outputs = []
        for x in (inputs @ self.weight.T).unbind(1):
            h = 0.5 * h + x
            outputs.append(h)
        return torch.stack(outputs, 1), h.unsqueeze(0)


def measure(stack: nn.Module, steps: int = 200) -> dict[str, dict[int, float]]:
    torch.manual_seed(1)
    inputs = torch.randn(8, steps, 3)
    with record_states(stack) as records:
        stack(inputs)
    return gradients_through_time(records)


def test_the_gradient_of_a_linear_recurrence_is_a_power() -> None:
    for curve in measure(RecurrentStack(Decay, 3, 4, 2), steps=24).values():
        assert curve == pytest.approx({k: 0.5**k for k in curve})
        assert [*curve][-1] == 23


@pytest.mark.parametrize("layer", [rnn_layer, gru_layer, lstm_layer])
def test_the_gradient_is_the_norm_of_the_jacobian(layer: Any) -> None:
    torch.manual_seed(0)
    stack, k = RecurrentStack(layer, 3, 5), 4
    stack.double()
    inputs = torch.randn(1, 20, 3, dtype=torch.float64)
    cell: Any = stack.forwards[0].get_submodule("cell")
    _, start = cell(inputs[:, :-k])
    parts = (start,) if isinstance(start, Tensor) else start

    def last(*state: Tensor) -> Any:
        return cell(inputs[:, -k:], state[0] if len(state) == 1 else state)[1]

    rows = torch.autograd.functional.jacobian(last, parts)
    squares = sum(block.square().sum() for block in torch.utils._pytree.tree_leaves(rows))
    exact = float(squares / sum(part.numel() for part in parts)) ** 0.5
    with record_states(stack) as records:  # the same sequence often: the mean over random signs
        stack(inputs.expand(4000, -1, -1))
    curves = [*gradients_through_time(records).values()]
    assert curves[0][k] == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize("layer", [rnn_layer, gru_layer, lstm_layer])
def test_recording_changes_nothing(layer: Any) -> None:
    torch.manual_seed(0)
    stack = RecurrentStack(layer, 3, 6, 2, bidirectional=True, dropout=0.5).train()
    inputs = torch.randn(4, 9, 3)
    weights = [p.clone() for p in stack.parameters()]
    state = torch.get_rng_state()
    with record_states(stack) as records:
        outputs, _ = stack(inputs)
    native = gradients_through_time(records)
    assert {*records} == {"forwards.0", "forwards.1", "backwards.0", "backwards.1"}
    assert torch.equal(torch.get_rng_state(), state)
    assert all(map(torch.equal, weights, stack.parameters()))
    assert all(p.grad is None for p in stack.parameters())
    assert all(module.training for module in stack.modules())
    torch.testing.assert_close(outputs, stack.eval()(inputs)[0])
    set_kernel(stack, "native")
    with record_states(stack) as records:
        stack(inputs)
    for name, curve in gradients_through_time(records).items():
        assert curve == pytest.approx(native[name], rel=1e-4)


def test_the_gates_of_a_step_are_those_of_its_equations() -> None:
    torch.manual_seed(0)
    stack = RecurrentStack(lstm_layer, 3, 4)
    inputs = torch.randn(2, 6, 3)
    with record_states(stack) as records:
        stack(inputs)
    (record,) = records.values()
    gates = record.gates()
    assert [*gates] == ["input", "forget", "output"]
    cell: Any = record.cell
    weight_ih, weight_hh, bias_ih, bias_hh = cell.all_weights[0]
    sums = inputs[:, 3] @ weight_ih.T + bias_ih + record.outputs[:, 2] @ weight_hh.T + bias_hh
    torch.testing.assert_close(gates["forget"][:, 3], torch.sigmoid(sums[:, 4:8]))


# Known cases.


def test_the_gradients_of_a_basic_rnn_vanish_over_200_steps() -> None:
    torch.manual_seed(0)
    curves = measure(RecurrentStack(rnn_layer, 3, 64))
    assert gradient_reach(curves) < 64
    assert "vanish within" in describe_time(curves)


@torch.no_grad()
def test_gradients_explode_with_large_recurrent_weights() -> None:
    torch.manual_seed(0)
    stack = RecurrentStack(rnn_layer, 3, 64)
    stack.forwards[0].get_submodule("cell").get_parameter("weight_hh_l0").mul_(1.5)
    assert "gradients explode" in describe_time(measure(stack))
