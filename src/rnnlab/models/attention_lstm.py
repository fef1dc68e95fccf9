"""Long short-term memory with attention over its outputs."""

from functools import partial
from typing import Any

from rnnlab.layers import lstm_gates
from rnnlab.models.attention import AttentionModel
from rnnlab.models.base import OptimizerConfig
from rnnlab.models.lstm import lstm_layer
from rnnlab.tasks import Task


class AttentionLSTM(AttentionModel):
    """An LSTM whose last output looks back at all of them; see AttentionModel.

    Args:
        forget_bias: see LSTM.
        settings: of the attention and of the stack; see AttentionModel and StackedModel.
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
