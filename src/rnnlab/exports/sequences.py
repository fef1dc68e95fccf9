"""Export of a network that reads whole sequences.

B sequences, T steps.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from rnnlab.exports.batches import TRACE_SHAPE, draw_batch
from rnnlab.exports.form import BATCH, STEPS, Execute, Form, Program, sequence_batch, to_tensors
from rnnlab.models import RecurrentModel
from rnnlab.spec import Array, Batch
from rnnlab.tasks import StepClassification


class SequenceModule(nn.Module):
    """The answers of a network, see Task.decode, from tensors.

    Args:
        model: the network.
        names: of the tensors; see to_tensors.
    """

    def __init__(self, model: RecurrentModel, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.names = model, tuple(names)

    def forward(self, *tensors: Tensor) -> Tensor:
        """Return the answers (B, ...)."""
        return self.model.predict_step(
            sequence_batch(dict(zip(self.names, tensors, strict=True))), 0
        )


class SequenceForm(Form):
    """One program `model`: whole sequences with their lengths in, their answers out.

    Its inputs are `inputs` (B, T) or (B, T, D), `lengths` (B,), and for series the scaling
    `location`, `scale`, `anchor` (B, 1, V), and `future` (B, H, K) with columns that are known in
    advance. Its output is `answer`; see Task.decode.
    """

    def __init__(self, model: RecurrentModel, has_units: bool) -> None:
        super().__init__(model, has_units)
        if isinstance(model.task, StepClassification):
            self.min_steps = model.task.spec.horizon

    def programs(self) -> dict[str, Program]:
        arguments = to_tensors(draw_batch(self, *TRACE_SHAPE, seed=0))
        axes = {**dict.fromkeys(arguments, BATCH), "inputs": STEPS, "answer": BATCH}
        module = SequenceModule(self.model, tuple(arguments))
        return {"model": Program(module, arguments, axes, ["answer"])}

    def answer(self, programs: Mapping[str, Execute], batch: Batch) -> Array:
        return programs["model"](to_tensors(batch))[0]
