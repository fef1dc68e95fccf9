"""Mean and maximum over the steps of sequences with native kernels."""

import ctypes
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from rnnlab.layers.kernels.library import load_library

# `Call` of pooling.c: 8 numbers and 8 arrays, all of 8 bytes.
PoolingCall = ctypes.c_int64 * 16


class StepStatistics(NamedTuple):
    """What the steps of each sequence have together, (B, H) each.

    Attributes:
        mean: NaN without steps.
        top: the maximum; -inf without steps.
        ties: number of steps that have the maximum; 0 if it is NaN.
    """

    mean: Tensor
    top: Tensor
    ties: Tensor


def compute_statistics(outputs: Tensor, lengths: Tensor) -> StepStatistics:
    """Return mean and maximum over the valid steps.

    Args:
        outputs: (B, T, H), float32 on the CPU, not empty; the features of a step are contiguous.
        lengths: (B,), int64, contiguous.
    """
    batch, _, width = outputs.shape
    statistics = StepStatistics(*outputs.new_empty(3, batch, width).unbind())
    _call("rnnlab_pool", outputs, lengths, statistics, (None, None, None))
    return statistics


def compute_statistics_gradient(
    outputs: Tensor,
    lengths: Tensor,
    statistics: StepStatistics,
    d_mean: Tensor | None,
    d_top: Tensor | None,
) -> Tensor:
    """Return the gradient of the outputs, (B, T, H), in their layout.

    Args:
        outputs: see compute_statistics, as lengths.
        lengths: of the sequences.
        statistics: of these outputs.
        d_mean: gradient of the mean, (B, H); None if it has none.
        d_top: gradient of the maximum.
    """
    gradients = [None if one is None else one.contiguous() for one in (d_mean, d_top)]
    d_outputs = torch.empty_like(outputs)
    _call("rnnlab_pool_back", outputs, lengths, statistics, (*gradients, d_outputs))
    return d_outputs


def _call(
    name: Literal["rnnlab_pool", "rnnlab_pool_back"],
    outputs: Tensor,
    lengths: Tensor,
    statistics: StepStatistics,
    gradients: tuple[Tensor | None, ...],
) -> None:
    """Call a function of the library; the gradients are those of mean, top and outputs."""
    *_, d_outputs = gradients
    rows = [0 if array is None else array.stride(0) for array in (outputs, d_outputs)]
    steps = [0 if array is None else array.stride(1) for array in (outputs, d_outputs)]
    strides = [steps[0], rows[0], steps[1], rows[1]]
    arrays = (outputs, lengths, *statistics, *gradients)
    pointers = [0 if array is None else array.data_ptr() for array in arrays]
    library = load_library("pooling")
    assert not isinstance(library, str)
    library[name](PoolingCall(torch.get_num_threads(), *outputs.shape, *strides, *pointers))
