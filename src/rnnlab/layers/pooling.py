"""Pooling of the outputs of all steps to one vector per sequence: (B, T, H) -> (B, H)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from rnnlab.spec import valid_steps

PoolingName = Literal["last", "mean", "max", "mean_max", "attention"]


def pool_last(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return the output at the last valid step."""
    rows = torch.arange(outputs.shape[0], device=outputs.device)
    return outputs[rows, lengths - 1]


def pool_ends(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return the last step of the forward and the first step of the backward direction."""
    ahead, behind = outputs.chunk(2, dim=2)  # (B, T, H / 2) each
    return torch.cat([pool_last(ahead, lengths), behind[:, 0]], dim=1)


def pool_mean(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean over the valid steps."""
    valid = valid_steps(lengths, outputs.shape[1]).to(outputs.dtype)
    # Not einsum, whose products of thin matrices take five times as long on a CPU.
    return (outputs * valid.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)


def pool_max(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return the largest value of each feature over the valid steps."""
    padding = ~valid_steps(lengths, outputs.shape[1])
    return outputs.masked_fill(padding.unsqueeze(2), -torch.inf).amax(dim=1)


def pool_mean_max(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return mean and max, concatenated, (B, 2H)."""
    return torch.cat([pool_mean(outputs, lengths), pool_max(outputs, lengths)], dim=1)


class AttentionPooling(nn.Module):
    """Weighted mean with learned weights (Yang et al., 2016, word attention).

    weight_t = softmax_t(v . tanh(W output_t + b)), over the valid steps.

    Args:
        size: H.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.project = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def weights(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the weight of each step, (B, T): sums to one, zero on padding."""
        scores = self.score(torch.tanh(self.project(outputs))).squeeze(2)  # (B, T)
        padding = ~valid_steps(lengths, outputs.shape[1])
        weights: Tensor = scores.masked_fill(padding, -torch.inf).softmax(dim=1)
        return weights

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        return torch.einsum("bth,bt->bh", outputs, self.weights(outputs, lengths))


Pool = Callable[[Tensor, Tensor], Tensor]
PLAIN: dict[str, Pool] = {"mean": pool_mean, "max": pool_max, "mean_max": pool_mean_max}


class Pooling(nn.Module):
    """One of the poolings above, by name.

    Args:
        name: last | mean | max | mean_max | attention.
        size: H, both directions together.
        bidirectional: the second half of the features was read backwards.

    Attributes:
        output_size: features of the result.
    """

    def __init__(self, name: PoolingName, size: int, bidirectional: bool) -> None:
        super().__init__()
        poolings = PLAIN | {"last": pool_ends if bidirectional else pool_last}
        self.pool = AttentionPooling(size) if name == "attention" else poolings[name]
        self.output_size = 2 * size if name == "mean_max" else size

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        return self.pool(outputs, lengths)
