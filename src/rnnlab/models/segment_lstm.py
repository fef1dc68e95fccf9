"""An LSTM over segments of a series."""

from functools import partial

from rnnlab.models.base import Learning
from rnnlab.models.lstm import lstm_layer
from rnnlab.models.segmented import SegmentedModel
from rnnlab.tasks import Task
from rnnlab.values import PositiveInt, Probability


class SegmentLSTM(SegmentedModel):
    """LSTM whose steps are segments, beside SegmentGRU.

    Args:
        task: see RecurrentModel.
        learning: see RecurrentModel.
        segment_length: steps of a segment.
        hidden_size: features of an embedded segment, and of the state.
        num_layers: layers on top of each other.
        dropout: chance to drop a value between two layers.
        forget_bias: of the forget gate at the start; see LSTM.
    """

    def __init__(
        self,
        task: Task,
        learning: Learning | None = None,
        *,
        segment_length: PositiveInt = 24,
        hidden_size: PositiveInt = 128,
        num_layers: PositiveInt = 1,
        dropout: Probability = 0.0,
        forget_bias: float = 1.0,
    ) -> None:
        layer = partial(lstm_layer, forget_bias=forget_bias)
        super().__init__(task, learning, layer, segment_length, hidden_size, num_layers, dropout)
