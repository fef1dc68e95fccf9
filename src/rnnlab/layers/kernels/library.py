"""The compiled libraries: loading and calls. ctypes releases the GIL during a call."""

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

from torch import Tensor

from rnnlab.layers.kernels.build import BuildError, LibraryName, build_library

CellName = Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]
CELLS: dict[CellName, int] = {"rnn_tanh": 0, "rnn_relu": 1, "lstm": 2, "gru": 3}  # of recurrent.c
GATES: dict[CellName, int] = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}
CALL_SIZES = ("cell", "threads", "is_rounded", "steps", "batch", "inputs", "hidden")
STRIDED = ("x", "d_out", "d_x")  # arrays (B, T, width) whose rows only are contiguous
CALL_STRIDES = tuple(f"{name}_{axis}" for name in STRIDED for axis in ("step", "row"))
CALL_ARRAYS = (
    *("x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "out", "h", "c", "intermediates"),
    *("d_out", "d_h", "d_c", "d_x", "d_h0", "d_c0", "d_w_ih", "d_w_hh", "d_b_ih", "d_b_hh"),
)


# `Call` of recurrent.c: all its fields have 8 bytes, and such an array is made in one step.
Call = ctypes.c_int64 * len((*CALL_SIZES, *CALL_STRIDES, *CALL_ARRAYS))
LIBRARY_FUNCTIONS: dict[LibraryName, tuple[str, ...]] = {
    "recurrent": ("rnnlab_forward", "rnnlab_backward"),
    "cross_entropy": ("rnnlab_cross_entropy",),
    "pooling": ("rnnlab_pool", "rnnlab_pool_back"),
}


@cache
def load_library(name: LibraryName = "recurrent") -> ctypes.CDLL | str:
    """Return a library, or the reason why there is none; the same within a process."""
    try:
        library = ctypes.CDLL(str(build_library(name)))
    except BuildError as error:
        return str(error)
    except OSError as error:
        return f"the compiled kernels cannot be loaded: {error}"
    for function in LIBRARY_FUNCTIONS[name]:
        library[function].argtypes = (ctypes.c_void_p,)
    return library


def native_problem(name: LibraryName = "recurrent") -> str | None:
    """Return why native kernels cannot be used on this machine; None if they can.

    The first call on a machine compiles them.
    """
    library = load_library(name)
    return library if isinstance(library, str) else None


def bfloat16_problem() -> str | None:
    """Return why the native kernels have no products of bfloat16 here; None if they have."""
    library = load_library()
    if isinstance(library, str):
        return library
    if library.rnnlab_has_bfloat16():
        return None
    return "this processor has no products of bfloat16 (AVX512-BF16), or the C compiler has none"


def call_library(
    name: Literal["rnnlab_forward", "rnnlab_backward"],
    cell: CellName,
    sizes: Sequence[int],
    arrays: Mapping[str, Tensor | None],
) -> None:
    """Call a function of the library.

    Args:
        name: of the function.
        cell: of the recurrence.
        sizes: threads, is rounded, steps, batch, input features, hidden features.
        arrays: float32 tensors on the CPU, by their names in Call; contiguous but for STRIDED.

    Raises:
        MemoryError: there is no memory for the working arrays.
    """
    library = load_library()
    assert not isinstance(library, str)
    strides = []
    for key in STRIDED:
        row, step, _ = (0, 0, 0) if (array := arrays.get(key)) is None else array.stride()
        strides += [step, row]
    pointers = [
        0 if (array := arrays.get(key)) is None else array.data_ptr() for key in CALL_ARRAYS
    ]
    if library[name](Call(CELLS[cell], *sizes, *strides, *pointers)):
        raise MemoryError("no memory for the working arrays of a recurrent layer")
