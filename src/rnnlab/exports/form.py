"""Base of the forms in which a network is exported.

B sequences, T steps.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.models import RecurrentModel
from rnnlab.spec import Array, Batch, Units

Axes = Mapping[int, str]  # axes whose size may vary: position -> name
BATCH: Axes = {0: "batch"}
STEPS: Axes = {0: "batch", 1: "time"}
STATE: Axes = {1: "batch"}

Execute = Callable[[Mapping[str, Any]], list[Array]]  # runs an exported program


@dataclass(frozen=True)
class Program:
    """One computation on tensors alone, which becomes one file.

    Attributes:
        module: takes the values of `arguments` in their order.
        arguments: name of each input -> an example of it.
        axes: name of each input and output -> its axes whose size may vary.
        outputs: name of each output.
        initial: name of each input that is a state -> its value before the first step, for one
            sequence, (1, 1, ...) or (steps, 1, ...).
    """

    module: nn.Module
    arguments: Mapping[str, Tensor]
    axes: Mapping[str, Axes]
    outputs: Sequence[str]
    initial: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.module.eval()  # exporters restore the mode of the module in all of its parts


class Form(ABC):
    """Form of an exported network: its programs, and their answer to a batch.

    Args:
        model: the network, in evaluation mode.
        has_units: batches have units, as those of series.

    Attributes:
        min_steps: of a sequence.
        answer_steps: last steps of a sequence that have an answer each; None for one answer.
    """

    min_steps: int = 1
    answer_steps: int | None = None

    def __init__(self, model: RecurrentModel, has_units: bool) -> None:
        self.model, self.has_units = model, has_units

    @abstractmethod
    def programs(self) -> dict[str, Program]:
        """Return the programs by the names of their files."""

    @abstractmethod
    def answer(self, programs: Mapping[str, Execute], batch: Batch) -> Array:
        """Return the answer of exported programs to a batch."""

    def reference(self, batch: Batch) -> Array:
        """Return the answer of the network to a batch; see Task.decode."""
        with torch.no_grad():
            return self.model.predict_step(batch, 0).numpy()


def to_tensors(batch: Batch) -> dict[str, Tensor]:
    """Return what a network reads of a batch, by the names of the inputs of a program."""
    parts = {"inputs": batch.inputs, "lengths": batch.lengths}
    if batch.units is not None:
        parts |= dict(zip(("location", "scale", "anchor"), batch.units[:3], strict=True))
    return parts | ({} if batch.future is None else {"future": batch.future})


def sequence_batch(parts: Mapping[str, Tensor]) -> Batch:
    """Return tensors, see to_tensors, as a batch without targets."""
    lengths = parts["lengths"]
    is_scaled = "location" in parts
    units = Units(parts["location"], parts["scale"], parts["anchor"]) if is_scaled else None
    inputs, future = parts["inputs"], parts.get("future")
    return Batch(inputs, lengths, lengths, lengths, units, future=future)
