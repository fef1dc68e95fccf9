"""Recurrent layers with attention over their own outputs."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.config.types import PositiveInt
from rnnlab.layers import MultiHeadAttention, Pooling
from rnnlab.layers.attention import ATTENTION, AttentionName
from rnnlab.layers.recurrent import RecurrentState
from rnnlab.models.base import OptimizerConfig
from rnnlab.models.stacked import InitializedLayerFactory, StackedModel
from rnnlab.spec import Batch, valid_steps
from rnnlab.tasks import Task


class AttentionModel(StackedModel):
    """Base of the recurrent architectures with attention over their own outputs.

    The last output h_end of a stack (both ends of a bidirectional one) is the query of one
    attention over all valid outputs; its context enters every output (Luong et al., 2015, eq. 5,
    https://aclanthology.org/D15-1166):

        c        = attention(h_end, h_1 .. h_T)
        output_t = tanh(W h_t + V c + b)

    With task.pooling=last the head reads h_end and c. Each output depends on all steps: the
    architecture is for tasks that read a whole sequence first, and has no state to continue from.

    Args:
        layer: see StackedModel.
        attention: additive | dot | scaled_dot | general | multi_head; see rnnlab.layers.attention.
        num_heads: of multi_head; must divide the output features of the stack.
        settings: of the stack; see StackedModel.
    """

    mixes_steps = True

    def __init__(
        self,
        task: Task,
        optimizer_config: OptimizerConfig | None,
        layer: InitializedLayerFactory,
        *,
        attention: AttentionName = "additive",
        num_heads: PositiveInt = 4,
        **settings: Any,
    ) -> None:
        super().__init__(task, optimizer_config, layer, **settings)
        size = self.output_size
        factories = ATTENTION | {"multi_head": partial(MultiHeadAttention, num_heads=num_heads)}
        self.last = Pooling("last", size, bidirectional=bool(settings.get("bidirectional")))
        self.asked = factories[attention](size, size)
        self.own = nn.Linear(size, size)  # W and b
        self.seen = nn.Linear(size, size, bias=False)  # V

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: RecurrentState | None = None
    ) -> tuple[Tensor, RecurrentState | None]:
        """See RecurrentModel; there is no state."""
        if state is not None:
            raise ValueError("attention over a whole sequence has no state to continue from")
        outputs, context, _ = self.look_back(inputs, lengths)
        return torch.tanh(self.own(outputs) + self.seen(context)), None  # (B, T, H)

    def look_back(
        self, inputs: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs of the stack (B, T, H), the context (B, 1, H) and the weights (B, T)."""
        if lengths is None:
            lengths = torch.full((inputs.shape[0],), inputs.shape[1], device=inputs.device)
        outputs, _ = self.body(inputs, lengths)
        query = self.last(outputs, lengths).unsqueeze(1)  # (B, 1, H)
        valid = valid_steps(lengths, outputs.shape[1])
        context, weights = self.asked(query, outputs, valid)
        return outputs, context, weights.squeeze(1)

    def attention_weights(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the attention to each step, (B, T): sums to one, zero on padding."""
        return self.look_back(inputs, lengths)[2]

    def attention(self, batch: Batch) -> Tensor | None:
        return self.attention_weights(self.task.embed(batch.inputs), batch.lengths)
