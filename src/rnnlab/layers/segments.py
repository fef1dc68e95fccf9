"""Segments of a sequence as the steps of a recurrence.

B batch, T time, S steps of a segment, N segments, D features.
"""

import torch
from torch import Tensor


def count_segments(steps: int, size: int) -> int:
    """Return the number of segments of `size` that `steps` steps need.

    >>> count_segments(5, 2)
    3
    """
    return (steps + size - 1) // size


def segment_of_step(lengths: Tensor, steps: int, size: int) -> Tensor:
    """Return the segment of each step, (B, T); the last segment where a step is padding.

    Segments end where their sequence ends, so that the first one may be shorter.

    >>> segment_of_step(torch.tensor([5, 3]), 5, 2)
    tensor([[0, 1, 1, 2, 2],
            [0, 1, 1, 2, 2]])
    """
    missing = -lengths.unsqueeze(1) % size  # steps that the first segment lacks, (B, 1)
    numbers = (torch.arange(steps, device=lengths.device) + missing) // size
    return numbers.clamp(max=count_segments(steps, size) - 1)


def split_segments(inputs: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Split each sequence into segments, counted from its end: (B, T, D) -> (B, N, S, D).

    Zeros fill the first segment and the segments after the end of a sequence.

    >>> x = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 0, 0]]).unsqueeze(2)
    >>> split_segments(x, torch.tensor([5, 3]), 2).squeeze(3)
    tensor([[[0, 1],
             [2, 3],
             [4, 5]],
    <BLANKLINE>
            [[0, 6],
             [7, 8],
             [0, 0]]])
    """
    batch, steps, features = inputs.shape
    places = torch.arange(count_segments(steps, size) * size, device=inputs.device)
    source = places - (-lengths.unsqueeze(1) % size)  # step at each place, (B, N * S)
    empty = (source < 0) | (source >= lengths.unsqueeze(1))
    order = source.clamp(0, steps - 1).unsqueeze(2).expand(-1, -1, features)
    segments = inputs.gather(1, order).masked_fill(empty.unsqueeze(2), 0)
    return segments.reshape(batch, -1, size, features)
