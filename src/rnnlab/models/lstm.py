"""Long short-term memory."""

from functools import partial

from torch import nn

from rnnlab.layers import initialize
from rnnlab.models.base import Learning
from rnnlab.models.stacked import StackedModel
from rnnlab.tasks import Task
from rnnlab.values import PositiveInt, Probability


def lstm_layer(input_size: int, hidden_size: int, forget_bias: float) -> nn.LSTM:
    """One fast LSTM layer, initialised gate by gate; its equations: rnnlab.layers.lstm_cell."""
    layer = nn.LSTM(input_size, hidden_size, batch_first=True)
    initialize(layer, gates=4, forget_bias=forget_bias)
    return layer


class LSTM(StackedModel):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    Args:
        task: see RecurrentModel.
        learning: see RecurrentModel.
        hidden_size: features of the state of each direction.
        num_layers: layers on top of each other.
        bidirectional: read each sequence from its end too.
        dropout: chance to drop a value between two layers.
        forget_bias: of the forget gate at the start; 1 keeps early memory open (Jozefowicz et al.,
            2015).
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
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(
            task,
            learning,
            partial(lstm_layer, forget_bias=forget_bias),
            hidden_size,
            num_layers,
            bidirectional,
            dropout,
        )
