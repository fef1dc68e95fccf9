"""B batch, T time, D input features, H hidden features."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnlab.layers import (
    AttentionPooling,
    LockedDropout,
    Pooling,
    RecurrentStack,
    TokenEmbedding,
    WordDropout,
    gru_cell,
    initialize,
    lstm_cell,
    reverse_valid_steps,
    rnn_cell,
)
from rnnlab.spec import PADDING_ID, UNKNOWN_ID, valid_steps

B, T, D, H = 4, 7, 3, 5

NETWORKS = {
    "rnn_tanh": partial(nn.RNN, nonlinearity="tanh"),
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}
CELLS = {
    "rnn_tanh": rnn_cell,
    "rnn_relu": partial(rnn_cell, activation=torch.relu),
    "lstm": lstm_cell,
    "gru": gru_cell,
}
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")

every_kind = pytest.mark.parametrize("kind", NETWORKS)
few_examples = settings(max_examples=25, derandomize=True)
some_lengths = st.lists(st.integers(1, T), min_size=1, max_size=5)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def make_network(kind, num_layers=1, bidirectional=False):
    return NETWORKS[kind](
        D, H, num_layers, batch_first=True, bidirectional=bidirectional, dtype=torch.float64
    )


def make_stack(kind, num_layers=1, bidirectional=False, dropout=0.0):
    layer = partial(NETWORKS[kind], batch_first=True, dtype=torch.float64)
    return RecurrentStack(layer, D, H, num_layers, bidirectional, dropout)


def stack_like(network, kind):
    """A stack with the weights of torch's own module."""
    stack = make_stack(kind, network.num_layers, network.bidirectional)
    with torch.no_grad():
        for parameter, source in zip(stack.parameters(), in_stack_order(network), strict=True):
            parameter.copy_(source)
    return stack


def in_stack_order(network):
    """The parameters of torch's own module: all forward layers, then all backward ones."""
    suffixes = ["", "_reverse"] if network.bidirectional else [""]
    return [
        getattr(network, f"{name}_l{depth}{suffix}")
        for suffix in suffixes
        for depth in range(network.num_layers)
        for name in WEIGHTS
    ]


def step_by_step(kind, network, inputs):
    """The outputs of reference cells with the weights of torch's own module."""
    outputs = inputs
    for depth in range(network.num_layers):
        weights = [getattr(network, f"{name}_l{depth}") for name in WEIGHTS]
        h = c = inputs.new_zeros(len(inputs), H)
        steps = []
        for x in outputs.unbind(1):
            if kind == "lstm":
                h, c = CELLS[kind](x, (h, c), weights)
            else:
                h = CELLS[kind](x, h, weights)
            steps.append(h)
        outputs = torch.stack(steps, 1)
    return outputs


def assert_equal_with_gradients(one, other, one_leaves, other_leaves, mask=1.0):
    """Equal outputs, and equal gradients of one random sum of them in all leaves."""
    torch.testing.assert_close(one * mask, other * mask, atol=1e-6, rtol=0)
    direction = torch.randn_like(one) * mask
    one_gradients = torch.autograd.grad((one * direction).sum(), one_leaves)
    other_gradients = torch.autograd.grad((other * direction).sum(), other_leaves)
    for a, b in zip(one_gradients, other_gradients, strict=True):
        assert a.abs().max() > 0
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


# Cells.


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def columns(*gates):
    """Weights of a cell with one feature and one hidden unit, one row a gate."""
    return [torch.tensor(column, dtype=torch.float64) for column in gates]


def one(value):
    return torch.tensor([[value]], dtype=torch.float64)


def test_rnn_cell_by_hand():
    weights = columns([[0.5]], [[-0.3]], [0.1], [0.2])
    before = 0.5 * 2.0 - 0.3 * 0.7 + 0.1 + 0.2
    assert rnn_cell(one(2.0), one(0.7), weights).item() == pytest.approx(math.tanh(before))
    relu = partial(rnn_cell, activation=torch.relu)
    assert relu(one(2.0), one(0.7), weights).item() == pytest.approx(before)
    assert relu(one(-9.0), one(0.7), weights).item() == 0


def test_lstm_cell_by_hand():
    # rows: i, f, g, o
    weights = columns(
        [[0.5], [-0.4], [0.9], [0.2]],
        [[0.1], [0.6], [-0.7], [0.3]],
        [0.1, 0.2, 0.3, 0.4],
        [0.0, 1.0, 0.0, -0.2],
    )
    x, h, c = 1.5, -0.4, 0.8
    i = sigmoid(0.5 * x + 0.1 * h + 0.1)
    f = sigmoid(-0.4 * x + 0.6 * h + 1.2)
    g = math.tanh(0.9 * x - 0.7 * h + 0.3)
    o = sigmoid(0.2 * x + 0.3 * h + 0.2)
    new_c = f * c + i * g
    got_h, got_c = lstm_cell(one(x), (one(h), one(c)), weights)
    assert got_c.item() == pytest.approx(new_c)
    assert got_h.item() == pytest.approx(o * math.tanh(new_c))


def test_gru_cell_by_hand():
    # rows: r, z, n
    weights = columns(
        [[0.5], [-0.4], [0.9]], [[0.1], [0.6], [-0.7]], [0.1, 0.2, 0.3], [0.0, -0.5, 0.8]
    )
    x, h = 1.5, -0.4
    r = sigmoid(0.5 * x + 0.1 * h + 0.1)
    z = sigmoid(-0.4 * x + 0.6 * h - 0.3)
    n = math.tanh(0.9 * x + 0.3 + r * (-0.7 * h + 0.8))
    expected = (1 - z) * n + z * h
    assert gru_cell(one(x), one(h), weights).item() == pytest.approx(expected)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@every_kind
def test_a_loop_over_the_cells_equals_torch_in_outputs_and_gradients(kind, num_layers):
    network = make_network(kind, num_layers)
    inputs = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    leaves = [inputs, *in_stack_order(network)]
    fast, _ = network(inputs)
    assert_equal_with_gradients(step_by_step(kind, network, inputs), fast, leaves, leaves)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@every_kind
def test_a_loop_over_the_cells_equals_the_stack_in_outputs_and_gradients(kind, num_layers):
    network = make_network(kind, num_layers)
    stack = stack_like(network, kind)
    inputs = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    assert_equal_with_gradients(
        step_by_step(kind, network, inputs),
        stack(inputs)[0],
        [inputs, *in_stack_order(network)],
        [inputs, *stack.parameters()],
    )


# Stacks.


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@every_kind
def test_a_stack_equals_torch_over_a_packed_sequence(kind, num_layers, bidirectional):
    network = make_network(kind, num_layers, bidirectional)
    stack = stack_like(network, kind)
    inputs = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([3, T, 1, 5])
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(network(packed)[0], batch_first=True)
    assert_equal_with_gradients(
        stack(inputs, lengths)[0],
        expected,
        [inputs, *stack.parameters()],
        [inputs, *in_stack_order(network)],
        mask=valid_steps(lengths, T).unsqueeze(2),
    )


@pytest.mark.parametrize("bidirectional", [False, True])
@every_kind
@few_examples
@given(lengths=some_lengths)
def test_padding_changes_nothing(kind, bidirectional, lengths):
    stack = make_stack(kind, num_layers=2, bidirectional=bidirectional)
    inputs = torch.randn(len(lengths), T, D, dtype=torch.float64)  # noise as padding
    together, _ = stack(inputs, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone, _ = stack(inputs[row : row + 1, :length])
        torch.testing.assert_close(together[row, :length], alone[0], atol=1e-9, rtol=0)


@pytest.mark.parametrize("bidirectional", [False, True])
@every_kind
def test_no_lengths_means_that_all_steps_are_valid(kind, bidirectional):
    stack = make_stack(kind, num_layers=2, bidirectional=bidirectional)
    inputs = torch.randn(B, T, D, dtype=torch.float64)
    torch.testing.assert_close(stack(inputs)[0], stack(inputs, torch.full((B,), T))[0])


@pytest.mark.parametrize("cut", [1, 3, T - 1])
@every_kind
def test_two_halves_with_carried_state_equal_the_whole(kind, cut):
    stack = make_stack(kind, num_layers=2)
    inputs = torch.randn(B, T, D, dtype=torch.float64)
    whole, end = stack(inputs)
    first, state = stack(inputs[:, :cut])
    second, carried_end = stack(inputs[:, cut:], state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(carried_end, end)


@every_kind
def test_no_output_depends_on_later_input(kind):
    stack = make_stack(kind, num_layers=2)
    inputs = torch.randn(B, T, D, dtype=torch.float64)
    before, _ = stack(inputs)
    for step in range(1, T):
        changed = inputs.clone()
        changed[:, step:] += 1
        after, _ = stack(changed)
        torch.testing.assert_close(after[:, :step], before[:, :step], atol=0, rtol=0)
        assert (after[:, step] != before[:, step]).any()


def test_both_directions_read_later_input():
    stack = make_stack("gru", bidirectional=True)
    inputs = torch.randn(B, T, D, dtype=torch.float64)
    changed = inputs.clone()
    changed[:, -1] += 1
    before, after = stack(inputs)[0], stack(changed)[0]
    torch.testing.assert_close(after[:, 0, :H], before[:, 0, :H], atol=0, rtol=0)
    assert (after[:, 0, H:] != before[:, 0, H:]).any(dim=1).all()


def test_both_directions_refuse_a_state():
    state = make_stack("gru")(torch.randn(B, T, D, dtype=torch.float64))[1]
    both = make_stack("gru", bidirectional=True)
    with pytest.raises(ValueError, match="state=None"):
        both(torch.randn(B, T, D, dtype=torch.float64), state=state)


@pytest.mark.parametrize(("bidirectional", "size"), [(False, H), (True, 2 * H)])
def test_the_declared_output_size_is_the_real_one(bidirectional, size):
    stack = make_stack("lstm", 2, bidirectional)
    outputs, _ = stack(torch.randn(B, T, D, dtype=torch.float64))
    assert outputs.shape == (B, T, size)
    assert stack.output_size == size


def test_dropout_acts_between_layers_while_training():
    inputs = torch.randn(B, T, D, dtype=torch.float64)
    two = make_stack("rnn_tanh", num_layers=2, dropout=0.5)
    assert not torch.equal(two(inputs)[0], two(inputs)[0])
    two.eval()
    assert torch.equal(two(inputs)[0], two(inputs)[0])
    single = make_stack("rnn_tanh", num_layers=1, dropout=0.5)
    assert torch.equal(single(inputs)[0], single(inputs)[0])


@few_examples
@given(lengths=some_lengths)
def test_reversing_twice_is_the_identity(lengths):
    sequences = torch.randn(len(lengths), T, D)
    lengths = torch.tensor(lengths)
    turned = reverse_valid_steps(sequences, lengths)
    assert torch.equal(reverse_valid_steps(turned, lengths), sequences)
    for row, length in enumerate(lengths):
        assert torch.equal(turned[row, :length], sequences[row, :length].flip(0))
        assert torch.equal(turned[row, length:], sequences[row, length:])


def test_reversing_without_lengths_is_a_flip():
    sequences = torch.randn(B, T, D)
    assert torch.equal(reverse_valid_steps(sequences, None), sequences.flip(1))


# Initialisation.


@pytest.mark.parametrize(("network", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_every_recurrent_block_is_orthogonal_and_the_biases_are_zero(network, gates):
    layer = network(10 * D, 10 * H)
    initialize(layer, gates)
    for block in layer.weight_hh_l0.chunk(gates):
        torch.testing.assert_close(block @ block.T, torch.eye(10 * H), atol=1e-5, rtol=0)
    bound = math.sqrt(6 / (10 * D + 10 * H))  # Glorot, of one gate
    for block in layer.weight_ih_l0.chunk(gates):
        assert 0.95 * bound < block.abs().max() <= bound
    assert not layer.bias_ih_l0.any()
    assert not layer.bias_hh_l0.any()


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, 2.5])
def test_the_two_forget_biases_add_up_to_the_one_that_was_asked_for(forget_bias):
    layer = nn.LSTM(D, H)
    initialize(layer, gates=4, forget_bias=forget_bias)
    i, f, g, o = (layer.bias_ih_l0 + layer.bias_hh_l0).chunk(4)
    assert (f == forget_bias).all()
    assert not torch.cat([i, g, o]).any()


# Pooling: two sequences of two features, the second one with a step of padding that would show.

OUTPUTS = torch.tensor(
    [[[1.0, -2.0], [3.0, 0.0], [2.0, 5.0]], [[-4.0, -6.0], [-2.0, -8.0], [99.0, 99.0]]]
)
LENGTHS = torch.tensor([3, 2])


@pytest.mark.parametrize(
    ("name", "bidirectional", "expected"),
    [
        ("last", False, [[2, 5], [-2, -8]]),
        ("last", True, [[2, -2], [-2, -6]]),
        ("mean", False, [[2, 1], [-3, -7]]),
        ("max", False, [[3, 5], [-2, -6]]),
        ("mean_max", False, [[2, 1, 3, 5], [-3, -7, -2, -6]]),
        ("mean_max", True, [[2, 1, 3, 5], [-3, -7, -2, -6]]),
    ],
)
def test_pooling_by_hand(name, bidirectional, expected):
    pooling = Pooling(name, 2, bidirectional)
    pooled = pooling(OUTPUTS, LENGTHS)
    torch.testing.assert_close(pooled, torch.tensor(expected, dtype=torch.float32))
    assert pooling.output_size == pooled.shape[1]


def test_attention_pooling_by_hand():
    pooling = Pooling("attention", 2, bidirectional=False)
    attention = pooling.pool
    with torch.no_grad():
        attention.project.weight.copy_(torch.eye(2))
        attention.project.bias.zero_()
        attention.score.weight.copy_(torch.tensor([[2.0, 0.0]]))
    weights = [math.exp(2 * math.tanh(value)) for value in (-4.0, -2.0)]
    shares = [weight / sum(weights) for weight in weights]
    expected = [-4 * shares[0] - 2 * shares[1], -6 * shares[0] - 8 * shares[1]]
    torch.testing.assert_close(pooling(OUTPUTS, LENGTHS)[1], torch.tensor(expected))
    assert pooling.output_size == 2


@few_examples
@given(lengths=some_lengths)
def test_attention_weights_sum_to_one_and_are_zero_on_padding(lengths):
    lengths = torch.tensor(lengths)
    attention = AttentionPooling(H)
    weights = attention.weights(torch.randn(len(lengths), T, H), lengths)
    torch.testing.assert_close(weights.sum(1), torch.ones(len(lengths)))
    assert torch.equal(weights > 0, valid_steps(lengths, T))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", ["last", "mean", "max", "mean_max", "attention"])
def test_pooling_reads_no_padding(name, bidirectional):
    pooling = Pooling(name, 2, bidirectional)
    outputs = OUTPUTS.clone()
    outputs[1, 2] = -1e6
    torch.testing.assert_close(pooling(outputs, LENGTHS), pooling(OUTPUTS, LENGTHS))


# Embedding and its dropouts.


def test_locked_dropout_drops_the_same_features_at_all_steps():
    ones = torch.ones(50, T, 40)
    dropped = LockedDropout(0.25)(ones)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    torch.testing.assert_close(dropped.unique(), torch.tensor([0, 1 / 0.75]))
    assert not torch.equal(dropped[0], dropped[1])
    assert (dropped[:, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize("p", [0.0, 0.9])
def test_dropouts_are_the_identity_in_evaluation(p):
    values, tokens = torch.randn(B, T, D), torch.randint(0, 9, (B, T))
    assert torch.equal(LockedDropout(p).eval()(values), values)
    assert torch.equal(WordDropout(p).eval()(tokens), tokens)


def test_dropouts_of_zero_are_the_identity_in_training():
    values, tokens = torch.randn(B, T, D), torch.randint(0, 9, (B, T))
    assert torch.equal(LockedDropout(0.0)(values), values)
    assert torch.equal(WordDropout(0.0)(tokens), tokens)


def test_word_dropout_replaces_its_share_of_the_words_and_no_padding():
    tokens = torch.randint(2, 1000, (100, 100))
    tokens[:, 70:] = PADDING_ID
    dropped = WordDropout(0.3)(tokens)
    changed = dropped != tokens
    assert (dropped[:, 70:] == PADDING_ID).all()
    assert (dropped[changed] == UNKNOWN_ID).all()
    assert changed[:, :70].float().mean().item() == pytest.approx(0.3, abs=0.03)


def test_type_dropout_drops_rows_of_the_embedding_matrix() -> None:
    embedding = TokenEmbedding(num_tokens=200, size=D, type_dropout=0.5)
    tokens = torch.randint(1, 200, (4, 300))
    torch.manual_seed(3)
    vectors = embedding(tokens)
    torch.manual_seed(3)
    keep = torch.empty(200).bernoulli_(0.5) * 2
    wanted = torch.nn.functional.embedding(tokens, embedding.vectors.weight * keep.unsqueeze(1))
    torch.testing.assert_close(vectors, wanted)
    assert 0.3 < keep.mean() / 2 < 0.7
    assert torch.equal(embedding.eval()(tokens), embedding.vectors(tokens))


def test_token_embedding_gives_a_vector_a_token_and_zeros_for_padding():
    embedding = TokenEmbedding(num_tokens=11, size=D).eval()
    vectors = embedding(torch.tensor([[4, 10, 1], [4, PADDING_ID, PADDING_ID]]))
    assert vectors.shape == (2, 3, D)
    assert torch.equal(vectors[0, 0], vectors[1, 0])
    assert not vectors[1, 1:].any()
    assert vectors[0].all()


def test_token_embedding_reads_dropped_words_as_unknown():
    embedding = TokenEmbedding(num_tokens=11, size=D, word_dropout=0.999999)
    vectors = embedding(torch.tensor([[4, 7, PADDING_ID]]))
    unknown = embedding.vectors.weight[UNKNOWN_ID]
    assert torch.equal(vectors[0, 0], unknown)
    assert torch.equal(vectors[0, 1], unknown)
    assert not vectors[0, 2].any()
