"""The last layer of a network that chooses among many tokens, and its loss, as one operation.

N targets, H features, V classes. The scores of all classes, (N, V), take most of the memory of a
language model, and are wanted for nothing but the loss: here they are made and used up a few
targets at a time. Nothing is approximated.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

CHUNK_SCORES = {"cpu": 1 << 22, "cuda": 1 << 27}  # scores that are held at once, by default
NOTHING = -100  # torch's own id of a target that does not count


class _Setting(NamedTuple):
    """What is no tensor.

    Attributes:
        ignore_index: a target that does not count.
        chunk_size: rows whose scores are held at once.
        dtype: that matrices are multiplied in; everything else is at least in single precision.
        gradients: make them in the forward pass.
        gradient_dtype: that the matrices of the gradients are multiplied in.
    """

    ignore_index: int
    chunk_size: int
    dtype: torch.dtype
    gradients: bool
    gradient_dtype: torch.dtype


def linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    ignore_index: int = NOTHING,
    chunk_size: int | None = None,
    gradient_dtype: torch.dtype | None = None,
) -> Tensor:
    """Cross entropy of a linear layer, of each target alone.

    The same values and gradients as

        cross_entropy(linear(features, weight, bias), targets, reduction="none")

    with the scores of `chunk_size` rows in memory instead of all N. If a gradient is wanted, it is
    made in the same pass, as of losses that weigh alike, which they do in their mean and their
    sum; if they turn out to weigh differently, the scores are made once more. The gradient cannot
    be differentiated again.

    Args:
        features: (N, H).
        weight: (V, H).
        bias: (V,), or None.
        targets: the right class of each row, (N,), in 0..V-1.
        ignore_index: a target that does not count: its loss and its gradients are zero.
        chunk_size: rows whose scores are held at once; None for what is fast on this device.
        gradient_dtype: that the matrices of the gradients are multiplied in, None for that of the
            scores. bfloat16 takes half the time on many processors; it rounds a gradient by some
            0.3% of its size, and no loss.

    Returns:
        Losses in nats, (N,), in single precision or better.
    """
    device = features.device.type
    known = [part for part in (features, weight, bias) if part is not None]
    autocast = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if autocast else features.dtype
    setting = _Setting(
        ignore_index,
        chunk_size or fast_chunk_size(len(features), len(weight), device),
        dtype,
        torch.is_grad_enabled() and any(part.requires_grad for part in known),
        gradient_dtype or dtype,
    )
    with torch.autocast(device, enabled=False):
        losses: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
            features, weight, bias, targets, setting
        )
    return losses


def fast_chunk_size(rows: int, classes: int, device: str) -> int:
    """Rows of equal chunks whose scores are few enough for the caches.

    >>> fast_chunk_size(700, 10_000, "cpu")
    350
    """
    most = max(1, CHUNK_SCORES.get(device, CHUNK_SCORES["cpu"]) // classes)
    chunks = max(1, -(-rows // most))
    return max(1, -(-rows // chunks))


class _LinearCrossEntropy(Function):
    """See linear_cross_entropy."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        setting: _Setting,
    ) -> Tensor:
        ctx.save_for_backward(features, weight, bias, targets)
        ctx.setting = setting
        losses, ctx.gradients = _pass(features, weight, bias, targets, setting)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        made, ctx.gradients = ctx.gradients, None  # given away: who comes again gets new ones
        if made is not None and bool((upstream == upstream[:1]).all()):
            for gradient in made:
                gradient.mul_(upstream[:1].squeeze() if len(upstream) else 0)
        else:
            setting = ctx.setting._replace(gradients=True)
            features, weight, bias, targets = ctx.saved_tensors
            _, made = _pass(features, weight, bias, targets, setting, upstream)
        given = [part for part in ctx.saved_tensors[:3] if part is not None]
        parts = [made_of.to(part.dtype) for made_of, part in zip(made, given, strict=True)]
        return (*parts, *[None] * (5 - len(parts)))


def _pass(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    setting: _Setting,
    upstream: Tensor | None = None,
) -> tuple[Tensor, list[Tensor] | None]:
    """Losses of all rows; and, if wanted, the gradients of their sum weighted by `upstream`."""
    precise = torch.promote_types(setting.dtype, torch.float32)
    counts = (targets != setting.ignore_index).to(precise)
    weights = counts if upstream is None else counts * upstream
    targets = targets.where(counts.bool(), 0)
    losses = torch.empty_like(counts)
    matrix = weight.to(setting.dtype)
    offset = None if bias is None else bias.to(setting.dtype)
    gradients = [
        torch.zeros(part.shape, dtype=precise, device=part.device)
        for part in (features, weight, bias)
        if part is not None and setting.gradients
    ]
    coarse = matrix.to(setting.gradient_dtype) if gradients else matrix
    # One piece of memory for all chunks: a new one for each would cost as much as the softmax.
    room = matrix.new_empty(min(setting.chunk_size, len(features)), len(matrix))
    for start in range(0, len(features), setting.chunk_size):
        rows = slice(start, start + setting.chunk_size)
        chunk = features[rows].to(setting.dtype)
        scores = _scores(chunk, matrix, offset, room[: len(chunk)]).to(precise)  # (n, V)
        right = targets[rows].unsqueeze(1)
        at_right = scores.gather(1, right).squeeze(1)
        largest = scores.amax(1)
        shares = torch.softmax(scores, 1, out=scores)
        # Of any class, its score - log(its share) is log(sum(exp(scores))); the largest is exact.
        losses[rows] = largest - shares.amax(1).log() - at_right
        if gradients:
            _add_gradients(gradients, rows, shares, right, chunk, coarse, weights[rows])
    return losses * counts, gradients or None


def _scores(chunk: Tensor, matrix: Tensor, offset: Tensor | None, out: Tensor) -> Tensor:
    """The linear layer, into memory that is there: (n, H) to (n, V)."""
    if offset is None:
        return torch.mm(chunk, matrix.T, out=out)
    return torch.addmm(offset, chunk, matrix.T, out=out)


def _add_gradients(
    gradients: list[Tensor],
    rows: slice,
    shares: Tensor,
    right: Tensor,
    chunk: Tensor,
    matrix: Tensor,
    weights: Tensor,
) -> None:
    """Add what these rows give: the gradient of a score is its share, less 1 at the right one.

    Matrices are multiplied in the precision of `matrix`.
    """
    index = torch.arange(len(right), device=right.device)
    shares[index, right.squeeze(1)] -= 1
    of_bias = shares.T @ weights if len(gradients) == 3 else None
    shares, column = shares.to(matrix.dtype), weights.unsqueeze(1)
    gradients[0][rows] = shares @ matrix * column
    weighted = (chunk * column).to(matrix.dtype)
    if gradients[1].dtype == shares.dtype:
        gradients[1].addmm_(shares.T, weighted)
    else:  # many chunks are added in more precision than they are multiplied in
        gradients[1] += shares.T @ weighted
    if of_bias is not None:
        gradients[2] += of_bias
