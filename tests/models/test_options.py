"""The options of a stack, held against plain loops over the reference cells.

B batch, T time, D input features, H hidden features, P projected features.
"""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm, linear

from rnnlab.errors import ConfigError
from rnnlab.experiment.load import load_model
from rnnlab.experiment.run import check, run
from rnnlab.layers import RecurrentStack, gru_cell, initialize, lstm_cell, rnn_cell
from tests.helpers.configs import compose, small

B, T, D, H, P = 3, 6, 4, 5, 2
NETWORKS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CELLS = {"rnn": rnn_cell, "lstm": lstm_cell, "gru": gru_cell}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}

every_kind = pytest.mark.parametrize("kind", NETWORKS)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def make_stack(kind, num_layers=2, bidirectional=False, **options):
    """No parameter of it is zero."""
    layer = partial(NETWORKS[kind], batch_first=True, dtype=torch.float64)
    stack = RecurrentStack(layer, D, H, num_layers, bidirectional, **options)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return stack


def inputs():
    return torch.randn(B, T, D, dtype=torch.float64)


def loop(kind, layer, sequences, weights=None, first=None):
    """One layer step by step: outputs of its cell, (B, T, H)."""
    weights = weights or layer.cell.all_weights[0]
    h = c = sequences.new_zeros(len(sequences), H)
    if first:
        h, c = (part.expand(len(sequences), H) for part in (first[0], first[-1]))
    steps = []
    for x in sequences.unbind(1):
        if kind == "lstm":
            h, c = lstm_cell(x, (h, c), weights)
        else:
            h = CELLS[kind](x, h, weights)
        steps.append(h)
    return torch.stack(steps, 1)


@every_kind
def test_residual_adds_what_a_layer_reads_from_the_second_one_on(kind):
    stack, x = make_stack(kind, num_layers=3, residual=True), inputs()
    one, two, three = stack.forwards
    first = loop(kind, one, x)
    second = first + loop(kind, two, first)
    torch.testing.assert_close(stack(x)[0], second + loop(kind, three, second))


@every_kind
def test_layer_norm_stands_before_the_sum(kind):
    stack, x = make_stack(kind, residual=True, layer_norm=True), inputs()

    def normal(layer, outputs):
        return layer_norm(outputs, (H,), layer.normalize.weight, layer.normalize.bias)

    one, two = stack.forwards
    first = normal(one, loop(kind, one, x))
    torch.testing.assert_close(stack(x)[0], first + normal(two, loop(kind, two, first)))


@every_kind
def test_projection_stands_behind_the_recurrence_and_before_the_norm(kind):
    stack, x = make_stack(kind, projection_size=P, layer_norm=True), inputs()
    expected = x
    for layer in stack.forwards:
        hidden = loop(kind, layer, expected)
        projected = linear(hidden, layer.project.weight, layer.project.bias)
        expected = layer_norm(projected, (P,), layer.normalize.weight, layer.normalize.bias)
    outputs, _ = stack(x)
    torch.testing.assert_close(outputs, expected)
    assert stack.output_size == outputs.shape[2] == P


@every_kind
def test_the_learned_state_is_where_every_sequence_begins(kind):
    stack, x = make_stack(kind, learned_state=True), inputs()
    one, two = stack.forwards
    first = loop(kind, one, x, first=list(one.start.parts))
    expected = loop(kind, two, first, first=list(two.start.parts))
    torch.testing.assert_close(stack(x)[0], expected)


@every_kind
def test_a_state_that_is_carried_is_not_the_learned_one(kind):
    stack, x = make_stack(kind, learned_state=True), inputs()
    _, state = stack(x)
    plain = copy.deepcopy(stack)
    for layer in plain.forwards:
        layer.start = None
    torch.testing.assert_close(stack(x, state=state)[0], plain(x, state=state)[0])
    assert not torch.allclose(stack(x)[0], plain(x)[0])


@pytest.mark.parametrize("kind", NETWORKS)
def test_each_direction_begins_with_a_state_of_its_own(kind):
    stack, x = make_stack(kind, num_layers=1, bidirectional=True, learned_state=True), inputs()
    lengths = torch.tensor([T, 3, 1])
    outputs, _ = stack(x, lengths)
    (behind,) = stack.backwards
    for row, length in enumerate(lengths):
        turned = x[row : row + 1, :length].flip(1)
        expected = loop(kind, behind, turned, first=list(behind.start.parts)).flip(1)
        torch.testing.assert_close(outputs[row : row + 1, :length, H:], expected)


@every_kind
def test_weight_drop_is_the_loop_with_one_mask_for_all_steps_and_sequences(kind, monkeypatch):
    """In outputs and in gradients; the fast kernels read the matrix that lacks some entries."""
    stack, x = make_stack(kind, num_layers=1, weight_drop=0.5), inputs()
    masks = []

    def known_dropout(matrix, p):
        masks.append(torch.empty_like(matrix).bernoulli_(1 - p) / (1 - p))
        return matrix * masks[-1]

    monkeypatch.setattr("rnnlab.layers.recurrent.dropout", known_dropout)
    (layer,) = stack.forwards
    outputs, _ = stack(x)
    assert len(masks) == 1
    weights = list(layer.cell.all_weights[0])
    expected = loop(kind, layer, x, [weights[0], weights[1] * masks[0], *weights[2:]])
    torch.testing.assert_close(outputs, expected)
    direction = torch.randn_like(outputs)
    for ours, theirs in zip(
        torch.autograd.grad((outputs * direction).sum(), weights),
        torch.autograd.grad((expected * direction).sum(), weights),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@every_kind
def test_weight_drop_draws_anew_in_training_and_is_exact_in_evaluation(kind):
    stack, x = make_stack(kind, weight_drop=0.5), inputs()
    plain = make_stack(kind)
    plain.load_state_dict(stack.state_dict())
    assert not torch.equal(stack(x)[0], stack(x)[0])
    stack.eval()
    torch.testing.assert_close(stack(x)[0], plain(x)[0], rtol=0, atol=0)


def test_weight_drop_drops_its_share_and_keeps_the_mean(monkeypatch):
    stack = RecurrentStack(partial(nn.RNN, batch_first=True), D, 100, weight_drop=0.3)
    seen = []
    (layer,) = stack.forwards
    layer.cell.register_forward_pre_hook(
        lambda cell, _: seen.append(cell.weight_hh_l0.detach().clone())
    )
    stack(torch.randn(B, T, D))
    kept = layer.cell.weight_hh_l0.detach()
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    survived = seen[0] != 0
    torch.testing.assert_close(seen[0][survived], kept[survived] / 0.7)


@every_kind
def test_a_network_with_weight_drop_can_be_copied_between_two_steps(kind):
    """As the callback of averaged weights does it."""
    stack, x = make_stack(kind, weight_drop=0.5), inputs()
    stack(x)[0].sum().backward()
    other = copy.deepcopy(stack).eval()
    torch.testing.assert_close(other(x)[0], stack.eval()(x)[0])


def test_locked_dropout_drops_the_same_features_at_all_steps_between_layers():
    stack = make_stack("rnn", num_layers=2, dropout=0.5, locked_dropout=True)
    read = []
    stack.forwards[1].register_forward_pre_hook(lambda _, args: read.append(args[0]))
    stack(inputs())
    dropped = read[0] == 0
    assert dropped.any()
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))


def test_dropout_leaves_the_residual_path_alone():
    stack, x = make_stack("gru", num_layers=2, dropout=0.999999, residual=True), inputs()
    one, two = stack.forwards
    first = loop("gru", one, x)
    expected = first + loop("gru", two, torch.zeros_like(first))
    torch.testing.assert_close(stack(x)[0], expected)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("orthogonal", lambda block: torch.allclose(block @ block.T, torch.eye(50), atol=1e-5)),
        ("identity", lambda block: torch.equal(block, torch.eye(50))),
        ("xavier", lambda block: 0.9 * 0.06**0.5 < block.abs().max() <= 0.06**0.5),
        ("uniform", lambda block: 0.9 * 50**-0.5 < block.abs().max() <= 50**-0.5),
    ],
)
@every_kind
def test_recurrent_matrices_begin_as_they_were_asked_to(kind, name, good):
    layer = NETWORKS[kind](D, 50)
    initialize(layer, GATES[kind], recurrent_init=name)
    for block in layer.weight_hh_l0.detach().chunk(GATES[kind]):
        assert good(block)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["model.dropout=0.2"], r"model\.dropout=0\.2: acts between layers, .* task\.head_dropout"),
        (["model.residual=true"], r"model\.residual=true: .* model\.num_layers is 1"),
        (["model.locked_dropout=true", "model.num_layers=2"], r"but model\.dropout is 0"),
        (["model.weight_drop=1.0"], r"model\.weight_drop=1\.0"),
        (["model.projection_size=0"], r"model\.projection_size=0"),
        (["model.recurrent_init=orthogonl"], r"model\.recurrent_init=orthogonl: .*'orthogonal'"),
        (["+model.resdual=true"], r"model\.resdual: no such setting .* did you mean residual"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_way_out(words, reason):
    with pytest.raises(ConfigError, match=reason):
        check(compose("model=gru", *words))


@pytest.mark.slow
@pytest.mark.parametrize("callbacks", ["default", "ema"])
def test_all_options_train_and_come_back_from_a_checkpoint(callbacks, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    words = ["model=deep_lstm", "model.weight_drop=0.3", "model.learned_state=true"]
    words += ["model.projection_size=6", f"callbacks={callbacks}", "trainer.max_epochs=1"]
    words += ["optimizer.lr=0.01", "test=true"]
    done = run(small("adding", tmp_path, *words))
    model = load_model(done.folder.path)
    assert done.report["scores"]["test/mse"] < 1
    starts = [p for name, p in model.named_parameters() if ".start." in name]
    assert len(starts) == 3 * 2, "h and c of each layer"
    assert all(start.any() for start in starts), "they were learned"
