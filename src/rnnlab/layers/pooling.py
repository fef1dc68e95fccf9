"""Pooling of the outputs of all steps to one vector per sequence: (B, T, H) -> (B, H)."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd import Function

from rnnlab.layers.kernels import (
    KernelUser,
    StepStatistics,
    compute_statistics,
    compute_statistics_gradient,
    is_plain_float,
    is_transformed,
)
from rnnlab.spec import valid_steps

PoolingName = Literal["last", "mean", "max", "mean_max", "attention"]


def pool_last(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return the output at the last valid step."""
    rows = torch.arange(outputs.shape[0], device=outputs.device)
    # Steps first, as recurrent layers store them: otherwise the gradient is stored sequence by
    # sequence, which takes two to three times as long on a CPU.
    return outputs.transpose(0, 1)[lengths - 1, rows]


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
STATISTICS: dict[str, Pool] = {"max": pool_max, "mean_max": pool_mean_max}


class StatisticsPooling(KernelUser, nn.Module):
    """Maximum, alone or with the mean; on a CPU with native kernels if its `kernel` is native.

    They read the outputs once in each direction; torch's operations read or write an array of their
    size about 15 times. For the mean alone torch is as fast. Calls that the kernels do not serve
    are computed by torch; see is_pooling_served.

    Args:
        name: max | mean_max.
    """

    library = "pooling"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        if self.kernel == "torch" or not is_pooling_served(outputs, lengths):
            return STATISTICS[self.name](outputs, lengths)
        mean, top = NativeStatistics.apply(outputs, lengths)  # type: ignore[no-untyped-call]
        return torch.cat([mean, top], dim=1) if self.name == "mean_max" else top


def is_pooling_served(outputs: Tensor, lengths: Tensor) -> bool:
    """Return whether the native kernels compute the statistics of these outputs."""
    return (
        is_plain_float(outputs)
        and outputs.dim() == 3
        and outputs.numel() > 0
        and outputs.stride(2) == 1
        and lengths.dtype is torch.int64
        and lengths.is_cpu
        and lengths.is_contiguous()
        and not is_transformed()
    )


class NativeStatistics(Function):
    """Mean and maximum over the valid steps, (B, H) each, as a function of outputs (B, T, H)."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        mean, top, ties = compute_statistics(outputs, lengths)
        ctx.save_for_backward(outputs, lengths, mean, top, ties)
        ctx.set_materialize_grads(False)  # one of both may have no gradient
        return mean, top

    @staticmethod
    def backward(ctx: Any, d_mean: Tensor | None, d_top: Tensor | None) -> tuple[Tensor, None]:
        outputs, lengths, *statistics = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph=True: the gradient must be differentiable
            return differentiable_gradient(outputs, lengths, d_mean, d_top), None
        arrays = outputs, lengths, StepStatistics(*statistics)
        return compute_statistics_gradient(*arrays, d_mean, d_top), None


def differentiable_gradient(
    outputs: Tensor, lengths: Tensor, d_mean: Tensor | None, d_top: Tensor | None
) -> Tensor:
    """Return the gradient of the outputs as a function of torch, so that it has derivatives too."""
    pairs = [
        (pool(outputs, lengths), gradient)
        for pool, gradient in ((pool_mean, d_mean), (pool_max, d_top))
        if gradient is not None
    ]
    results, gradients = zip(*pairs, strict=True)
    return torch.autograd.grad(results, outputs, gradients, create_graph=True)[0]


def find_pool(name: PoolingName, size: int, bidirectional: bool) -> Pool:
    """Return the pooling of a name; see Pooling."""
    if name == "attention":
        return AttentionPooling(size)
    if name in STATISTICS:
        return StatisticsPooling(name)
    ends = pool_ends if bidirectional else pool_last
    return pool_mean if name == "mean" else ends


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
        self.pool = find_pool(name, size, bidirectional)
        self.output_size = 2 * size if name == "mean_max" else size

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        return self.pool(outputs, lengths)
