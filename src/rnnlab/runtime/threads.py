"""Number of threads of torch on the CPU: results depend on it in the last digits.

For this reason it follows from the sizes of the network alone, and not from a measurement at the
start of a run: equal runs on one machine must have equal results, whatever else the machine does.
A run that is resumed keeps its number.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import nn

# Multiplications of one time step from which a network has all threads. The CPU time of a step with
# two threads / one is 1.24 at 200,000 multiplications, 1.16 to 1.21 at 800,000, 1.03 at 1,800,000
# and 1.00 at 12,600,000 (steps of 4, 6, 11 and 67 ms), measured by
# OMP_WAIT_POLICY=passive python -m benchmarks thread_costs.
MIN_PRODUCT = 500_000
VARIABLE = "OMP_NUM_THREADS"


class ThreadChoice(NamedTuple):
    """A number of threads, and why it was chosen."""

    number: int
    reason: str


def choose_threads(
    setting: int | Literal["auto"], product: int, previous: int | None = None
) -> ThreadChoice:
    """Return the number of threads of a run on the CPU, the same for equal runs on one machine.

    Args:
        setting: auto | a number.
        product: see count_products.
        previous: that of the run before it was interrupted; None for a new run.
    """
    available = torch.get_num_threads()
    if previous is not None:
        return ThreadChoice(previous, "as before the interruption")
    if setting != "auto":
        return ThreadChoice(setting, f"threads={setting}")
    if VARIABLE in os.environ:
        return ThreadChoice(available, f"{VARIABLE}={os.environ[VARIABLE]}")
    if product < MIN_PRODUCT:
        return ThreadChoice(1, "the network is small")
    return ThreadChoice(available, "all of torch")


def count_products(model: nn.Module, batch_size: int) -> int:
    """Return the multiplications of the largest matrix product of one time step."""
    layers = (m for m in model.modules() if isinstance(m, nn.RNNBase | nn.Linear))
    sizes = [weight.numel() for layer in layers for weight in layer.parameters(recurse=False)]
    return batch_size * max(sizes, default=0)


@contextmanager
def restore_threads() -> Iterator[None]:
    """Restore the number of threads of the process after a run."""
    count = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(count)
