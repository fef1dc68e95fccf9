"""What the plain recurrent architectures share: a stack of layers, read once."""

from collections.abc import Callable

from torch import Tensor, nn

from rnnlab.errors import ConfigError
from rnnlab.layers import RecurrentStack
from rnnlab.layers.recurrent import State
from rnnlab.models.base import Learning, RecurrentModel
from rnnlab.tasks import Task


class StackedModel(RecurrentModel):
    """Base of RNN, LSTM and GRU, which differ in their layer alone.

    Args:
        task: see RecurrentModel.
        learning: see RecurrentModel.
        layer: see RecurrentStack, as are the settings below.
        hidden_size: features of the state of each direction.
        num_layers: layers on top of each other.
        bidirectional: read each sequence from its end too.
        dropout: chance to drop a value between two layers.
    """

    def __init__(
        self,
        task: Task,
        learning: Learning | None,
        layer: Callable[[int, int], nn.RNNBase],
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__(task, learning)
        if dropout and num_layers == 1:
            raise ConfigError(
                f"model.dropout={dropout} acts between layers, but model.num_layers is 1. Raise "
                "model.num_layers, or set model.dropout=0 and use task.head_dropout"
            )
        self.body = RecurrentStack(
            layer, task.input_size, hidden_size, num_layers, bidirectional, dropout
        )
        self.complete(self.body.output_size, bidirectional, layer)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State | None]:
        """See RecurrentModel."""
        outputs: tuple[Tensor, State] = self.body(inputs, lengths, state)
        return outputs
