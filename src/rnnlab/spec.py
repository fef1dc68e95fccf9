"""What travels between a data set and a task: sizes once, batches many times."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class DataSpec:
    """The sizes and names that a task needs to be built.

    Exactly one of `num_tokens` and `input_size` is given.

    Attributes:
        output_size: number of classes, or of target variables.
        num_tokens: vocabulary size, padding and unknown included, where the inputs are tokens.
        input_size: features of a step, where the inputs are numbers.
        horizon: steps to forecast, counted from the last input.
        class_names: name of each class, in the order of the targets.
        noise_variance: variance of the noise in the targets where it is known, else None.
        noise_floor: mean squared error of the best unbiased linear forecast, where it is known.
    """

    output_size: int
    num_tokens: int | None = None
    input_size: int | None = None
    horizon: int = 1
    class_names: tuple[str, ...] = ()
    noise_variance: float | None = None
    noise_floor: float | None = None

    def __post_init__(self) -> None:
        # A checkpoint gives lists back.
        object.__setattr__(self, "class_names", tuple(self.class_names))


class Batch(NamedTuple):
    """A batch of sequences, padded at the end.

    Attributes:
        inputs: token ids (B, T) or values (B, T, D).
        lengths: valid steps of each sequence, (B,), each in 1..T.
        targets: what is to be predicted; classes (B,) or future values (B, horizon, D).
        rows: position of each sequence in its split, (B,); says which target a prediction is of.
    """

    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    rows: Tensor


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """True where a step belongs to its sequence, (B,) -> (B, T).

    >>> valid_steps(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)
