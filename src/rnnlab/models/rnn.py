"""Simple recurrent network."""

from functools import partial
from typing import Literal

from torch import nn

from rnnlab.layers import initialize
from rnnlab.models.base import Learning
from rnnlab.models.stacked import StackedModel
from rnnlab.tasks import Task
from rnnlab.values import PositiveInt, Probability


def rnn_layer(input_size: int, hidden_size: int, nonlinearity: str) -> nn.RNN:
    """One fast simple layer, orthogonal through time; its equation: rnnlab.layers.rnn_cell."""
    layer = nn.RNN(input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True)
    initialize(layer, gates=1)
    return layer


class RNN(StackedModel):
    """Simple recurrent network (Elman, 1990).

    Args:
        task: see RecurrentModel.
        learning: see RecurrentModel.
        hidden_size: features of the state of each direction.
        num_layers: layers on top of each other.
        bidirectional: read each sequence from its end too.
        dropout: chance to drop a value between two layers.
        nonlinearity: tanh | relu.
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
        nonlinearity: Literal["tanh", "relu"] = "tanh",
    ) -> None:
        super().__init__(
            task,
            learning,
            partial(rnn_layer, nonlinearity=nonlinearity),
            hidden_size,
            num_layers,
            bidirectional,
            dropout,
        )
