"""Export of a language model.

B texts, T tokens, V tokens of the vocabulary.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnlab.exports.batches import TRACE_SHAPE, draw_batch
from rnnlab.exports.form import BATCH, STATE, STEPS, Execute, Form, Program
from rnnlab.exports.steps import StateLayout, first_state, repeat_state
from rnnlab.models import RecurrentModel
from rnnlab.spec import Array, Batch


class LanguageModelModule(nn.Module):
    """The probabilities of the next token, and the state, after some more tokens.

    Args:
        model: the network.
        layout: of its state.
    """

    def __init__(self, model: RecurrentModel, layout: StateLayout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Map tokens (B, T) and the state to log probabilities (B, T, V) and the state."""
        tokens, *parts = tensors
        state = self.layout.build(dict(zip(self.layout.names, parts, strict=True)))
        outputs, after = self.model(self.model.task.embed(tokens), None, state)
        scores = self.model.task.head(outputs, torch.ones(tokens.shape[0], dtype=torch.long))
        return scores.log_softmax(dim=2), *self.layout.split(after)


class LanguageModelForm(Form):
    """One program `model`: tokens and the state before them in, log probabilities and state out.

    Its inputs are `inputs` (B, T) and the state `state_0` ...; its outputs are `answer`, the
    logarithm of the probability of each next token (B, T, V), and `next_state_0` ...

    Args:
        model: the network.
        single_step: T is 1.
    """

    def __init__(self, model: RecurrentModel, single_step: bool) -> None:
        super().__init__(model, has_units=False)
        self.single_step = single_step
        self._initial: dict[str, Tensor] = {}

    def programs(self) -> dict[str, Program]:
        batch = draw_batch(self, *TRACE_SHAPE, seed=0)
        inputs = batch.inputs[:, :1] if self.single_step else batch.inputs
        layout = StateLayout.find(self.model, batch)
        self._initial = first_state(self.model, layout)
        arguments = {"inputs": inputs}
        arguments |= repeat_state(self._initial, len(inputs))
        after = [f"next_{name}" for name in self._initial]
        steps = BATCH if self.single_step else STEPS
        axes = {
            **{"inputs": steps, "answer": steps},
            **dict.fromkeys([*self._initial, *after], STATE),
        }
        module = LanguageModelModule(self.model, layout)
        return {"model": Program(module, arguments, axes, ["answer", *after], self._initial)}

    def answer(self, programs: Mapping[str, Execute], batch: Batch) -> Array:
        """Return the log probability of each target (B, T), read in parts with carried state."""
        size = 1 if self.single_step else max(1, batch.inputs.shape[1] // 2)
        state: dict[str, Any] = repeat_state(self._initial, len(batch.inputs))
        answers = []
        for first in range(0, batch.inputs.shape[1], size):
            tokens, targets = (
                part[:, first : first + size] for part in (batch.inputs, batch.targets)
            )
            answer, *after = programs["model"]({"inputs": tokens, **state})
            state = dict(zip(state, after, strict=True))
            index = targets.unsqueeze(2).numpy().astype(np.int64)
            answers.append(np.take_along_axis(answer, index, 2)[:, :, 0])
        return np.concatenate(answers, axis=1)
