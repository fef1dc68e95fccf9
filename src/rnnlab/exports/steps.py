"""Export of one step of a network, with its state as input and output.

B sequences, T steps.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnlab.errors import ConfigError
from rnnlab.exports.batches import draw_batch
from rnnlab.exports.form import BATCH, STATE, Execute, Form, Program, sequence_batch, to_tensors
from rnnlab.exports.pooling import StreamingPooling
from rnnlab.layers.recurrent import RecurrentState, each_part, list_parts
from rnnlab.models import RecurrentModel
from rnnlab.models.base import at_least_float32
from rnnlab.spec import Array, Batch
from rnnlab.tasks import Classification, Encoding, StepClassification


def check_streaming(model: RecurrentModel) -> None:
    """Check that a network can read one step at a time.

    Raises:
        ConfigError: its outputs depend on later steps.
    """
    kind = type(model).__name__
    if model.bidirectional:
        reason = f"{kind} reads each sequence from its end too (model.bidirectional=true)"
    elif not model.causal:
        reason = f"each output of {kind} depends on steps after it"
    elif model.task.spec.transform == "last":
        reason = (
            "with data.transform=last the network reads each value minus the last one of its "
            "window, which a stream does not know yet"
        )
    else:
        return
    raise ConfigError(f"--format onnx-step: {reason}. Use --format onnx")


class StateLayout:
    """Names and shapes of the tensors in a state.

    Args:
        like: a state of one sequence; see RecurrentState.
    """

    def __init__(self, like: RecurrentState | None) -> None:
        self.like = like
        self.names = [f"state_{i}" for i, part in enumerate(list_parts(like)) if part.numel()]

    def build(self, parts: Mapping[str, Tensor]) -> RecurrentState | None:
        """Return the tensors as a state; None if there are none."""
        if not self.names:
            return None
        members = iter(parts[name] for name in self.names)
        state: RecurrentState = each_part(self.like, lambda part: next(members))
        return state

    def split(self, state: RecurrentState | None) -> list[Tensor]:
        """Return the tensors of a state."""
        return list_parts(state) if self.names else []

    @classmethod
    def find(cls, model: RecurrentModel, batch: Batch) -> "StateLayout":
        """Return the layout of the state of a network after a batch."""
        with torch.no_grad():
            return cls(model(model.task.embed(batch.inputs[:1]))[1])


def first_state(model: RecurrentModel, layout: StateLayout) -> dict[str, Tensor]:
    """Return the state before the first step, of one sequence: zero, or learned."""
    layers: Any = getattr(getattr(model, "body", None), "forwards", ())
    with torch.no_grad():
        first_parts = list_parts([layer.start(1, None) for layer in layers if layer.start])
    parts = first_parts or [torch.zeros_like(part) for part in layout.split(layout.like)]
    return dict(zip(layout.names, parts, strict=True))


def repeat_state(state: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Return the state of one sequence for `count` sequences."""
    return {name: part.repeat_interleave(count, 1) for name, part in state.items()}


class StepModule(nn.Module):
    """The answer of a network after one more step.

    Args:
        model: the network; it is copied.
        batch: any batch, for the shapes.
    """

    def __init__(self, model: RecurrentModel, batch: Batch) -> None:
        super().__init__()
        self.model = deepcopy(model)
        task = self.model.task
        self.pooling = None
        if isinstance(task, Classification):
            self.pooling = StreamingPooling(task, model.output_size)
            task.pooling = self.pooling  # type: ignore[assignment]
        if isinstance(task, StepClassification):
            task.spec = replace(task.spec, horizon=1)
        self.layout = StateLayout.find(self.model, batch)
        pools = self.pooling.initial if self.pooling else []
        self.pool_names = [f"pooling_{i}" for i in range(len(pools))]
        self.fixed_names = [name for name in to_tensors(batch) if name not in ("inputs", "lengths")]

    @property
    def state_names(self) -> list[str]:
        """Names of the inputs that are a state."""
        return [*self.layout.names, *self.pool_names]

    def initial(self) -> dict[str, Tensor]:
        """Return the state before the first step, of one sequence."""
        parts = first_state(self.model, self.layout)
        pools = self.pooling.initial if self.pooling else []
        return parts | dict(zip(self.pool_names, pools, strict=True))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Map a step (B,) or (B, D), fixed inputs and the state to the answer and the state."""
        names = ["inputs", *self.fixed_names, *self.state_names]
        parts = dict(zip(names, tensors, strict=True))
        lengths = torch.ones(tensors[0].shape[0], dtype=torch.long)
        batch = sequence_batch({**parts, "inputs": tensors[0].unsqueeze(1), "lengths": lengths})
        if self.pooling:
            self.pooling.parts = [parts[name] for name in self.pool_names]
        task, state = self.model.task, self.layout.build(parts)
        outputs, after = self.model(task.embed(batch.inputs), lengths, state)
        encoding = Encoding(outputs, lengths, after)
        answer = task.decode(at_least_float32(task.predict(encoding, batch)), encoding, batch)
        if isinstance(task, StepClassification):
            answer = answer[:, 0]
        return answer, *self.layout.split(after), *(self.pooling.parts if self.pooling else [])


class StepForm(Form):
    """One program `model`: one step and the state before it in, the answer and the state out.

    Its inputs are `inputs` (B,) or (B, D), those of SequenceForm that do not vary from step to
    step, and the state: `state_0` ... of the layers, `pooling_0` ... of the pooling. Its outputs
    are `answer`, that of the sequence so far, and the same state as `next_state_0` ...
    """

    def __init__(self, model: RecurrentModel, has_units: bool) -> None:
        super().__init__(model, has_units)
        check_streaming(model)
        if isinstance(model.task, StepClassification):
            self.min_steps = self.answer_steps = model.task.spec.horizon
        self._initial: dict[str, Tensor] = {}

    def programs(self) -> dict[str, Program]:
        batch = draw_batch(self, count=2, more_steps=0, seed=0)
        module = StepModule(self.model, batch)
        initial = self._initial = module.initial()
        arguments = {"inputs": batch.inputs[:, 0]}
        arguments |= {name: to_tensors(batch)[name] for name in module.fixed_names}
        arguments |= repeat_state(initial, 2)
        after = [f"next_{name}" for name in initial]
        axes = {
            **dict.fromkeys([*arguments, "answer"], BATCH),
            **dict.fromkeys([*initial, *after], STATE),
        }
        return {"model": Program(module, arguments, axes, ["answer", *after], initial)}

    def answer(self, programs: Mapping[str, Execute], batch: Batch) -> Array:
        state: dict[str, Any]
        tensors = to_tensors(batch)
        inputs, lengths = tensors.pop("inputs"), tensors.pop("lengths").numpy()
        state = repeat_state(self._initial, len(inputs))
        answers = []
        for step in inputs.unbind(1):
            answer, *after = programs["model"]({"inputs": step, **tensors, **state})
            state = dict(zip(state, after, strict=True))
            answers.append(answer)
        return take_answers(answers, lengths, self.answer_steps)


def take_answers(answers: Sequence[Array], lengths: Array, count: int | None) -> Array:
    """Return the answers at the last step of each sequence, or at the `count` last steps.

    Args:
        answers: of each step, T times (B, ...).
        lengths: steps of each sequence, (B,).
        count: see Form.answer_steps.
    """
    stack, rows = np.stack(answers, axis=1), np.arange(len(lengths))  # (B, T, ...)
    if count is None:
        last: Array = stack[rows, lengths - 1]
        return last
    several: Array = stack[rows[:, None], lengths[:, None] - count + np.arange(count)]
    return several
