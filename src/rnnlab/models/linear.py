"""Linear model without recurrence, for comparison with the recurrent networks."""

import torch
from torch import Tensor

from rnnlab.config.types import PositiveInt
from rnnlab.layers.recurrent import RecurrentState
from rnnlab.models.base import OptimizerConfig, RecurrentModel
from rnnlab.tasks import Task

WINDOW = 96  # default steps of a series


class Linear(RecurrentModel):
    """A window of the last inputs as outputs; only the task's head and embedding are learned.

    On a series this is one linear map from a window to the whole horizon; with
    `data.transform=last` it is NLinear (Zeng et al., 2022, https://arxiv.org/abs/2205.13504). On a
    text it is a bag of embeddings as in fastText (Joulin et al., 2016): embedding, pooling, one
    linear layer. As a language model it is a log-linear bigram.

    Args:
        window: inputs per output, the current one last; zeros before the first input. None for 1
            where inputs are tokens, and 96 where they are numbers.
    """

    def __init__(
        self,
        task: Task,
        optimizer_config: OptimizerConfig | None = None,
        *,
        window: PositiveInt | None = None,
    ) -> None:
        super().__init__(task, optimizer_config)
        self.window = window or (1 if task.spec.num_tokens else WINDOW)
        self.build_head(self.window * task.input_size)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: RecurrentState | None = None
    ) -> tuple[Tensor, RecurrentState]:
        """See RecurrentModel; the state holds the last inputs, (window - 1, B, D)."""
        batch, _, features = inputs.shape
        before = state[0] if state else inputs.new_zeros(self.window - 1, batch, features)
        history = torch.cat([before.transpose(0, 1), inputs], dim=1)  # (B, window - 1 + T, D)
        windows = history.unfold(1, self.window, 1)  # (B, T, D, window): a view
        after = history[:, history.shape[1] - self.window + 1 :].transpose(0, 1)
        return windows.transpose(2, 3).flatten(2), [after]
