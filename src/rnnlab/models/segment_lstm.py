"""An LSTM over segments of a series."""

from functools import partial
from typing import Any

from rnnlab.models.base import OptimizerConfig
from rnnlab.models.lstm import lstm_layer
from rnnlab.models.segmented import SegmentedModel
from rnnlab.tasks import Task


class SegmentLSTM(SegmentedModel):
    """LSTM whose steps are segments, beside SegmentGRU.

    Args:
        forget_bias: initial bias of the forget gate; see LSTM.
        settings: of the segments and of the stack; see SegmentedModel.
    """

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
