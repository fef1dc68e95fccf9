"""Recurrent layers with compiled kernels for training and inference on a CPU."""

from rnnlab.layers.kernels.choice import (
    KernelChoice,
    KernelSetting,
    choose_gradients,
    choose_kernel,
    use_kernel_of_setting,
)
from rnnlab.layers.kernels.cross_entropy import compute_cross_entropy
from rnnlab.layers.kernels.layers import (
    GradientPrecision,
    GRULayer,
    KernelName,
    KernelUser,
    LSTMLayer,
    NativeLayer,
    RNNLayer,
    count_native_layers,
    is_plain_float,
    is_transformed,
    set_kernel,
)
from rnnlab.layers.kernels.library import bfloat16_problem, native_problem
from rnnlab.layers.kernels.pooling import (
    StepStatistics,
    compute_statistics,
    compute_statistics_gradient,
)

__all__ = [
    "GRULayer",
    "GradientPrecision",
    "KernelChoice",
    "KernelName",
    "KernelSetting",
    "KernelUser",
    "LSTMLayer",
    "NativeLayer",
    "RNNLayer",
    "StepStatistics",
    "bfloat16_problem",
    "choose_gradients",
    "choose_kernel",
    "compute_cross_entropy",
    "compute_statistics",
    "compute_statistics_gradient",
    "count_native_layers",
    "is_plain_float",
    "is_transformed",
    "native_problem",
    "set_kernel",
    "use_kernel_of_setting",
]
