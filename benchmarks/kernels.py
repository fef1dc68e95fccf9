"""Forward and backward pass of a recurrent layer: native kernels, compared with torch's layers."""

from collections.abc import Callable
from functools import partial
from itertools import repeat

import torch
from torch import Tensor

from benchmarks.pairs import Results, Row, Stopwatch, interleave
from benchmarks.runs import Settings
from benchmarks.turns import milliseconds
from benchmarks.usage import find_disturbance
from rnnlab.layers.kernels import (
    GRULayer,
    KernelName,
    LSTMLayer,
    NativeLayer,
    RNNLayer,
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
    """

    def __init__(
        self, layer: NativeLayer, kernel: KernelName, inputs: Tensor, gradient: Tensor
    ) -> None:
        self.layer, self.kernel, self.gradient = layer, kernel, gradient
        self.inputs = inputs.clone().requires_grad_(inputs.shape[2] > 1)

    def __call__(self, count: int) -> int:
        """Run passes and return their number."""
        set_kernel(self.layer, self.kernel)
        for _ in range(count):
            self.layer.zero_grad()
            self.inputs.grad = None
            self.layer(self.inputs)[0].backward(self.gradient)
        return count


def compare_layer(
    name: str, shape: tuple[int, int, int, int], bar: float, settings: Settings
) -> Row:
    """Return the row of one layer and shape, torch / native."""
    batch, steps, inputs, hidden = shape
    layer = LAYERS[name](inputs, hidden)
    x, gradient = torch.randn(batch, steps, inputs), torch.randn(batch, steps, hidden)
    sides = (Passes(layer, "native", x, gradient), Passes(layer, "torch", x, gradient))
    count = min(max(1, MIN_VALUES // gradient.numel()), MAX_PASSES)
    seconds = settings.seconds / len(settings.kernel_shapes)
    pairs = interleave(*sides, repeat(count), Stopwatch(settings.clock), seconds)
    ratios = [pair.other / pair.ours for pair in pairs]
    what = f"{name}, B {batch}, T {steps}, {inputs} -> {hidden}: torch / native"
    return Row(f"kernels {name}", what, *milliseconds(pairs), ratios, bar, at_least=True)


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
