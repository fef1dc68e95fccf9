"""Long short-term memory."""

from functools import partial
from typing import Any

from rnnlab.layers import initialize, lstm_gates
from rnnlab.layers.kernels import LSTMLayer
from rnnlab.layers.recurrent import RecurrentInit
from rnnlab.models.base import OptimizerConfig
from rnnlab.models.stacked import StackedModel
from rnnlab.tasks import Task


def lstm_layer(
    input_size: int,
    hidden_size: int,
    *,
    forget_bias: float = 1.0,
    recurrent_init: RecurrentInit = "orthogonal",
) -> LSTMLayer:
    """Return a layer of torch, initialized gate by gate; equations: rnnlab.layers.lstm_cell."""
    layer = LSTMLayer(input_size, hidden_size)
    initialize(layer, gates=4, forget_bias=forget_bias, recurrent_init=recurrent_init)
    return layer


class LSTM(StackedModel):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    Args:
        forget_bias: initial bias of the forget gate; 1 keeps early memory open (Jozefowicz et al.,
            2015).
        settings: of the stack; see StackedModel.
    """

    gates = staticmethod(lstm_gates)

    def __init__(
        self,
        task: Task,
        optimizer_config: OptimizerConfig | None = None,
        *,
        forget_bias: float = 1.0,
        **settings: Any,
    ) -> None:
        layer = partial(lstm_layer, forget_bias=forget_bias)
        super().__init__(task, optimizer_config, layer, **settings)
