"""Linear layer and cross entropy over many classes as one operation.

N targets, H features, V classes. The scores of all classes, (N, V), take most of the memory of a
language model and only the loss needs them. This operation computes them in chunks of a few
targets. The result is exact. On a CPU it can be computed by native kernels (`layers/kernels/`).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from rnnlab.layers.kernels import KernelUser, compute_cross_entropy, is_plain_float, is_transformed

CHUNK_SCORES = {"cpu": 1 << 22, "cuda": 1 << 27}  # scores in memory at once, by default
IGNORE_INDEX = -100  # the default of torch


class _Setting(NamedTuple):
    """Arguments that are not tensors.

    Attributes:
        ignore_index: target without a loss.
        chunk_size: rows whose scores are in memory at once.
        dtype: of matrix products; everything else is at least in single precision.
        gradients: compute them in the forward pass.
        gradient_dtype: of the matrix products of the gradients.
        is_native: compute everything with the native kernels.
    """

    ignore_index: int
    chunk_size: int
    dtype: torch.dtype
    gradients: bool
    gradient_dtype: torch.dtype
    is_native: bool = False


class LinearCrossEntropy(KernelUser, nn.Module):
    """See linear_cross_entropy; on a CPU with native kernels if its `kernel` is set to native.

    Calls that the kernels do not serve are computed by torch: other types and devices, other
    products for the gradients, autocast, tracing, and no rows.

    Args:
        gradient_dtype: of the matrix products of the gradients; None for that of the scores.
    """

    library = "cross_entropy"

    def __init__(self, gradient_dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.gradient_dtype = gradient_dtype

    def forward(
        self, features: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> Tensor:
        """Return the losses (N,) of features (N, H), weight (V, H), bias (V,), targets (N,)."""
        inputs = (features, weight, targets) if bias is None else (features, weight, targets, bias)
        is_native = self.kernel == "native" and self.gradient_dtype is None and is_served(*inputs)
        return linear_cross_entropy(
            features,
            weight,
            bias,
            targets,
            gradient_dtype=self.gradient_dtype,
            is_native=is_native,
        )


def is_served(features: Tensor, weight: Tensor, targets: Tensor, *bias: Tensor) -> bool:
    """Return whether the native kernels compute a call with these tensors."""
    return (
        all(map(is_plain_float, (features, weight, *bias)))
        and features.numel() > 0
        and targets.dtype is torch.int64
        and targets.is_cpu
        and not is_transformed()
    )


def linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    ignore_index: int = IGNORE_INDEX,
    chunk_size: int | None = None,
    gradient_dtype: torch.dtype | None = None,
    is_native: bool = False,
) -> Tensor:
    """Return the cross entropy of a linear layer for each target.

    Has the same values and gradients as

        cross_entropy(linear(features, weight, bias), targets, reduction="none")

    with the scores of `chunk_size` rows in memory instead of all N. The forward pass also computes
    the gradient, for losses with equal weights as in a mean or a sum; if the weights turn out to
    differ, the backward pass computes the scores again. The gradient cannot be differentiated.

    Args:
        features: (N, H).
        weight: (V, H).
        bias: (V,), or None.
        targets: class of each row, (N,), in 0..V-1.
        ignore_index: target whose loss and gradients are zero.
        chunk_size: rows whose scores are in memory at once; None for a fast size on this device.
        gradient_dtype: of the matrix products of the gradients; None for that of the scores.
            bfloat16 takes half the time on many processors. It rounds gradients by about 0.3% of
            their size and leaves the losses exact.
        is_native: compute with the native kernels, see LinearCrossEntropy.

    Returns:
        Losses in nats, (N,), in single precision or better.
    """
    device = features.device.type
    inputs = [part for part in (features, weight, bias) if part is not None]
    gradients = torch.is_grad_enabled() and any(part.requires_grad for part in inputs)
    autocast = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if autocast else features.dtype
    size = chunk_size or fast_chunk_size(len(features), len(weight), device)
    setting = _Setting(ignore_index, size, dtype, gradients, gradient_dtype or dtype, is_native)
    with torch.autocast(device, enabled=False):
        losses: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
            features, weight, bias, targets, setting
        )
    return losses


def fast_chunk_size(rows: int, classes: int, device: str) -> int:
    """Return the rows of equal chunks whose scores fit the caches.

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
        gradients, ctx.gradients = ctx.gradients, None  # scaled in place: usable only once
        if gradients is not None and bool((upstream == upstream[:1]).all()):
            _scale_gradients(gradients, upstream)
        else:
            setting = ctx.setting._replace(gradients=True)
            features, weight, bias, targets = ctx.saved_tensors
            _, gradients = _pass(features, weight, bias, targets, setting, upstream)
        inputs = [part for part in ctx.saved_tensors[:3] if part is not None]
        parts = [grad.to(part.dtype) for grad, part in zip(gradients, inputs, strict=True)]
        return (*parts, *[None] * (5 - len(parts)))


def _mean_weight(rows: Tensor) -> Tensor:
    """Return the weight of a row in a mean, a scalar: the gradients of the forward pass have it."""
    return rows.new_ones(()) / max(1, len(rows))


def _scale_gradients(gradients: list[Tensor], upstream: Tensor) -> None:
    """Multiply gradients of a mean in place, for losses that all have the same gradient (N,)."""
    factor = (upstream[:1] / _mean_weight(upstream)).squeeze() if len(upstream) else 0
    if isinstance(factor, Tensor) and factor.device.type == "cpu" and factor == 1:
        return
    for gradient in gradients:
        gradient.mul_(factor)


def _native_pass(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    setting: _Setting,
    upstream: Tensor | None,
) -> tuple[Tensor, list[Tensor] | None]:
    """See _pass."""
    loss_weights = None
    if setting.gradients:
        mean = _mean_weight(features[:, 0]).expand(len(features))
        loss_weights = (mean if upstream is None else upstream).contiguous()
    sizes = (setting.chunk_size, setting.ignore_index)
    return compute_cross_entropy(features, weight, bias, targets, loss_weights, *sizes)


def _pass(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    setting: _Setting,
    upstream: Tensor | None = None,
) -> tuple[Tensor, list[Tensor] | None]:
    """Return the losses of all rows and the gradients of their sum weighted by `upstream`.

    Without weights the gradients are those of the mean.
    """
    if setting.is_native:
        return _native_pass(features, weight, bias, targets, setting, upstream)
    precise = torch.promote_types(setting.dtype, torch.float32)
    counts = (targets != setting.ignore_index).to(precise)
    weights = counts * (_mean_weight(counts) if upstream is None else upstream)
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
    # One buffer for all chunks: allocating one per chunk would cost as much as the softmax.
    buffer = matrix.new_empty(min(setting.chunk_size, len(features)), len(matrix))
    for start in range(0, len(features), setting.chunk_size):
        rows = slice(start, start + setting.chunk_size)
        chunk = features[rows].to(setting.dtype)
        scores = _scores(chunk, matrix, offset, buffer[: len(chunk)]).to(precise)  # (n, V)
        right = targets[rows].unsqueeze(1)
        at_right = scores.gather(1, right).squeeze(1)
        largest = scores.amax(1)
        shares = torch.softmax(scores, 1, out=scores)
        # score - log(share) of any class is log(sum(exp(scores))); exact for the largest score.
        losses[rows] = largest - shares.amax(1).log() - at_right
        if gradients:
            _add_gradients(gradients, rows, shares, right, chunk, coarse, weights[rows])
    return losses * counts, gradients or None


def _scores(chunk: Tensor, matrix: Tensor, offset: Tensor | None, out: Tensor) -> Tensor:
    """Compute the linear layer into `out`: (n, H) to (n, V)."""
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
    """Add the gradients of these rows; that of a score is its share, minus 1 at the target.

    Matrix products are in the precision of `matrix`.
    """
    index = torch.arange(len(right), device=right.device)
    shares[index, right.squeeze(1)] -= 1
    of_bias = shares.T @ weights if len(gradients) == 3 else None
    shares, column = shares.to(matrix.dtype), weights.unsqueeze(1)
    gradients[0][rows] = shares @ matrix * column
    weighted_chunk = (chunk * column).to(matrix.dtype)
    if gradients[1].dtype == shares.dtype:
        gradients[1].addmm_(shares.T, weighted_chunk)
    else:  # sum many chunks in higher precision than their products
        gradients[1] += shares.T @ weighted_chunk
    if of_bias is not None:
        gradients[2] += of_bias
