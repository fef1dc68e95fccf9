"""Gated recurrent unit."""

from torch import nn

from rnnlab.layers import initialize
from rnnlab.models.base import Learning
from rnnlab.models.stacked import StackedModel
from rnnlab.tasks import Task
from rnnlab.values import PositiveInt, Probability


def gru_layer(input_size: int, hidden_size: int) -> nn.GRU:
    """One fast GRU layer, initialised gate by gate; its equations: rnnlab.layers.gru_cell."""
    layer = nn.GRU(input_size, hidden_size, batch_first=True)
    initialize(layer, gates=3)
    return layer


class GRU(StackedModel):
    """Gated recurrent unit (Cho et al., 2014, https://arxiv.org/abs/1406.1078).

    Args:
        task: see RecurrentModel.
        learning: see RecurrentModel.
        hidden_size: features of the state of each direction.
        num_layers: layers on top of each other.
        bidirectional: read each sequence from its end too.
        dropout: chance to drop a value between two layers.
    """

    def __init__(
        self,
        task: Task,
        learning: Learning | None = None,
        *,
        hidden_size: PositiveInt = 128,
        num_layers: PositiveInt = 1,
        bidirectional: bool = False,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__(task, learning, gru_layer, hidden_size, num_layers, bidirectional, dropout)
