"""Gradient clipping in one pass, with the norm of the gradients before it.

A gradient norm is the Euclidean norm of the gradients of all parameters together.
"""

import math
from bisect import insort
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


class AutoClip:
    """Threshold that follows the gradient norms.

    AutoClip (Seetharaman et al., 2020, https://arxiv.org/abs/2007.14469): the threshold of a step
    is the 10th percentile of the norms of all steps so far, its own one included. Norms of zero and
    norms that are not finite are left out. Reading the norm waits for the device in each step.

    Attributes:
        norms: of the steps so far, sorted.
    """

    PERCENTILE = 10.0

    def __init__(self) -> None:
        self.norms: list[float] = []

    def update(self, norm: float) -> float:
        """Return the threshold of a step with this norm; infinite before the first finite norm."""
        if 0 < norm < math.inf:
            insort(self.norms, norm)
        if not self.norms:
            return math.inf
        place = self.PERCENTILE / 100 * (len(self.norms) - 1)
        low = self.norms[math.floor(place)]
        high = self.norms[math.ceil(place)]
        return low + (high - low) * (place - math.floor(place))

    def state(self) -> Tensor:
        """Return the norms for a checkpoint."""
        return torch.tensor(self.norms, dtype=torch.float64)

    def load(self, state: Tensor) -> None:
        """Restore the norms of a checkpoint."""
        self.norms = state.tolist()


def clip_gradients(
    optimizer: Optimizer,
    threshold: float | AutoClip | None,
    algorithm: Literal["norm", "value"] = "norm",
) -> GradientSize:
    """Clip the gradients of an optimizer in place, as torch does, and return their size before it.

    The norm is computed once, for the clipping and for its callers; nothing waits for the device
    unless the threshold follows the norms.

    Args:
        optimizer: its parameters have gradients that are not scaled.
        threshold: None for no clipping.
        algorithm: norm | value, see lightning.pytorch.Trainer.
    """
    members = [p for group in optimizer.param_groups for p in group["params"]]
    parameters = [parameter for parameter in members if parameter.grad is not None]
    gradients = [parameter.grad for parameter in parameters]
    norm = get_total_norm(gradients)
    if isinstance(threshold, AutoClip):
        threshold = threshold.update(norm.item())
    if threshold is None or threshold == math.inf:
        return GradientSize(norm, norm, math.inf)
    if algorithm == "norm":
        if not keeps_gradients(norm, threshold):
            clip_grads_with_norm_(parameters, threshold, norm)
        return GradientSize(norm, norm, threshold)
    largest = get_total_norm(gradients, norm_type=math.inf)
    clip_grad_value_(parameters, threshold)
    return GradientSize(norm, largest, threshold)


def keeps_gradients(norm: Tensor, threshold: float) -> bool:
    """Return whether torch would multiply all gradients by 1; reading a norm on a GPU waits for it.

    The margin is larger than the rounding of torch, which decides in single precision.

    >>> keeps_gradients(torch.tensor(0.5), 1.0), keeps_gradients(torch.tensor(torch.nan), 1.0)
    (True, False)
    """
    return norm.device.type == "cpu" and threshold >= (norm.item() + 1e-6) * (1 + 1e-6)


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
