"""Attention by hand on three tokens, and the architectures that are made of it.

B batch, T steps of the memory, U queries, Q features of a query, H of the memory.
"""

import math

import pytest
import torch
from torch import nn

from rnnlab.config.schema import parse
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import build_model, build_task
from rnnlab.experiment.run import check, run
from rnnlab.layers.attention import ATTENTION, MultiHeadAttention
from rnnlab.spec import DataSpec, valid_steps
from tests.helpers.configs import compose, small

B, T, U, Q, H = 3, 5, 2, 4, 4
LENGTHS = torch.tensor([T, 3, 1])
EVERY = torch.ones(1, 3, dtype=torch.bool)

# Three tokens of two features, and one query.
MEMORY = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]])
QUERY = torch.tensor([[[2.0, -1.0]]])
SWAP = torch.tensor([[0.0, 1.0], [1.0, 0.0]])

every_kind = pytest.mark.parametrize("name", ATTENTION)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def set_weights(module, **tensors):
    with torch.no_grad():
        for name, value in tensors.items():
            module.get_parameter(name).copy_(value)


def shares(*scores):
    """The softmax, by hand."""
    powers = [math.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def assert_sees(attention, weights, seen):
    given, looked = attention(QUERY, MEMORY, EVERY)
    torch.testing.assert_close(looked, torch.tensor([[weights]]))
    torch.testing.assert_close(given, torch.tensor([[seen]]))


def mean(weights):
    """The weighted mean of the three tokens."""
    a, b, c = weights
    return [a + 3 * c, 2 * b + c]


# By hand.


def test_dot_by_hand():
    weights = shares(2, -2, 5)  # 2 * 1 - 1 * 0, 2 * 0 - 1 * 2, 2 * 3 - 1 * 1
    assert_sees(ATTENTION["dot"](2, 2), weights, mean(weights))


def test_general_by_hand():
    attention = ATTENTION["general"](2, 2)
    set_weights(attention, **{"project.weight": SWAP})  # the query becomes (-1, 2)
    weights = shares(-1, 4, -1)
    assert_sees(attention, weights, mean(weights))


def test_scaled_dot_by_hand():
    attention = ATTENTION["scaled_dot"](2, 2)
    bias = torch.tensor([0.0, 1.0])
    set_weights(attention, **{"project.weight": SWAP, "project.bias": bias})  # (-1, 3)
    weights = shares(*(score / math.sqrt(2) for score in (-1, 6, 0)))
    assert_sees(attention, weights, mean(weights))


def test_additive_by_hand():
    attention = ATTENTION["additive"](2, 2)
    set_weights(
        attention,
        **{
            "query.weight": torch.eye(2) / 2,
            "query.bias": torch.tensor([-1.0, 0.5]),  # W query + b = (0, 0)
            "memory.weight": SWAP,
            "energy.weight": torch.tensor([[2.0, -1.0]]),
        },
    )
    tanh = math.tanh
    weights = shares(-tanh(1), 2 * tanh(2), 2 * tanh(1) - tanh(3))
    assert_sees(attention, weights, mean(weights))


def test_multi_head_by_hand():
    """Two heads of one feature; each weighs its own feature of the values."""
    attention = MultiHeadAttention(2, 2, num_heads=2)
    for part in ("query", "key", "value", "join"):
        identity = {f"{part}.weight": torch.eye(2), f"{part}.bias": torch.zeros(2)}
        set_weights(attention, **identity)
    one, two = shares(2, 0, 6), shares(0, -2, -1)
    weights = [(a + b) / 2 for a, b in zip(one, two, strict=True)]
    assert_sees(attention, weights, [mean(one)[0], mean(two)[1]])


def test_a_token_that_is_padding_is_not_seen():
    given, looked = ATTENTION["dot"](2, 2)(QUERY, MEMORY, torch.tensor([[True, True, False]]))
    a, b = shares(2, -2)
    torch.testing.assert_close(looked, torch.tensor([[[a, b, 0.0]]]))
    torch.testing.assert_close(given, torch.tensor([[[a, 2 * b]]]))


# All kinds.


def problem():
    return torch.randn(B, U, Q), torch.randn(B, T, H), valid_steps(LENGTHS, T)


@every_kind
def test_weights_sum_to_one_and_are_zero_on_padding(name):
    queries, memory, valid = problem()
    seen, weights = ATTENTION[name](Q, H)(queries, memory, valid)
    assert seen.shape == (B, U, H)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(B, U))
    assert torch.equal(weights > 0, valid.unsqueeze(1).expand(B, U, T))


@every_kind
def test_what_stands_in_the_padding_does_not_matter(name):
    queries, memory, valid = problem()
    attention = ATTENTION[name](Q, H)
    other = memory.masked_fill(~valid.unsqueeze(2), 1e4)
    for one, same in zip(
        attention(queries, memory, valid), attention(queries, other, valid), strict=True
    ):
        torch.testing.assert_close(one, same)


@every_kind
def test_keys_that_are_given_say_the_same_as_those_that_are_computed(name):
    queries, memory, valid = problem()
    attention = ATTENTION[name](Q, H)
    keys = attention.keys(memory)
    for one, same in zip(
        attention(queries, memory, valid),
        attention(queries, memory, valid, keys),
        strict=True,
    ):
        torch.testing.assert_close(one, same)


@every_kind
def test_queries_do_not_know_of_each_other(name):
    queries, memory, valid = problem()
    attention = ATTENTION[name](Q, H)
    together, _ = attention(queries, memory, valid)
    for step in range(U):
        alone, _ = attention(queries[:, step : step + 1], memory, valid)
        torch.testing.assert_close(together[:, step : step + 1], alone)


@every_kind
def test_gradients_reach_every_parameter_and_both_inputs(name):
    queries, memory, valid = problem()
    attention = ATTENTION[name](Q, H)
    leaves = [queries.requires_grad_(), memory.requires_grad_(), *attention.parameters()]
    seen, _ = attention(queries, memory, valid)
    names = ["queries", "memory", *(key for key, _ in attention.named_parameters())]
    for key, gradient in zip(names, torch.autograd.grad(seen.square().sum(), leaves), strict=True):
        # A bias of the keys moves all scores alike, which the softmax does not see.
        assert gradient.abs().max() > 1e-6 or key == "key.bias", key


def test_additive_is_its_formula_in_loops():
    queries, memory, valid = problem()
    attention = ATTENTION["additive"](Q, H)
    W, b = attention.query.weight.detach(), attention.query.bias.detach()
    V, v = attention.memory.weight.detach(), attention.energy.weight[0].detach()
    seen, weights = (part.detach() for part in attention(queries, memory, valid))
    for row, length in enumerate(LENGTHS):
        for step in range(U):
            scores = [
                float(v @ torch.tanh(W @ queries[row, step] + V @ memory[row, t] + b))
                for t in range(length)
            ]
            expected = torch.tensor(shares(*scores))
            torch.testing.assert_close(weights[row, step, :length], expected)
            torch.testing.assert_close(seen[row, step], expected @ memory[row, :length])


def test_multi_head_is_that_of_torch():
    queries, memory, valid = problem()
    ours, theirs = MultiHeadAttention(Q, H, 2), nn.MultiheadAttention(H, 2, batch_first=True)
    parts = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.join.state_dict())
    expected = theirs(queries, memory, memory, key_padding_mask=~valid)
    for one, other in zip(ours(queries, memory, valid), expected, strict=True):
        torch.testing.assert_close(one, other)


# Architectures.


def model_of(*words, output_size=2, input_size=3):
    config = parse(compose("data=adding", "model.hidden_size=4", *words))
    spec = DataSpec(output_size=output_size, input_size=input_size)
    return build_model(config, build_task(config, spec)).eval()


def test_every_output_is_made_of_its_own_step_and_of_what_the_last_one_sees():
    model, inputs = model_of("model=attention_gru", "model.attention=dot"), torch.randn(B, T, 3)
    outputs, state = model(inputs, LENGTHS)
    assert state is None
    hidden, _ = model.body(inputs, LENGTHS)
    for row, length in enumerate(LENGTHS):
        h = hidden[row, :length]
        weights = (h @ h[-1]).softmax(dim=0)
        expected = torch.tanh(model.own(h) + model.seen(weights @ h))
        torch.testing.assert_close(outputs[row, :length], expected)
        looked = model.attention_weights(inputs, LENGTHS)[row]
        torch.testing.assert_close(looked[:length], weights)
        assert not looked[length:].any()


def test_of_both_directions_both_ends_ask():
    model = model_of("model=attention_lstm", "model.attention=dot", "model.bidirectional=true")
    inputs = torch.randn(B, T, 3)
    hidden, _ = model.body(inputs, LENGTHS)
    for row, length in enumerate(LENGTHS):
        h = hidden[row, :length]
        ends = torch.cat([h[-1, :4], h[0, 4:]])
        looked = model.attention_weights(inputs, LENGTHS)[row, :length]
        torch.testing.assert_close(looked, (h @ ends).softmax(dim=0))


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("model", ["attention_lstm", "attention_gru"])
def test_padding_changes_nothing_whatever_the_attention(model, attention):
    made = model_of(f"model={model}", f"model.attention={attention}", "model.bidirectional=true")
    inputs = torch.randn(B, T, 3)
    together, _ = made(inputs, LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone, _ = made(inputs[row : row + 1, :length])
        torch.testing.assert_close(together[row, :length], alone[0])


def test_a_language_model_may_not_look_back_from_the_end():
    with pytest.raises(ConfigError, match=r"AttentionGRU .* reads ahead, which .*model=gru"):
        check(compose("data=kjv", "model=attention_gru"))


def test_heads_that_do_not_divide_are_refused_before_any_data_is_read():
    words = ("model=attention_gru", "model.attention=multi_head", "model.num_heads=3")
    with pytest.raises(ConfigError, match=r"num_heads=3 does not divide the 128 features"):
        check(compose("data=imdb", *words))


def test_it_can_be_the_encoder_of_a_translation(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    done = run(small("numbers", tmp_path, "model=attention_gru", "trainer.max_epochs=1"))
    assert done.report["status"] == "finished"


def test_there_is_no_state_to_go_on_from():
    with pytest.raises(ValueError, match="no state"):
        model_of("model=attention_gru")(torch.randn(B, T, 3), None, [None])
