"""Forward and backward pass of a recurrent layer: native kernels, compared with torch's layers."""

from collections.abc import Callable
from functools import partial
from itertools import repeat

import torch
from torch import Tensor

from benchmarks.pairs import Pair, Results, Row, Stopwatch, interleave
from benchmarks.runs import Settings
from benchmarks.turns import milliseconds
from benchmarks.usage import find_disturbance
from rnnlab.layers.kernels import (
    GradientPrecision,
    GRULayer,
    KernelName,
    LSTMLayer,
    NativeLayer,
    RNNLayer,
    bfloat16_problem,
    native_problem,
    set_kernel,
)
from rnnlab.runtime.allocator import keep_freed_memory

LAYERS: dict[str, Callable[[int, int], NativeLayer]] = {
    "GRU": GRULayer,
    "LSTM": LSTMLayer,
    "RNN": RNNLayer,
}
BARS = {  # smallest ratio for each shape of the settings
    "GRU": (1.35, 1.30, 3.2, 5.0),
    "LSTM": (1.10, 1.05, 1.4, 1.8),
    "RNN": (1.3, 1.2, 2.0, 2.5),
}
MIN_VALUES = 1_000_000  # outputs in a block: one pass of a small layer is too short to be timed
MAX_PASSES = 20
MAX_THREAD_PAIRS = 100


class Passes:
    """Passes of one kernel over the same inputs.

    Args:
        layer: its weights are used.
        kernel: native | torch.
        inputs: (B, T, D); their gradient is computed if there are several features.
        gradient: of the outputs, (B, T, H).
        precision: of the products for gradients: same | bfloat16.
    """

    def __init__(
        self,
        layer: NativeLayer,
        kernel: KernelName,
        inputs: Tensor,
        gradient: Tensor,
        precision: GradientPrecision = "same",
    ) -> None:
        self.layer, self.kernel, self.gradient = layer, kernel, gradient
        self.precision = precision
        self.inputs = inputs.clone().requires_grad_(inputs.shape[2] > 1)

    def __call__(self, count: int) -> int:
        """Run passes and return their number."""
        set_kernel(self.layer, self.kernel, self.precision)
        for _ in range(count):
            self.layer.zero_grad()
            self.inputs.grad = None
            self.layer(self.inputs)[0].backward(self.gradient)
        return count


def compare_layer(
    name: str, shape: tuple[int, int, int, int], bar: float, settings: Settings
) -> Row:
    """Return the row of one layer and shape, torch / native."""
    pairs = measure_pairs(name, shape, settings, ("torch", "same"), ("native", "same"))
    ratios = [pair.other / pair.ours for pair in pairs]
    what = f"{describe_layer(name, shape)}: torch / native"
    return Row(f"kernels {name}", what, *milliseconds(pairs), ratios, bar, at_least=True)


def bfloat16(settings: Settings) -> Results:
    """Compare gradients with products of bfloat16 with those of float32, both of native layers."""
    problem = bfloat16_problem()
    if problem:
        yield f"bfloat16: {problem}"
        return
    prepare()
    for name in ("GRU", "LSTM"):
        for shape in settings.kernel_shapes:
            pairs = measure_pairs(name, shape, settings, ("native", "same"), ("native", "bfloat16"))
            ratios = [pair.other / pair.ours for pair in pairs]
            what = f"{describe_layer(name, shape)}: float32 / gradients with bfloat16"
            yield Row(f"bfloat16 {name}", what, *milliseconds(pairs), ratios, None, at_least=True)


def describe_layer(name: str, shape: tuple[int, int, int, int]) -> str:
    """Return name and sizes of a layer.

    >>> describe_layer("GRU", (32, 50, 1, 32))
    'GRU, B 32, T 50, 1 -> 32'
    """
    batch, steps, inputs, hidden = shape
    return f"{name}, B {batch}, T {steps}, {inputs} -> {hidden}"


def measure_pairs(
    name: str,
    shape: tuple[int, int, int, int],
    settings: Settings,
    other: tuple[KernelName, GradientPrecision],
    ours: tuple[KernelName, GradientPrecision],
) -> list[Pair]:
    """Return the times of passes of a layer with two kernels, that alternate."""
    batch, steps, inputs, hidden = shape
    layer = LAYERS[name](inputs, hidden)
    x, gradient = torch.randn(batch, steps, inputs), torch.randn(batch, steps, hidden)
    our_passes, other_passes = (
        Passes(layer, kernel, x, gradient, precision) for kernel, precision in (ours, other)
    )
    count = min(max(1, MIN_VALUES // gradient.numel()), MAX_PASSES)
    seconds = settings.seconds / len(settings.kernel_shapes)
    return interleave(our_passes, other_passes, repeat(count), Stopwatch(settings.clock), seconds)


def threads(settings: Settings) -> Results:
    """Compare two threads of a native GRU with one, on an idle machine."""
    problem = find_disturbance(settings)
    yield f"threads: {problem}" if problem else compare_threads(settings)


def compare_threads(settings: Settings) -> Row:
    """Return the ratio of the wall time of a pass of the first shape, one thread / two threads."""
    prepare()
    batch, steps, inputs, hidden = settings.kernel_shapes[0]
    layer = GRULayer(inputs, hidden)
    x, gradient = torch.randn(batch, steps, inputs), torch.randn(batch, steps, hidden)
    passes, previous = Passes(layer, "native", x, gradient), torch.get_num_threads()

    def run_with(number: int, count: int) -> int:
        torch.set_num_threads(number)
        return passes(count)

    sides, blocks = (partial(run_with, 2), partial(run_with, 1)), repeat(4, MAX_THREAD_PAIRS)
    pairs = interleave(*sides, blocks, Stopwatch("wall"), settings.seconds)
    torch.set_num_threads(previous)
    ratios = [pair.other / pair.ours for pair in pairs]
    what = f"GRU, B {batch}, T {steps}, {inputs} -> {hidden}, wall time: 1 thread / 2 threads"
    return Row("threads", what, *milliseconds(pairs), ratios, 1.6, at_least=True)


def prepare() -> None:
    """Use the allocator as in a run.

    Raises:
        ValueError: the native kernels cannot be used here.
    """
    problem = native_problem()
    if problem:
        raise ValueError(f"no native kernels: {problem}")
    keep_freed_memory()


def kernels(settings: Settings) -> Results:
    """Compare all layers at all shapes, with the allocator as in a run."""
    prepare()
    for name, bars in BARS.items():
        for shape, bar in zip(settings.kernel_shapes, bars, strict=False):
            yield compare_layer(name, shape, bar, settings)
