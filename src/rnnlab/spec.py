"""What travels between a data set and a task: sizes once, batches many times."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]
Ints = NDArray[np.int64]

PADDING_ID, UNKNOWN_ID = 0, 1  # the first two token ids of every vocabulary
START_ID, END_ID = 2, 3  # the next two, of vocabularies for generated or continuous text


@dataclass(frozen=True)
class DataSpec:
    """The sizes and names that a task needs to be built.

    Exactly one of `num_tokens` and `input_size` is given.

    Attributes:
        output_size: number of classes, of target variables, or of target tokens.
        num_tokens: vocabulary size, padding and unknown included, where the inputs are tokens.
        input_size: features of a step, where the inputs are numbers.
        horizon: steps to forecast, counted from the last input; of classes the number of last steps
            that have one each.
        class_names: name of each class, in the order of the targets.
        noise_variance: variance of the noise in the targets where it is known, else None.
        noise_floor: mean squared error of the best unbiased linear forecast, where it is known.
        transform: what the network forecasts of a series; see rnnlab.tasks.forecasting.TRANSFORMS.
        variables: name of each target variable.
        class_counts: training targets of each class, in the order of the targets.
        positive_class: the class that F1 is of; None for the mean over all classes.
        token_kind: words | characters | bpe, where the targets are tokens.
        target_ratio: tokens that a long target has for each token of its source; bounds an answer.
    """

    output_size: int
    num_tokens: int | None = None
    input_size: int | None = None
    horizon: int = 1
    class_names: tuple[str, ...] = ()
    noise_variance: float | None = None
    noise_floor: float | None = None
    transform: str = "none"
    variables: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    positive_class: int | None = None
    token_kind: str = "words"
    target_ratio: float = 2.0

    def __post_init__(self) -> None:
        for name in ("class_names", "variables", "class_counts"):  # a checkpoint gives lists back
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def label_names(self) -> tuple[str, ...]:
        """`class_names`, or the numbers of the classes where they have no names."""
        return self.class_names or tuple(map(str, range(self.output_size)))


class Units(NamedTuple):
    """How what a network says of a series is turned into the units of the targets, and back.

    Attributes:
        location: mean of what is forecast, (B, 1, variables).
        scale: its standard deviation, (B, 1, variables).
        anchor: the last value that was read, in the units of the targets, (B, 1, variables).
    """

    location: Tensor
    scale: Tensor
    anchor: Tensor


class Batch(NamedTuple):
    """A batch of sequences, padded at the end.

    Attributes:
        inputs: token ids (B, T), int32 or int64, or values (B, T, D).
        lengths: valid steps of each sequence, (B,), each in 1..T.
        targets: what is to be predicted: classes (B,) or (B, horizon), future values (B, horizon,
            variables), the token behind each step (B, T), or a sentence (B, U), padded.
        rows: position of each target in its split, (B,), or (B, T) where each step has one; says
            which target a prediction is of.
        units: of a series; None where the network's own are those of the targets.
        continues: the sequences continue those of the batch before, and begin with its state.
        lr_scale: what the learning rate of a step on this batch is multiplied by.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor
    units: Units | None = None
    continues: bool = False
    lr_scale: float = 1.0


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """True where a step belongs to its sequence, (B,) -> (B, T).

    >>> valid_steps(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)
