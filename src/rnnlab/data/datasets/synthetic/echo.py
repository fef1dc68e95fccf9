"""Echo problem: at each step repeat the bit of some steps ago."""

from typing import Any

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.symbols import FIRST_ID, SymbolsDataModule
from rnnlab.errors import ConfigError
from rnnlab.spec import Ints

BITS = 2


def make_echo(count: int, steps: int, delay: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Return random bits, and for each step but the first ones the bit `delay` steps before.

    >>> inputs, targets = make_echo(1, 6, 2, np.random.default_rng(0))
    >>> (inputs - FIRST_ID).tolist(), targets.tolist()
    ([[1, 1, 1, 0, 0, 0]], [[1, 1, 1, 0]])

    Returns:
        Tokens (N, steps) and classes 0 and 1 of the last steps - delay steps.
    """
    bits = random.integers(0, BITS, (count, steps))
    return bits + FIRST_ID, bits[:, : steps - delay]


class EchoDataModule(SymbolsDataModule):
    """Generated sequences; at each step the network predicts the bit of `delay` steps ago.

    It must remember `delay` bits at the same time. A network without memory has a loss of log(2) =
    0.693 nats and an accuracy of one half. The best loss is 0.

    Args:
        steps: of each sequence; the last `steps - delay` have a target.
        delay: steps that each bit must be remembered.
        settings: sizes of the splits and batches; see GeneratedDataModule.
    """

    def __init__(self, steps: PositiveInt = 50, delay: PositiveInt = 10, **settings: Any) -> None:
        super().__init__(**settings)
        if delay >= steps:
            raise ConfigError(
                f"data.delay={delay} leaves no target in data.steps={steps}: lower the "
                "delay or raise the steps"
            )
        self.steps, self.delay = steps, delay
        self.symbols, self.num_targets = BITS, steps - delay

    def title(self) -> str:
        return f"echo of bits {self.delay} steps ago, over {self.steps} steps"

    def draw(self, count: int, random: np.random.Generator) -> tuple[Ints, Ints]:
        return make_echo(count, self.steps, self.delay, random)

    def symbol_name(self, number: int) -> str:
        return str(number)
