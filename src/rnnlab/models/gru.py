"""Gated recurrent unit."""

from typing import Any

from rnnlab.layers import gru_gates, initialize
from rnnlab.layers.kernels import GRULayer
from rnnlab.layers.recurrent import RecurrentInit
from rnnlab.models.base import OptimizerConfig
from rnnlab.models.stacked import StackedModel
from rnnlab.tasks import Task


def gru_layer(
    input_size: int, hidden_size: int, *, recurrent_init: RecurrentInit = "orthogonal"
) -> GRULayer:
    """Return a layer of torch, initialized gate by gate; equations: rnnlab.layers.gru_cell."""
    layer = GRULayer(input_size, hidden_size)
    initialize(layer, gates=3, recurrent_init=recurrent_init)
    return layer


class GRU(StackedModel):
    """Gated recurrent unit (Cho et al., 2014, https://arxiv.org/abs/1406.1078)."""

    gates = staticmethod(gru_gates)

    def __init__(
        self, task: Task, optimizer_config: OptimizerConfig | None = None, **settings: Any
    ) -> None:
        super().__init__(task, optimizer_config, gru_layer, **settings)
