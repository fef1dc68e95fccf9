"""The cross entropy of a linear layer with native kernels."""

import ctypes

import torch
from torch import Tensor

from rnnlab.layers.kernels.library import load_library

# `Call` of cross_entropy.c: 6 numbers and 9 arrays, all of 8 bytes.
CrossEntropyCall = ctypes.c_int64 * 15
NO_MEMORY, WRONG_TARGET = 1, 2  # what the function returns


def compute_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    loss_weights: Tensor | None,
    chunk_size: int,
    ignore_index: int,
) -> tuple[Tensor, list[Tensor] | None]:
    """Return losses in nats, (N,), and the gradients of features, weight and bias, if there is one.

    Args:
        features: (N, H), float32 on the CPU, not empty, as the tensors below.
        weight: (V, H).
        bias: (V,), or None.
        targets: class of each row, (N,), int64.
        loss_weights: of the losses, (N,), in the sum whose gradients are computed; None for none.
        chunk_size: rows whose scores are in memory at once.
        ignore_index: of targets that have no loss and no gradients.

    Raises:
        IndexError: a target is neither a class nor ignored.
        MemoryError: there is no memory for the working arrays.
    """
    inputs = [part.contiguous() for part in (features, weight, bias) if part is not None]
    has_gradients = loss_weights is not None
    gradients = [torch.empty_like(part) for part in inputs] if has_gradients else []
    losses = features.new_empty(len(features))
    arrays = [*inputs, *[None] * (3 - len(inputs)), targets.contiguous(), loss_weights, losses]
    arrays += [*gradients, *[None] * (3 - len(gradients))]
    pointers = [0 if array is None else array.data_ptr() for array in arrays]
    sizes = (torch.get_num_threads(), *features.shape, len(weight), chunk_size, ignore_index)
    library = load_library("cross_entropy")
    assert not isinstance(library, str)
    status = library.rnnlab_cross_entropy(CrossEntropyCall(*sizes, *pointers))
    if status == WRONG_TARGET:
        raise IndexError(f"a target is not in 0..{len(weight) - 1}")
    if status == NO_MEMORY:
        raise MemoryError("no memory for the working arrays of the cross entropy")
    return losses, gradients or None
