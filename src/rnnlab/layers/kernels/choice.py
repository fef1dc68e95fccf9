"""Choice of the kernel of a run."""

from typing import Literal, NamedTuple

from torch import nn

from rnnlab.errors import ConfigError
from rnnlab.layers.kernels.layers import (
    GradientPrecision,
    KernelName,
    KernelUser,
    count_native_layers,
    set_kernel,
)
from rnnlab.layers.kernels.library import bfloat16_problem, native_problem

NEEDS = "the native kernel has these products, and this run uses that of torch"
KernelSetting = Literal["auto", "native", "torch"]


class KernelChoice(NamedTuple):
    """A kernel, why it was chosen, and the precision of its products for gradients."""

    name: KernelName
    reason: str
    gradient_precision: GradientPrecision = "same"


def choose_kernel(
    setting: KernelSetting,
    model: nn.Module,
    device: str,
    precision: str,
    previous: str | None = None,
) -> KernelChoice:
    """Choose the kernel of the recurrent layers of a model.

    Args:
        setting: auto | native | torch; auto is native where it can be used.
        model: has the layers.
        device: cpu or cuda.
        precision: as in Lightning, such as 32-true.
        previous: kernel with which this training began; `auto` keeps it.

    Raises:
        ConfigError: the native kernel was demanded and cannot be used.
    """
    if setting == "torch":
        return KernelChoice("torch", "kernel=torch")
    if setting == "auto" and previous == "torch":
        return KernelChoice("torch", "as at the start of this run")
    problem = find_problem(model, device, precision)
    if problem is None:
        return KernelChoice("native", "compiled for this processor")
    if setting == "native":
        raise ConfigError(f"kernel=native: {problem}; choose kernel=auto")
    if previous == "native":
        problem += "; this run began with the native kernel, and the results differ by rounding"
    return KernelChoice("torch", problem)


def choose_gradients(setting: GradientPrecision, choice: KernelChoice) -> KernelChoice:
    """Return a choice of a kernel with the precision of its products for gradients.

    Raises:
        ConfigError: bfloat16 was demanded, and this kernel or processor has no such products.
    """
    if setting == "same":
        return choice
    problem = bfloat16_problem() if choice.name == "native" else f"{NEEDS}: {choice.reason}"
    if problem:
        raise ConfigError(
            f"kernel_gradient_precision={setting}: {problem}; choose kernel_gradient_precision=same"
        )
    reason = f"{choice.reason}; gradients of inputs and weights with products of bfloat16"
    return KernelChoice(choice.name, reason, setting)


def find_problem(model: nn.Module, device: str, precision: str) -> str | None:
    """Return why the native kernels cannot compute the modules of a model; None if they can."""
    if not count_native_layers(model):
        return f"{type(model).__name__} has no GRU, LSTM or RNN layer"
    if device != "cpu":
        return f"it computes on a CPU, and this run on {device}"
    if precision != "32-true":
        return f"it computes with trainer.precision=32-true, and this run with {precision}"
    libraries = {module.library for module in model.modules() if isinstance(module, KernelUser)}
    problems = (native_problem(library) for library in sorted(libraries))
    return next(filter(None, problems), None)


def use_kernel_of_setting(model: nn.Module, setting: KernelSetting, precision: str) -> None:
    """Set the kernel of a trained network: native where its run may use it and this machine can."""
    if setting != "torch" and find_problem(model, "cpu", precision) is None:
        set_kernel(model, "native")
