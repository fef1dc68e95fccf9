"""A GRU over segments of a series."""

from rnnlab.models.base import Learning
from rnnlab.models.gru import gru_layer
from rnnlab.models.segmented import SegmentedModel
from rnnlab.tasks import Task
from rnnlab.values import PositiveInt, Probability


class SegmentGRU(SegmentedModel):
    """GRU whose steps are segments (SegRNN: Lin et al., 2023, https://arxiv.org/abs/2308.11200).

    Args:
        task: see RecurrentModel.
        learning: see RecurrentModel.
        segment_length: steps of a segment.
        hidden_size: features of an embedded segment, and of the state.
        num_layers: layers on top of each other.
        dropout: chance to drop a value between two layers.
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
    ) -> None:
        super().__init__(
            task, learning, gru_layer, segment_length, hidden_size, num_layers, dropout
        )
