"""Base class of the architectures that read a sequence in segments."""

import torch
from torch import Tensor, nn

from rnnlab.config.types import LayerSize, NumLayers, Probability
from rnnlab.layers import RecurrentStack
from rnnlab.layers.recurrent import LayerFactory, RecurrentState
from rnnlab.layers.segments import segment_of_step, split_segments
from rnnlab.models.base import OptimizerConfig, RecurrentModel
from rnnlab.models.stacked import check_depth
from rnnlab.tasks import Task


class SegmentedModel(RecurrentModel):
    """Base of SegmentGRU and SegmentLSTM, which differ only in their layer.

    As in SegRNN (Lin et al., 2023, https://arxiv.org/abs/2308.11200) a step of the recurrence reads
    a whole segment through one linear layer, which makes 15 steps of a window of 720. The task's
    head forecasts the whole horizon at once from the last state. The other half of the paper,
    subtracting the last value and adding it again, is `data.transform=last`.

    Segments are counted from the end of each sequence. All steps of a segment share one output that
    depends on the whole segment: the architecture is not causal.

    Args:
        layer: see RecurrentStack; set by the subclass.
        segment_length: steps of a segment.
        hidden_size: features of an embedded segment, and of the state.
        num_layers: layers on top of each other.
        dropout: probability of dropping a value between two layers.
    """

    def __init__(
        self,
        task: Task,
        optimizer_config: OptimizerConfig | None,
        layer: LayerFactory,
        *,
        segment_length: LayerSize = 24,
        hidden_size: LayerSize = 128,
        num_layers: NumLayers = 1,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__(task, optimizer_config)
        check_depth(num_layers, dropout, locked_dropout=False, residual=False)
        self.segment_length = segment_length
        self.embedding = nn.Linear(segment_length * task.input_size, hidden_size)
        self.body = RecurrentStack(layer, hidden_size, hidden_size, num_layers, dropout=dropout)
        self.build_head(hidden_size, causal=False)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: RecurrentState | None = None
    ) -> tuple[Tensor, None]:
        if state is not None:
            raise ValueError(
                "segments end where a sequence ends, no state continues: pass state=None"
            )
        batch, steps, _ = inputs.shape
        if lengths is None:
            lengths = torch.full((batch,), steps, device=inputs.device)
        segments = split_segments(inputs, lengths, self.segment_length).flatten(2)  # (B, N, S * D)
        outputs, _ = self.body(torch.relu(self.embedding(segments)))  # (B, N, H)
        place = segment_of_step(lengths, steps, self.segment_length)  # (B, T)
        return outputs.gather(1, place.unsqueeze(2).expand(-1, -1, outputs.shape[2])), None
