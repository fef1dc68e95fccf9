"""Pooling of the outputs of a recurrent layer: native kernels, compared with torch's operations."""

from itertools import repeat

import torch
from torch import Tensor

from benchmarks.kernels import prepare
from benchmarks.pairs import Results, Row, Stopwatch, interleave
from benchmarks.runs import Settings
from benchmarks.turns import milliseconds
from rnnlab.layers.kernels import KernelName, set_kernel
from rnnlab.layers.pooling import STATISTICS, StatisticsPooling

PASSES = 8  # of a block
KERNELS: tuple[KernelName, ...] = ("native", "torch")


class Passes:
    """Forward and backward passes of one kernel over the same outputs.

    Args:
        name: max | mean_max.
        kernel: native | torch.
        outputs: (T, B, H), as the layers store them.
        lengths: (B,).
    """

    def __init__(self, name: str, kernel: KernelName, outputs: Tensor, lengths: Tensor) -> None:
        self.pooling = StatisticsPooling(name)
        set_kernel(self.pooling, kernel)
        self.outputs, self.lengths = outputs.clone().requires_grad_(), lengths

    def __call__(self, count: int) -> int:
        """Run passes and return their number."""
        for _ in range(count):
            self.outputs.grad = None
            self.pooling(self.outputs.transpose(0, 1), self.lengths).sum().backward()
        return count


def poolings(settings: Settings) -> Results:
    """Compare all poolings of the native kernels at the first shape, with lengths from T / 2."""
    prepare()
    batch, steps, _, width = settings.kernel_shapes[0]
    outputs, lengths = torch.randn(steps, batch, width), torch.randint(steps // 2, steps, (batch,))
    for name in STATISTICS:
        ours, other = (Passes(name, kernel, outputs, lengths) for kernel in KERNELS)
        stopwatch = Stopwatch(settings.clock)
        pairs = interleave(ours, other, repeat(PASSES), stopwatch, settings.seconds)
        ratios = [pair.other / pair.ours for pair in pairs]
        what = f"{name} of B {batch}, T {steps}, H {width}: torch / native"
        yield Row("poolings", what, *milliseconds(pairs), ratios, None, at_least=True)
