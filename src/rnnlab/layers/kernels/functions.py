"""The recurrences as differentiable functions of torch.

B batch, T time, D input features, H hidden features. Tensors have the shapes of torch's layers with
batch_first=True; the library reads and writes them in the layout that they have.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnlab.layers.cells import gru_cell, lstm_cell, rnn_cell
from rnnlab.layers.kernels.library import GATES, STRIDED, CellName, call_library

WEIGHTS = ("w_ih", "w_hh", "b_ih", "b_hh")
INPUTS = ("x", "h0", "c0", *WEIGHTS)
GRADIENTS = ("d_out", "d_h", "d_c")


class Outputs(NamedTuple):
    """Results of a recurrence.

    Attributes:
        outputs: (B, T, H); in memory (T, B, H).
        h: state after the last step, (1, B, H).
        c: of an LSTM, (1, B, H).
    """

    outputs: Tensor
    h: Tensor
    c: Tensor | None


def run_recurrence(
    cell: CellName,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    is_rounded: bool = False,
) -> Outputs:
    """Compute a recurrence with the native kernels; differentiable.

    Args:
        cell: of the recurrence.
        x: inputs (B, T, D), float32 on the CPU, with at least one step and sequence.
        h0: state before the first step, (1, B, H).
        c0: of an LSTM, (1, B, H).
        weights: weight_ih, weight_hh, bias_ih, bias_hh, in the shapes and order of gates of torch.
        is_rounded: round the factors of the products for the gradients of x and of both weights to
            bfloat16, where the library has such products.
    """
    tensors = (x, h0, c0, *weights)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors):
        return Outputs(*Recurrence.apply(cell, is_rounded, *tensors))  # type: ignore[no-untyped-call]
    outputs, _ = compute_outputs(cell, tensors, keep=False)
    return outputs


def compute_outputs(
    cell: CellName, tensors: Sequence[Tensor | None], keep: bool
) -> tuple[Outputs, Tensor | None]:
    """Return the outputs, and the values that the backward pass needs; None without one."""
    arrays = prepare_arrays(INPUTS, tensors)
    x, h0 = arrays["x"], arrays["h0"]
    assert x is not None
    assert h0 is not None
    (batch, steps, inputs), hidden_size = x.shape, h0.shape[2]
    is_kept = keep and GATES[cell] > 1  # the outputs of an RNN are enough
    intermediates = (
        x.new_empty(steps * batch * (GATES[cell] + 1) * hidden_size) if is_kept else None
    )
    out, h = x.new_empty(steps, batch, hidden_size), torch.empty_like(h0)
    c = torch.empty_like(h0) if cell == "lstm" else None
    arrays |= {"out": out, "h": h, "c": c, "intermediates": intermediates}
    sizes = (torch.get_num_threads(), 0, steps, batch, inputs, hidden_size)
    call_library("rnnlab_forward", cell, sizes, arrays)
    return Outputs(out.transpose(0, 1), h, c), intermediates


class Recurrence(torch.autograd.Function):
    """Outputs and last state of a recurrence as a function of its inputs, state and weights."""

    @staticmethod
    def forward(ctx: Any, cell: CellName, is_rounded: bool, *tensors: Tensor | None) -> Outputs:
        outputs, intermediates = compute_outputs(cell, tensors, keep=True)
        ctx.cell, ctx.is_rounded, ctx.threads = cell, is_rounded, torch.get_num_threads()
        ctx.save_for_backward(*tensors, outputs.outputs, intermediates)
        ctx.set_materialize_grads(False)  # the outputs or the last state may have no gradient
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # create_graph=True: the gradients must be differentiable
            return (None, None, *differentiable_gradients(ctx, gradients))
        *tensors, outputs, intermediates = ctx.saved_tensors
        arrays = prepare_arrays(INPUTS, tensors) | prepare_arrays(GRADIENTS, gradients)
        results = empty_gradients(arrays, ctx.needs_input_grad[2:])
        batch, steps, hidden_size = outputs.shape
        sizes = (ctx.threads, ctx.is_rounded, steps, batch, tensors[0].shape[2], hidden_size)
        arrays |= {"out": outputs, "intermediates": intermediates, **results}
        call_library("rnnlab_backward", ctx.cell, sizes, arrays)
        return (None, None, *(results.get(f"d_{name}") for name in INPUTS))


def prepare_arrays(
    names: Sequence[str], tensors: Sequence[Tensor | None]
) -> dict[str, Tensor | None]:
    """Return tensors by their names, in memory as the library reads it; mostly the same tensors."""
    return {
        name: tensor
        if tensor is None or tensor.is_contiguous() or has_call_layout(name, tensor)
        else tensor.contiguous()
        for name, tensor in zip(names, tensors, strict=True)
    }


def has_call_layout(name: str, tensor: Tensor) -> bool:
    """Return whether the library can read, or write, a tensor as it is."""
    if name in STRIDED:
        return tensor.stride(2) == 1 or tensor.shape[2] == 1
    return tensor.is_contiguous()


def empty_gradients(
    arrays: Mapping[str, Tensor | None], is_needed: Sequence[bool]
) -> dict[str, Tensor]:
    """Return an empty array for each gradient; those of the weights are computed all or none."""
    any_weight = any(is_needed[3:])
    results = {
        f"d_{name}": torch.empty_like(array)
        for name, is_input_needed in zip(INPUTS, is_needed, strict=True)
        if (array := arrays[name]) is not None
        and (is_input_needed or (any_weight and name in WEIGHTS))
    }
    if "d_x" in results and not has_call_layout("d_x", results["d_x"]):
        results["d_x"] = results["d_x"].contiguous()
    return results


def differentiable_gradients(
    ctx: Any, gradients: tuple[Tensor | None, ...]
) -> tuple[Tensor | None, ...]:
    """Return the gradients as functions of torch, so that they have derivatives too."""
    tensors = ctx.saved_tensors[: len(INPUTS)]
    outputs = compute_with_cells(ctx.cell, tensors)
    pairs = [
        (output, gradient)
        for output, gradient in zip(outputs, gradients, strict=True)
        if output is not None and gradient is not None
    ]
    needs = ctx.needs_input_grad[2:]
    results = iter(
        torch.autograd.grad(
            [output for output, _ in pairs],
            [tensor for tensor, is_needed in zip(tensors, needs, strict=True) if is_needed],
            [gradient for _, gradient in pairs],
            create_graph=True,
            allow_unused=True,
        )
    )
    return tuple(next(results) if is_needed else None for is_needed in needs)


def compute_with_cells(cell: CellName, tensors: Sequence[Any]) -> Outputs:
    """Return the outputs of the reference cells, which have derivatives of any order."""
    x, h, c, *weights = tensors
    h, c = h[0], c[0] if cell == "lstm" else h[0]
    steps = []
    for inputs in x.unbind(1):
        if cell == "lstm":
            h, c = lstm_cell(inputs, (h, c), weights)
        elif cell == "gru":
            h = gru_cell(inputs, h, weights)
        else:
            h = rnn_cell(inputs, h, weights, torch.tanh if cell == "rnn_tanh" else torch.relu)
        steps.append(h)
    return Outputs(torch.stack(steps, 1), h[None], c[None] if cell == "lstm" else None)
