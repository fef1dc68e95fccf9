"""Echo: at each step the bit that was read some steps ago."""

from typing import Any

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.loaders.buckets import Ints
from rnnlab.data.symbols import FIRST, SymbolsDataModule
from rnnlab.errors import ConfigError

BITS = 2


def make_echo(count: int, steps: int, delay: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Random bits, and at each step but the first ones the bit of `delay` steps before.

    >>> inputs, targets = make_echo(1, 6, 2, np.random.default_rng(0))
    >>> (inputs - FIRST).tolist(), targets.tolist()
    ([[1, 1, 1, 0, 0, 0]], [[1, 1, 1, 0]])

    Args:
        count: sequences, N.
        steps: of each sequence, T.
        delay: how many steps a bit must be kept, less than `steps`.
        random: draws the bits, both equally likely.

    Returns:
        Tokens (N, T) and classes 0 and 1 of the last T - delay steps.
    """
    bits = random.integers(0, BITS, (count, steps))
    return bits + FIRST, bits[:, : steps - delay]


class EchoDataModule(SymbolsDataModule):
    """Generated sequences; at each step the network says the bit that it read `delay` steps ago.

    It must keep as many bits as the delay has steps, all at once. One that keeps nothing has a loss
    of log(2) = 0.693 nats and is right half of the time. The best loss is 0.

    Args:
        steps: of each sequence; the last `steps - delay` have an answer.
        delay: how long each bit must be kept.
        settings: how many are drawn, and how they are batched; see GeneratedDataModule.
    """

    def __init__(self, steps: PositiveInt = 50, delay: PositiveInt = 10, **settings: Any) -> None:
        super().__init__(**settings)
        if delay >= steps:
            raise ConfigError(
                f"data.delay={delay} leaves nothing to answer in data.steps={steps}: lower the "
                "delay, or raise the steps"
            )
        self.steps, self.delay = steps, delay
        self.symbols, self.answers = BITS, steps - delay

    def title(self) -> str:
        """See GeneratedDataModule."""
        return f"echo of bits {self.delay} steps ago, over {self.steps} steps"

    def draw(self, count: int, random: np.random.Generator) -> tuple[Ints, Ints]:
        """See GeneratedDataModule."""
        return make_echo(count, self.steps, self.delay, random)

    def symbol_name(self, number: int) -> str:
        """See SymbolsDataModule."""
        return str(number)
