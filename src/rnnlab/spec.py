"""Interface between data sets, architectures and tasks: sizes and batches."""

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
    """Sizes and names of a data set, for building a task.

    Exactly one of `num_tokens` and `input_size` is set.

    Attributes:
        output_size: number of classes, of target variables, or of target tokens.
        num_tokens: vocabulary size, padding and unknown included, where the inputs are tokens.
        input_size: features of a step, where the inputs are numbers.
        known_size: features of each step of the horizon that are known in advance.
        horizon: steps to forecast after the last input; for classes the number of last steps that
            have one each.
        class_names: name of each class, in the order of the targets.
        noise_variance: variance of the noise in the targets where it is known, else None.
        noise_floor: mean squared error of the best unbiased linear forecast, where it is known.
        transform: what the network forecasts of a series; see rnnlab.tasks.forecasting.TRANSFORMS.
        variables: name of each target variable.
        class_counts: training targets of each class, in the order of the targets.
        positive_class: class of the F1 score; None for the mean over all classes.
        token_kind: words | characters | bpe, where the targets are tokens.
        target_ratio: tokens that a long target has for each token of its source; bounds an answer.
    """

    output_size: int
    num_tokens: int | None = None
    input_size: int | None = None
    known_size: int = 0
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
        for name in ("class_names", "variables", "class_counts"):  # lists in a checkpoint
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def label_names(self) -> tuple[str, ...]:
        """`class_names`, or the numbers of the classes where they have no names."""
        return self.class_names or tuple(map(str, range(self.output_size)))


class Units(NamedTuple):
    """Scaling between the predictions of a network for a series and the units of the targets.

    Attributes:
        location: mean of the forecast variables, (B, 1, variables).
        scale: their standard deviation, (B, 1, variables).
        anchor: the last input value, in the units of the targets, (B, 1, variables).
        error_scale: divides errors before a mean over several variables of different units, (B, 1,
            variables); NaN for a variable that does not count in it. None for 1.
    """

    location: Tensor
    scale: Tensor
    anchor: Tensor
    error_scale: Tensor | None = None


class Batch(NamedTuple):
    """A batch of sequences, padded at the end.

    Attributes:
        inputs: token ids (B, T), int32 or int64, or values (B, T, D).
        lengths: valid steps of each sequence, (B,), each in 1..T.
        targets: classes (B,) or (B, horizon), future values (B, horizon, variables), the token
            after each step (B, T), or a sentence (B, U), padded.
        rows: position of each target in its split, (B,), or (B, T) where each step has one.
        units: of a series; None where predictions are in the units of the targets.
        continues: the sequences continue those of the previous batch, and start from its state.
        lr_scale: multiplies the learning rate of a step on this batch.
        future: features of the steps of the horizon that are known in advance, (B, horizon,
            known_size); None without any.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor
    units: Units | None = None
    continues: bool = False
    lr_scale: float = 1.0
    future: Tensor | None = None


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """Return True where a step belongs to its sequence, (B,) -> (B, T).

    >>> valid_steps(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)
