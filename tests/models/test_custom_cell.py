"""A custom cell, a plain nn.Module with PyTorch's recurrent signature, in place of torch's own.

The cell is the minimal gated unit of docs/extend.md; tests/test_contracts.py checks it with every
option of a stack.
"""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from rnnlab.errors import ConfigError
from rnnlab.experiment.load import load_model
from rnnlab.experiment.run import check, run
from rnnlab.layers import RecurrentLayer, RecurrentStack
from tests.helpers.configs import small
from tests.helpers.extend_page import load_module, minimal_gated_unit

B, T, D, H = 3, 6, 4, 5
ALL_OPTIONS = {
    "num_layers": 2,
    "dropout": 0.2,
    "locked_dropout": True,
    "weight_drop": 0.2,
    "residual": True,
    "layer_norm": True,
    "projection_size": 6,
    "learned_state": True,
}


def make_cell() -> nn.Module:
    torch.manual_seed(0)
    cell: nn.Module = load_module("src/rnnlab/models/mgu.py").MGULayer(D, H)
    return cell.double()


def inputs() -> Tensor:
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(1)).double()


def test_weight_drop_drops_entries_of_each_recurrent_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell, x, masks = make_cell(), inputs(), []

    def dropout(matrix: Tensor, p: float) -> Tensor:
        masks.append(torch.empty_like(matrix).bernoulli_(1 - p) / (1 - p))
        return matrix * masks[-1]

    monkeypatch.setattr("rnnlab.layers.recurrent.dropout", dropout)
    outputs, _ = RecurrentLayer(cell, weight_drop=0.5)(x)
    names = ("gate.weight", "candidate.weight")
    weights = {
        name: cell.get_parameter(name) * mask for name, mask in zip(names, masks, strict=True)
    }
    torch.testing.assert_close(outputs, functional_call(cell, weights, (x,))[0])
    assert not torch.equal(outputs, cell(x)[0])


@pytest.mark.parametrize("recurrent_init", ["orthogonal", "identity"])
def test_recurrent_matrices_begin_as_they_were_asked_to(recurrent_init: str) -> None:
    cell = load_module("src/rnnlab/models/mgu.py").MGULayer(D, H, recurrent_init=recurrent_init)
    for weight in (cell.gate.weight, cell.candidate.weight):
        torch.testing.assert_close(weight @ weight.T, torch.eye(H))
        assert torch.equal(weight, torch.eye(H)) == (recurrent_init == "identity")


class Average(nn.Module):
    """A cell without recurrent matrices, whose state has a shape of its own."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.project = nn.Linear(input_size, hidden_size)

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The state is a sum (1, B, H, 1) and a count (1, B, 1)."""
        values = self.project(inputs)
        total, count = state or (values.new_zeros(1, len(values), self.hidden_size, 1), 0)
        sums = values.cumsum(dim=1) + total[0].transpose(1, 2)
        counts = count + torch.ones_like(values[:, :, 0]).cumsum(dim=1).unsqueeze(0)
        after = sums[:, -1:].transpose(1, 2).unsqueeze(0), counts[:, :, -1:]
        return sums / counts[0].unsqueeze(2).clamp(min=1), after


def test_weight_drop_without_recurrent_matrices_is_refused_with_a_way_out() -> None:
    with pytest.raises(
        ConfigError, match=r"Average names none .*`recurrent_weights`.*weight_drop=0"
    ):
        RecurrentLayer(Average(D, H), weight_drop=0.5)


@pytest.mark.parametrize("learned_state", [False, True])
def test_a_state_of_any_shape_is_carried(learned_state: bool) -> None:
    stack = RecurrentStack(Average, D, H, 2, residual=True, learned_state=learned_state).double()
    for parameter in stack.parameters():
        nn.init.normal_(parameter)
    x = inputs()
    outputs, end = stack(x)
    first, state = stack(x[:, :2])
    second, after = stack(x[:, 2:], state=state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), outputs)
    torch.testing.assert_close(after, end)


@pytest.mark.slow
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("task", [{}, {"input_feeding": True, "num_layers": 2}])
def test_a_custom_cell_trains_the_translation_decoder(
    bidirectional: bool, task: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    config = small("parallel_text", tmp_path, "trainer.max_epochs=2", "optimizer.lr=0.01")
    config["model"] = {**minimal_gated_unit(), **ALL_OPTIONS, "hidden_size": 8}
    config["model"]["bidirectional"] = bidirectional
    config["task"] |= task
    result = run(config)
    model = load_model(result.folder.path)
    decoder_cells = [layer.cell for layer in model.task.decoder.body.forwards]
    assert {type(cell).__name__ for cell in decoder_cells} == {"MGULayer"}
    assert result.report["best"]["epoch"] == 1, "the second epoch lowers the validation loss"


@pytest.mark.parametrize("state", ["one", "average"])
def test_the_decoder_takes_a_cell_whose_state_has_any_shape(state: str) -> None:
    from rnnlab.layers import Decoder

    layer = {"one": partial(nn.GRU, batch_first=True), "average": Average}[state]
    decoder = Decoder(layer, num_tokens=7, embedding_size=3, memory_size=4, hidden_size=H)
    memory, first = decoder.begin(torch.randn(B, T, 4), torch.ones(B, T).bool(), torch.randn(B, 4))
    assert decoder(torch.randint(7, (B, 5)), memory, first).logits.shape == (B, 5, 7)


def test_check_accepts_a_custom_cell(tmp_path: Path) -> None:
    config = small("sine", tmp_path)
    config["model"] = {**minimal_gated_unit(), **ALL_OPTIONS}
    check(config)
