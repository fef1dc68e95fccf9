"""Export of a translator: the encoder, and one step of the decoder.

B sentences, T tokens of the source, U of the target, V of the target vocabulary.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnlab.exports.batches import TRACE_SHAPE, draw_batch
from rnnlab.exports.form import BATCH, STATE, STEPS, Execute, Form, Program
from rnnlab.exports.steps import StateLayout
from rnnlab.layers.decoder import Memory, shift_right
from rnnlab.models import RecurrentModel
from rnnlab.spec import Array, Batch
from rnnlab.tasks import Encoding, Translation

MEMORY = ("memory", "valid", "keys")  # what the attention reads; see rnnlab.layers.decoder.Memory


class EncoderModule(nn.Module):
    """Encoder of a sentence, with the first state of its decoder."""

    def __init__(self, model: RecurrentModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Map tokens (B, T) and lengths to the memory, if there is an attention, and the state."""
        inputs, lengths = tensors
        task: Any = self.model.task
        outputs, after = self.model(task.embed(inputs), lengths)
        memory, state = task.begin(Encoding(outputs, lengths, after))
        has_attention = task.decoder.attention is not None
        return *(memory if has_attention else ()), *StateLayout(state).split(state)


class DecoderModule(nn.Module):
    """One step of a decoder.

    Args:
        task: of the network.
        layout: of the state of the decoder.
    """

    def __init__(self, task: Translation, layout: StateLayout) -> None:
        super().__init__()
        self.task, self.layout = task, layout

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Map the last token (B,), the memory and the state to the next token and state."""
        token, *rest = tensors
        decoder = self.task.decoder
        count = len(MEMORY) if decoder.attention is not None else 0
        memory = Memory(*rest[:count]) if count else Memory(token, token)
        parts = dict(zip(self.layout.names, rest[count:], strict=True))
        result = decoder(token.unsqueeze(1), memory, self.layout.build(parts))
        return result.logits[:, 0].log_softmax(dim=1), *self.layout.split(result.state)


class TranslationForm(Form):
    """Two programs: `encoder`, and `decoder` for one token.

    `encoder` maps `inputs` (B, T) and `lengths` (B,) to `memory`, `valid` and `keys` (without
    attention none of them) and the first state `state_0` ... of the decoder. `decoder` maps `token`
    (B,), all of these, to `answer`, the logarithm of the probability of each next token (B, V), and
    `next_state_0` ...
    """

    def programs(self) -> dict[str, Program]:
        task: Any = self.model.task
        batch = draw_batch(self, *TRACE_SHAPE, seed=0)
        encoder = EncoderModule(self.model)
        with torch.no_grad():
            encoding = self.model.encode(batch)
            layout = StateLayout(task.begin(encoding)[1])
            values = encoder(batch.inputs, batch.lengths)
        names = [*(MEMORY if task.decoder.attention is not None else ()), *layout.names]
        after = [f"next_{name}" for name in layout.names]
        axes = {
            **dict.fromkeys(["inputs", *MEMORY], STEPS),
            **dict.fromkeys(["lengths", "token", "answer"], BATCH),
            **dict.fromkeys([*layout.names, *after], STATE),
        }
        arguments = {"token": batch.targets[:, 0], **dict(zip(names, values, strict=True))}
        sources = {"inputs": batch.inputs, "lengths": batch.lengths}
        decoder = DecoderModule(task, layout)
        return {
            "encoder": Program(encoder, sources, axes, names),
            "decoder": Program(decoder, arguments, axes, ["answer", *after]),
        }

    def reference(self, batch: Batch) -> Array:
        """Return the log probabilities of the targets, and whether they are the first choices."""
        with torch.no_grad():
            predictions = self.model.predictions(batch)
            return self.model.task.metric_inputs(predictions, batch)[0].numpy()

    def answer(self, programs: Mapping[str, Execute], batch: Batch) -> Array:
        """See `reference`; the true tokens are read one after the other, (B, U, 2)."""
        task: Any = self.model.task
        values = programs["encoder"]({"inputs": batch.inputs, "lengths": batch.lengths})
        names = self._names(task, len(values))
        memory = dict(zip(names, values, strict=True))
        logs = []
        for token in shift_right(batch.targets).unbind(1):
            answer, *after = programs["decoder"]({"token": token, **memory})
            memory |= dict(zip(names[len(names) - len(after) :], after, strict=True))
            logs.append(answer)
        scores = torch.from_numpy(np.stack(logs, axis=1))  # (B, U, V)
        result: Array = task.metric_inputs(scores, batch)[0].numpy()
        return result

    def _names(self, task: Any, count: int) -> list[str]:
        """Return the names of the `count` outputs of the encoder."""
        names = MEMORY if task.decoder.attention is not None else ()
        return [*names, *(f"state_{i}" for i in range(count - len(names)))]
