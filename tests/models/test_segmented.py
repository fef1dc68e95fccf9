"""Architectures for series: segments as steps, and no recurrence at all."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from rnnlab.errors import ConfigError
from rnnlab.experiment.run import check
from rnnlab.layers.segments import segment_of_step, split_segments
from rnnlab.models import GRU, Linear, RecurrentModel, SegmentGRU, SegmentLSTM
from rnnlab.spec import DataSpec
from rnnlab.tasks import Classification, Forecasting
from tests.helpers.configs import compose

SERIES = DataSpec(output_size=1, input_size=1, horizon=3)


def counted(steps: int) -> Tensor:
    """One series 1, 2, .. (1, T, 1)."""
    return torch.arange(1.0, steps + 1).reshape(1, -1, 1)


# Segments.


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    size=st.integers(1, 10),
    more=st.integers(0, 2),
)
def test_segments_hold_every_step_once_and_end_with_the_sequence(
    lengths: list[int], size: int, more: int
) -> None:
    steps = max(lengths) + more
    inputs = torch.arange(1, len(lengths) * steps + 1).reshape(len(lengths), steps, 1)
    segments = split_segments(inputs, torch.tensor(lengths), size)
    places = segment_of_step(torch.tensor(lengths), steps, size)
    for row, length in enumerate(lengths):
        number = -(-length // size)
        expected = [0] * (number * size - length) + inputs[row, :length, 0].tolist()
        assert segments[row, :number].flatten().tolist() == expected
        assert not segments[row, number:].any()
        for step in range(length):
            assert inputs[row, step, 0] in segments[row, places[row, step]]


@pytest.mark.parametrize("model", [SegmentGRU, SegmentLSTM])
def test_the_recurrence_goes_over_segments_from_the_end(model: type[RecurrentModel]) -> None:
    """By hand: embed, read with the same layer, and give each step what its segment gave."""
    network = model(Forecasting(SERIES), segment_length=2, hidden_size=4).eval()
    by_hand = torch.tensor([[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]])
    layer = network.body.forwards[0]
    wanted, _ = layer(torch.relu(network.embedding(by_hand)))
    outputs, state = network(counted(5))
    assert state is None
    torch.testing.assert_close(outputs, wanted[:, [0, 1, 1, 2, 2]])


def test_a_segment_of_one_step_is_a_plain_gru_behind_a_layer() -> None:
    torch.manual_seed(0)
    segments = SegmentGRU(Forecasting(SERIES), segment_length=1, hidden_size=4).eval()
    plain = GRU(Forecasting(DataSpec(1, input_size=4, horizon=3)), hidden_size=4).eval()
    plain.body.load_state_dict(segments.body.state_dict())
    embedded = torch.relu(nn.functional.linear(counted(5), *segments.embedding.parameters()))
    torch.testing.assert_close(segments(counted(5))[0], plain(embedded)[0])


def test_segments_carry_no_state_and_do_not_write_texts() -> None:
    with pytest.raises(ValueError, match="no state continues"):
        SegmentGRU(Forecasting(SERIES))(counted(3), None, [None])
    with pytest.raises(ConfigError, match="reads ahead"):
        check(compose("model=segment_gru", "data=ptb"))
    with pytest.raises(ConfigError, match=r"acts between layers.*task\.head_dropout"):
        check(compose("model=segment_lstm", "data=sine", "model.dropout=.2"))


# No recurrence.


def test_a_linear_output_is_the_window_before_it() -> None:
    outputs, _ = Linear(Forecasting(SERIES), window=3)(counted(4))
    assert outputs.tolist() == [[[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]]


def test_the_parameters_of_a_linear_forecast_are_one_matrix() -> None:
    model = Linear(Forecasting(DataSpec(output_size=2, input_size=2, horizon=5)), window=7)
    assert sum(p.numel() for p in model.parameters()) == (7 * 2) * (5 * 2) + 5 * 2


def test_a_linear_model_of_a_text_is_a_bag_of_embeddings() -> None:
    task = Classification(DataSpec(output_size=2, num_tokens=9), embedding_size=4, pooling="mean")
    model = Linear(task).eval()
    tokens, lengths = torch.tensor([[3, 5, 8, 0]]), torch.tensor([3])
    outputs, _ = model(task.embed(tokens), lengths)
    shuffled, _ = model(task.embed(tokens[:, [2, 0, 1, 3]]), lengths)
    scores = task.head(outputs, lengths)
    torch.testing.assert_close(scores, task.head(shuffled, lengths))
    torch.testing.assert_close(scores, task.classes(task.embed(tokens[:, :3]).mean(dim=1)))


def test_a_linear_model_finds_a_linear_rule() -> None:
    """A wave of one frequency: the next value is 2 cos(w) times the last, minus the one before."""
    torch.manual_seed(0)
    wave = torch.sin(0.7 * torch.arange(200)).unfold(0, 3, 1)  # (198, 3)
    model = Linear(Forecasting(DataSpec(output_size=1, input_size=1)), window=2)
    optimizer = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")

    def error() -> Tensor:
        optimizer.zero_grad()
        outputs, _ = model(wave[:, :2, None])
        loss = (model.task.head(outputs, torch.full((198,), 2)).flatten() - wave[:, 2]).square()
        loss.sum().backward()
        return loss.sum()

    optimizer.step(error)
    assert isinstance(model.task.values, nn.Linear)
    found = model.task.values.weight.flatten().tolist()
    assert found == pytest.approx([-1, 2 * math.cos(0.7)], abs=1e-3)
