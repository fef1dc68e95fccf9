"""Recurrent layers with compiled kernels for training and inference on a CPU."""

from rnnlab.layers.kernels.choice import (
    KernelChoice,
    KernelSetting,
    choose_kernel,
    use_kernel_of_setting,
)
from rnnlab.layers.kernels.layers import (
    GRULayer,
    KernelName,
    LSTMLayer,
    NativeLayer,
    RNNLayer,
    count_native_layers,
    set_kernel,
)
from rnnlab.layers.kernels.library import native_problem

__all__ = [
    "GRULayer",
    "KernelChoice",
    "KernelName",
    "KernelSetting",
    "LSTMLayer",
    "NativeLayer",
    "RNNLayer",
    "choose_kernel",
    "count_native_layers",
    "native_problem",
    "set_kernel",
    "use_kernel_of_setting",
]
