"""A GRU over segments of a series."""

from typing import Any

from rnnlab.models.base import OptimizerConfig
from rnnlab.models.gru import gru_layer
from rnnlab.models.segmented import SegmentedModel
from rnnlab.tasks import Task


class SegmentGRU(SegmentedModel):
    """GRU whose steps are segments (SegRNN: Lin et al., 2023, https://arxiv.org/abs/2308.11200)."""

    def __init__(
        self, task: Task, optimizer_config: OptimizerConfig | None = None, **settings: Any
    ) -> None:
        super().__init__(task, optimizer_config, gru_layer, **settings)
