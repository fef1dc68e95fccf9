"""Poolings that read one step at a time.

B sequences, H features. What a pooling carries from step to step has the shape of a recurrent
state, (1, B, ...).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnlab.layers import AttentionPooling
from rnnlab.tasks import Classification

Parts = list[Tensor]


class Stream(NamedTuple):
    """A pooling that reads one step at a time.

    Attributes:
        initial: its parts before the first step, each (1, 1, ...).
        update: maps the output of a step (1, B, H) and the parts before it to the pooled outputs
            of all steps so far, (1, B, H) or (1, B, 2H), and the parts after it.
    """

    initial: Parts
    update: Callable[[Tensor, Parts], tuple[Tensor, Parts]]


def stream_last(size: int) -> Stream:
    """See pool_last."""
    return Stream([], lambda output, parts: (output, []))


def stream_mean(size: int) -> Stream:
    """See pool_mean; carries the number and the sum of the outputs."""

    def update(output: Tensor, parts: Parts) -> tuple[Tensor, Parts]:
        count, total = parts[0] + 1, parts[1] + output
        return total / count, [count, total]

    return Stream([torch.zeros(1, 1, 1), torch.zeros(1, 1, size)], update)


def stream_max(size: int) -> Stream:
    """See pool_max; carries the largest values."""

    def update(output: Tensor, parts: Parts) -> tuple[Tensor, Parts]:
        largest = torch.maximum(parts[0], output)
        return largest, [largest]

    return Stream([torch.full((1, 1, size), -torch.inf)], update)


def stream_mean_max(size: int) -> Stream:
    """See pool_mean_max."""
    mean, largest = stream_mean(size), stream_max(size)

    def update(output: Tensor, parts: Parts) -> tuple[Tensor, Parts]:
        first, mean_parts = mean.update(output, parts[:2])
        second, max_parts = largest.update(output, parts[2:])
        return torch.cat([first, second], dim=2), mean_parts + max_parts

    return Stream(mean.initial + largest.initial, update)


def stream_attention(pool: AttentionPooling, size: int) -> Stream:
    """See AttentionPooling; a softmax with the largest score, the sum and the weighted sum."""

    def update(output: Tensor, parts: Parts) -> tuple[Tensor, Parts]:
        score = pool.score(torch.tanh(pool.project(output)))  # (1, B, 1)
        largest = torch.maximum(parts[0], score)
        decay, weight = torch.exp(parts[0] - largest), torch.exp(score - largest)
        total, weighted_sum = parts[1] * decay + weight, parts[2] * decay + weight * output
        return weighted_sum / total, [largest, total, weighted_sum]

    zero = torch.zeros(1, 1, 1)
    return Stream([zero - torch.inf, zero, torch.zeros(1, 1, size)], update)


STREAMS: dict[str, Callable[[int], Stream]] = {
    "last": stream_last,
    "mean": stream_mean,
    "max": stream_max,
    "mean_max": stream_mean_max,
}


class StreamingPooling(nn.Module):
    """Pooling over the steps so far, from one step and what the steps before it left.

    Attributes:
        initial: see Stream.
        parts: to be set before each call; replaced by those after the step.
    """

    def __init__(self, task: Classification, size: int) -> None:
        super().__init__()
        pool = task.pooling.pool
        self.attention = pool if isinstance(pool, AttentionPooling) else None
        self._stream = (
            STREAMS[task.pooling_name](size)
            if self.attention is None
            else stream_attention(self.attention, size)
        )
        self.initial = self._stream.initial
        self.parts: Parts = self.initial

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Map the output of a step (B, 1, H) to the pooled outputs of all steps so far (B, ...)."""
        features, self.parts = self._stream.update(outputs.transpose(0, 1), self.parts)
        return features[0]
