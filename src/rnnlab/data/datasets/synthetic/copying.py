"""Copy memory problem (Hochreiter & Schmidhuber, 1997; Arjovsky et al., 2016)."""

from typing import Any

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.symbols import BLANK_ID, FIRST_ID, GO_ID, SymbolsDataModule
from rnnlab.errors import ConfigError
from rnnlab.spec import Ints


def make_copying(
    count: int, length: int, delay: int, symbols: int, random: np.random.Generator
) -> tuple[Ints, Ints]:
    """Return sequences of symbols, blanks, a go marker and blanks, and the symbols as targets.

    >>> inputs, targets = make_copying(1, 2, 3, 8, np.random.default_rng(0))
    >>> inputs.tolist(), targets.tolist()
    ([[10, 9, 2, 2, 3, 2, 2]], [[6, 5]])

    Returns:
        Tokens (N, length + delay + length) and classes 0..symbols-1 of the last `length` steps. The
        marker is the last of the `delay` steps between the symbols and the targets.
    """
    targets = random.integers(0, symbols, (count, length))
    inputs = np.full((count, 2 * length + delay), BLANK_ID)
    inputs[:, :length] = targets + FIRST_ID
    inputs[:, length + delay - 1] = GO_ID
    return inputs, targets


class CopyingDataModule(SymbolsDataModule):
    """Generated sequences; at each of the last steps the network repeats one symbol.

    A network without memory can only guess, with a loss of log(symbols) nats. The best loss is 0.

    Args:
        length: number of symbols to remember.
        delay: steps between the last symbol and the first answer.
        symbols: number of different symbols.
        settings: sizes of the splits and batches; see GeneratedDataModule.
    """

    def __init__(
        self,
        length: PositiveInt = 5,
        delay: PositiveInt = 20,
        symbols: PositiveInt = 8,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if symbols < 2:
            raise ConfigError(f"data.symbols={symbols}: one symbol needs no memory; use at least 2")
        self.delay, self.symbols, self.num_targets = delay, symbols, length

    def title(self) -> str:
        return f"copying {self.num_targets} of {self.symbols} symbols over {self.delay} steps"

    def draw(self, count: int, random: np.random.Generator) -> tuple[Ints, Ints]:
        return make_copying(count, self.num_targets, self.delay, self.symbols, random)

    def symbol_name(self, number: int) -> str:
        """See SymbolsDataModule; numbered from 1."""
        return str(number + 1)
