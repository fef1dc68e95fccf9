"""Copy memory (Hochreiter & Schmidhuber, 1997; Arjovsky et al., 2016): keep symbols for long."""

from typing import Any

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.loaders.buckets import Ints
from rnnlab.data.symbols import BLANK, FIRST, GO, SymbolsDataModule
from rnnlab.errors import ConfigError


def make_copying(
    count: int, length: int, delay: int, symbols: int, random: np.random.Generator
) -> tuple[Ints, Ints]:
    """Symbols, blanks, a go marker, and as many blanks again, while the symbols are given back.

    >>> inputs, targets = make_copying(1, 2, 3, 8, np.random.default_rng(0))
    >>> inputs.tolist(), targets.tolist()
    ([[10, 9, 2, 2, 3, 2, 2]], [[6, 5]])

    Args:
        count: sequences, N.
        length: symbols to be kept.
        delay: steps between the last symbol and the first answer; the last of them is the marker.
        symbols: that are told apart, K.
        random: draws the symbols, each as likely as any other.

    Returns:
        Tokens (N, length + delay + length) and classes 0..K-1 of the last `length` steps.
    """
    targets = random.integers(0, symbols, (count, length))
    inputs = np.full((count, 2 * length + delay), BLANK)
    inputs[:, :length] = targets + FIRST
    inputs[:, length + delay - 1] = GO
    return inputs, targets


class CopyingDataModule(SymbolsDataModule):
    """Generated sequences; at each of the last steps the network gives back one symbol.

    A network that keeps nothing can only guess: a loss of log(symbols) nats. The best loss is 0.

    Args:
        length: symbols to be kept.
        delay: steps between the last symbol and the first answer.
        symbols: that are told apart.
        settings: how many are drawn, and how they are batched; see GeneratedDataModule.
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
            raise ConfigError(f"data.symbols={symbols}: one needs no memory, at least 2")
        self.delay, self.symbols, self.answers = delay, symbols, length

    def title(self) -> str:
        """See GeneratedDataModule."""
        return f"copying {self.answers} of {self.symbols} symbols over {self.delay} steps"

    def draw(self, count: int, random: np.random.Generator) -> tuple[Ints, Ints]:
        """See GeneratedDataModule."""
        return make_copying(count, self.answers, self.delay, self.symbols, random)

    def symbol_name(self, number: int) -> str:
        """See SymbolsDataModule; from 1 on."""
        return str(number + 1)
