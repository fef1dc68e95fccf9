"""Simple recurrent network."""

from functools import partial
from typing import Any, Literal

from rnnlab.layers import initialize
from rnnlab.layers.kernels import RNNLayer
from rnnlab.layers.recurrent import RecurrentInit
from rnnlab.models.base import OptimizerConfig
from rnnlab.models.stacked import StackedModel
from rnnlab.tasks import Task


def rnn_layer(
    input_size: int,
    hidden_size: int,
    *,
    nonlinearity: str = "tanh",
    recurrent_init: RecurrentInit = "orthogonal",
) -> RNNLayer:
    """Return a layer of torch, initialized; equation: rnnlab.layers.rnn_cell."""
    layer = RNNLayer(input_size, hidden_size, nonlinearity)
    initialize(layer, gates=1, recurrent_init=recurrent_init)
    return layer


class RNN(StackedModel):
    """Simple recurrent network (Elman, 1990).

    Args:
        nonlinearity: tanh | relu.
        settings: of the stack; see StackedModel.
    """

    def __init__(
        self,
        task: Task,
        optimizer_config: OptimizerConfig | None = None,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        **settings: Any,
    ) -> None:
        layer = partial(rnn_layer, nonlinearity=nonlinearity)
        super().__init__(task, optimizer_config, layer, **settings)
