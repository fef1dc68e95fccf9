"""The honest neighbour of recurrent networks: no recurrence at all."""

import torch
from torch import Tensor

from rnnlab.config.types import PositiveInt
from rnnlab.layers.recurrent import RecurrentState
from rnnlab.models.base import OptimizerConfig, RecurrentModel
from rnnlab.tasks import Task

WINDOW = 96  # steps of a series that are seen if nothing else is said


class Linear(RecurrentModel):
    """The last inputs as they are, so that the task's head alone is what is learned.

    Of a series this is one linear map from a window to all of the horizon: with
    `data.transform=last` the NLinear of Zeng et al. (2022, https://arxiv.org/abs/2205.13504). Of a
    text it is a bag of embeddings, as in fastText (Joulin et al., 2016): embedding, pooling, one
    linear layer; and a language model that knows the token before (a log-linear bigram).

    Args:
        task: see RecurrentModel.
        learning: see RecurrentModel.
        window: inputs that an output is made of, its own the last; zeros stand for those before the
            first. None for 1 where inputs are tokens, and 96 where they are numbers.
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
        """See RecurrentModel; the state is the inputs that the next outputs see too."""
        batch, _, features = inputs.shape
        before = state[0] if state else inputs.new_zeros(batch, self.window - 1, features)
        seen = torch.cat([before, inputs], dim=1)  # (B, window - 1 + T, D)
        windows = seen.unfold(1, self.window, 1)  # (B, T, D, window): a view, nothing is copied
        after = seen[:, seen.shape[1] - self.window + 1 :]
        return windows.transpose(2, 3).flatten(2), [after]
