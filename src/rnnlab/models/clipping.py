"""Gradient clipping in one pass, with the norm of the gradients before it.

A gradient norm is the Euclidean norm of the gradients of all parameters together.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer


class GradientSize(NamedTuple):
    """Size of the gradients of one optimizer step, before they are clipped.

    Attributes:
        norm: gradient norm, a scalar on the device of the parameters.
        largest: what clipping compares with its threshold: the norm, or the largest absolute
            gradient of a parameter with gradient_clip_algorithm=value.
        threshold: gradients above it are clipped; infinite without clipping.
    """

    norm: Tensor
    largest: Tensor
    threshold: float


def clip_gradients(
    optimizer: Optimizer, threshold: float | None, algorithm: Literal["norm", "value"] = "norm"
) -> GradientSize:
    """Clip the gradients of an optimizer in place, as torch does, and return their size before it.

    The norm is computed once, for the clipping and for its callers; nothing waits for the device.

    Args:
        optimizer: its parameters have gradients that are not scaled.
        threshold: None for no clipping.
        algorithm: norm | value, see lightning.pytorch.Trainer.
    """
    members = [p for group in optimizer.param_groups for p in group["params"]]
    parameters = [parameter for parameter in members if parameter.grad is not None]
    gradients = [parameter.grad for parameter in parameters]
    norm = get_total_norm(gradients)
    if threshold is None:
        return GradientSize(norm, norm, math.inf)
    if algorithm == "norm":
        clip_grads_with_norm_(parameters, threshold, norm)
        return GradientSize(norm, norm, threshold)
    largest = get_total_norm(gradients, norm_type=math.inf)
    clip_grad_value_(parameters, threshold)
    return GradientSize(norm, largest, threshold)


def unscales_in_step(optimizer: Optimizer) -> bool:
    """Return whether an optimizer unscales its gradients in its own step, as fused ones do."""
    return bool(getattr(optimizer, "_step_supports_amp_scaling", False))


def read_sizes(sizes: Sequence[GradientSize]) -> list[tuple[float, float, float]]:
    """Return norm, largest value and threshold of each step, in one transfer from the device."""
    if not sizes:
        return []
    norms = torch.stack([size.norm.double() for size in sizes]).tolist()
    largest = torch.stack([size.largest.double() for size in sizes]).tolist()
    return list(zip(norms, largest, (size.threshold for size in sizes), strict=True))
