"""Copy memory (Hochreiter & Schmidhuber, 1997; Arjovsky et al., 2016): keep symbols for long."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnlab.data.base import Split
from rnnlab.data.generated import GeneratedDataModule
from rnnlab.data.text import Ints
from rnnlab.errors import ConfigError
from rnnlab.layers.embedding import PADDING, UNKNOWN
from rnnlab.spec import DataSpec
from rnnlab.values import NonNegativeInt, PositiveInt

BLANK, GO = 2, 3
FIRST = 1 + max(PADDING, UNKNOWN, BLANK, GO)  # token of the first symbol


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


class CopyingDataModule(GeneratedDataModule):
    """Generated sequences; at each of the last steps the network gives back one symbol.

    A network that keeps nothing can only guess: a loss of log(symbols) nats. The best loss is 0.

    Args:
        length: symbols to be kept.
        delay: steps between the last symbol and the first answer.
        symbols: that are told apart.
        num_train: sequences for training.
        num_eval: sequences for validation, and as many again for the test.
        batch_size: sequences in a batch, on each device.
        data_seed: of the sequences; the run's seed has no say in what is evaluated.
        seed: of the order of the batches.
        shuffle: draw the batches anew in each epoch.
    """

    tasks = ("step_classification",)

    def __init__(
        self,
        length: PositiveInt = 5,
        delay: PositiveInt = 20,
        symbols: PositiveInt = 8,
        num_train: PositiveInt = 10_000,
        num_eval: PositiveInt = 1_000,
        batch_size: PositiveInt = 64,
        data_seed: NonNegativeInt = 0,
        seed: NonNegativeInt = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(num_train, num_eval, data_seed, batch_size, seed, shuffle)
        if symbols < 2:
            raise ConfigError(f"data.symbols={symbols}: one needs no memory, at least 2")
        self.length, self.delay, self.symbols = length, delay, symbols

    def preview(self) -> DataSpec:
        """See DataModule."""
        return DataSpec(
            output_size=self.symbols,
            num_tokens=FIRST + self.symbols,
            horizon=self.length,
            class_names=tuple(map(symbol_name, range(self.symbols))),
        )

    def title(self) -> str:
        """See GeneratedDataModule."""
        return f"copying {self.length} of {self.symbols} symbols over {self.delay} steps"

    def draw(self, count: int, random: np.random.Generator) -> tuple[Ints, Ints]:
        """See GeneratedDataModule."""
        return make_copying(count, self.length, self.delay, self.symbols, random)

    def baselines(self, split: Split) -> dict[str, dict[str, float]]:
        """A guess among all symbols, and always the first of them."""
        constant = float((self.targets[split] == 0).mean())
        guess = {"loss": math.log(self.symbols), "accuracy": 1 / self.symbols}
        return {
            "guess": {**guess, "whole": self.symbols**-self.length},
            "constant": {"accuracy": constant},
        }

    def input_names(self) -> list[str]:
        """See DataModule."""
        names = {PADDING: "<pad>", UNKNOWN: "<unk>", BLANK: "_", GO: "<go>"}
        return [names[i] for i in range(FIRST)] + [symbol_name(i) for i in range(self.symbols)]

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """The sequence that was read, in words."""
        names = self.input_names()
        return {"text": " ".join(names[token] for token in self.inputs[split][index])}


def symbol_name(number: int) -> str:
    """How a symbol is shown, from 1 on.

    >>> symbol_name(0)
    '1'
    """
    return str(number + 1)
