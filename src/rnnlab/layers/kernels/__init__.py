"""Recurrent layers with compiled kernels for training and inference on a CPU."""

from rnnlab.layers.kernels.choice import (
    KernelChoice,
    KernelSetting,
    choose_gradients,
    choose_kernel,
    use_kernel_of_setting,
)
from rnnlab.layers.kernels.layers import (
    GradientPrecision,
    GRULayer,
    KernelName,
    LSTMLayer,
    NativeLayer,
    RNNLayer,
    count_native_layers,
    set_kernel,
)
from rnnlab.layers.kernels.library import bfloat16_problem, native_problem

__all__ = [
    "GRULayer",
    "GradientPrecision",
    "KernelChoice",
    "KernelName",
    "KernelSetting",
    "LSTMLayer",
    "NativeLayer",
    "RNNLayer",
    "bfloat16_problem",
    "choose_gradients",
    "choose_kernel",
    "count_native_layers",
    "native_problem",
    "set_kernel",
    "use_kernel_of_setting",
]
