"""Gated recurrent unit with attention over its outputs."""

from typing import Any

from rnnlab.layers import gru_gates
from rnnlab.models.attention import AttentionModel
from rnnlab.models.base import OptimizerConfig
from rnnlab.models.gru import gru_layer
from rnnlab.tasks import Task


class AttentionGRU(AttentionModel):
    """A GRU whose last output looks back at all of them; see AttentionModel."""

    gates = staticmethod(gru_gates)

    def __init__(
        self, task: Task, optimizer_config: OptimizerConfig | None = None, **settings: Any
    ) -> None:
        super().__init__(task, optimizer_config, gru_layer, **settings)
