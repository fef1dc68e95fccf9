"""Number of threads of torch on the CPU: results depend on it in the last digits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import nn

MIN_PRODUCT = 500_000  # multiplications of one time step, of which each thread needs enough
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
