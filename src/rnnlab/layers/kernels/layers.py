"""GRU, LSTM and RNN layers of torch that can run on the native kernels.

Parameters, their names and the results are torch's, so checkpoints and exports do not depend on the
kernel. Calls that the kernels do not serve go to torch's layer: another type or device, autocast,
tracing, compiling, exporting, a transformation of functions, or an empty batch.
"""

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from rnnlab.layers.kernels.build import LibraryName
from rnnlab.layers.kernels.functions import run_recurrence
from rnnlab.layers.kernels.library import CellName, bfloat16_problem, native_problem

KernelName = Literal["native", "torch"]
GradientPrecision = Literal["same", "bfloat16"]
PLAIN_TYPES = (Tensor, nn.Parameter)  # not a subclass, whose data may be elsewhere


class KernelUser:
    """Base of modules that native kernels can compute.

    Attributes:
        kernel: native | torch, of the next calls.
        library: has its native kernels.
    """

    kernel: KernelName = "torch"
    library: LibraryName = "recurrent"


class NativeLayer(KernelUser, nn.RNNBase):
    """Base of the layers; a layer of torch until its kernel is set.

    Attributes:
        gradient_precision: same | bfloat16, of the native kernel in training mode: of the products
            for the gradients of inputs and weights; those inside the recurrence stay in float32.
    """

    gradient_precision: GradientPrecision = "same"

    def cell_name(self) -> CellName:
        """Return the name of the cell in the library."""
        name = f"{self.mode}_{self.nonlinearity}" if self.mode == "RNN" else self.mode
        return cast(CellName, name.lower())

    def weights(self) -> list[Any]:
        """Return the weights of the only layer: weight_ih, weight_hh, bias_ih, bias_hh."""
        return [self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0]

    def parts(self, hx: Any) -> tuple[Tensor, ...]:
        """Return the parts of a state as torch takes them: (h,) or (h, c), each (1, B, H)."""
        return () if hx is None else tuple(hx) if self.mode == "LSTM" else (hx,)

    def is_served(self, inputs: Any, parts: Sequence[Any], weights: Sequence[Any]) -> bool:
        """Return whether the native kernels compute a call with these parts of a state."""
        return (
            isinstance(inputs, Tensor)
            and inputs.dim() == 3
            and inputs.shape[2] == self.input_size
            and inputs.numel() > 0
            and all(part.shape == (1, inputs.shape[0], self.hidden_size) for part in parts)
            and all(map(is_plain_float, (inputs, *parts, *weights)))
        )

    def forward(self, input: Any, hx: Any = None) -> Any:  # the names of torch
        """See nn.GRU, nn.LSTM and nn.RNN."""
        if self.kernel == "native" and not is_transformed():
            parts, weights = self.parts(hx), self.weights()
            if self.is_served(input, parts, weights):
                return self.run_native(input, parts, weights)
        return super().forward(input, hx)  # of the layer of torch, which is the next base

    def run_native(
        self, inputs: Tensor, parts: tuple[Tensor, ...], weights: Sequence[Tensor]
    ) -> tuple[Tensor, Any]:
        """Return outputs (B, T, H) and the state after the last step."""
        if not parts:
            parts = (inputs.new_zeros(1, inputs.shape[0], self.hidden_size),) * 2
        c0 = parts[1] if self.mode == "LSTM" else None
        is_rounded = self.training and self.gradient_precision == "bfloat16"
        outputs, h, c = run_recurrence(self.cell_name(), inputs, parts[0], c0, weights, is_rounded)
        return outputs, h if c is None else (h, c)


class GRULayer(NativeLayer, nn.GRU):
    """One layer of nn.GRU in one direction, batch first."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        nn.GRU.__init__(self, input_size, hidden_size, batch_first=True)


class LSTMLayer(NativeLayer, nn.LSTM):
    """One layer of nn.LSTM in one direction, batch first."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        nn.LSTM.__init__(self, input_size, hidden_size, batch_first=True)

    def forward(self, input: Any, hx: Any = None) -> Any:  # the names of torch
        """See nn.LSTM. Without autocast where the processor cannot compute in its type.

        For it torch calls oneDNN, which raises an error there. nn.GRU and nn.RNN compute in
        float32 on every CPU.
        """
        if is_autocast_refused(input):
            with torch.autocast("cpu", enabled=False):
                state = None if hx is None else tuple(part.float() for part in hx)
                return nn.LSTM.forward(self, input.float(), state)
        return super().forward(input, hx)


class RNNLayer(NativeLayer, nn.RNN):
    """One layer of nn.RNN in one direction, batch first."""

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str = "tanh") -> None:
        nn.RNN.__init__(self, input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True)


def is_plain_float(tensor: Any) -> bool:
    """Return whether a tensor has float32 values in the memory of the CPU."""
    return (
        type(tensor) in PLAIN_TYPES
        and tensor.dtype is torch.float32
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and not tensor.is_neg()
    )


def is_autocast_refused(tensor: Any) -> bool:
    """Return whether torch has no LSTM of the type of autocast for this processor."""
    if not (torch.is_autocast_enabled("cpu") and isinstance(tensor, Tensor) and tensor.is_cpu):
        return False
    return not has_lstm(torch.get_autocast_dtype("cpu"))


def has_lstm(dtype: torch.dtype) -> bool:
    """Return whether torch has an LSTM of a type of autocast, bfloat16 or float16, on this CPU.

    Where torch is built with oneDNN, it takes oneDNN's, which needs instructions for the type.
    """
    if not torch._C._has_mkldnn:
        return True
    if dtype is torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())


def is_transformed() -> bool:
    """Return whether torch observes or transforms the calls: their operations must be its own."""
    return (
        torch._C._is_tracing()
        or torch.compiler.is_compiling()
        or torch.is_autocast_enabled("cpu")
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
        or forward_ad._current_level >= 0
    )


def count_native_layers(model: nn.Module) -> int:
    """Return the number of layers that the native kernels can compute."""
    return sum(isinstance(module, NativeLayer) for module in model.modules())


def set_kernel(
    model: nn.Module, kernel: KernelName, gradient_precision: GradientPrecision = "same"
) -> None:
    """Set the kernel of all modules of a model, and the precision of some gradients of its layers.

    Raises:
        RuntimeError: the native kernels, or their products of bfloat16, cannot be used here.
    """
    if gradient_precision == "bfloat16" and (kernel == "torch" or bfloat16_problem()):
        raise RuntimeError(f"no products of bfloat16: {bfloat16_problem() or 'kernel torch'}")
    for module in model.modules():
        if isinstance(module, KernelUser):
            problem = native_problem(module.library) if kernel == "native" else None
            if problem:
                raise RuntimeError(f"no native kernels: {problem}")
            module.kernel = kernel
        if isinstance(module, NativeLayer):
            module.gradient_precision = gradient_precision
