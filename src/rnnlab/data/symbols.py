"""Problems made of symbols: what was read must be given back later, a class at each step."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from rnnlab.data.base import Split
from rnnlab.data.synthetic import GeneratedDataModule
from rnnlab.spec import PADDING_ID, UNKNOWN_ID, DataSpec

BLANK, GO = 2, 3
FIRST = 1 + max(PADDING_ID, UNKNOWN_ID, BLANK, GO)  # token of the first symbol


class SymbolsDataModule(GeneratedDataModule):
    """Base of copying and echo: each of the last steps has one of the symbols as its class.

    A subclass sets `symbols` and `answers` in its constructor, and defines `title`, `draw` and
    `symbol_name`. A network that keeps nothing can only guess: a loss of log(symbols) nats.

    Attributes:
        symbols: that are told apart.
        answers: last steps of a sequence that have a class.
    """

    tasks = ("step_classification",)
    symbols: int
    answers: int

    @abstractmethod
    def symbol_name(self, number: int) -> str:
        """How a symbol is shown."""

    def preview(self) -> DataSpec:
        """See DataModule."""
        return DataSpec(
            output_size=self.symbols,
            num_tokens=FIRST + self.symbols,
            horizon=self.answers,
            class_names=tuple(map(self.symbol_name, range(self.symbols))),
        )

    def baselines(self, split: Split) -> dict[str, dict[str, float]]:
        """A guess among all symbols, and always the first of them."""
        constant = float((self.targets[split] == 0).mean())
        guess = {"loss": math.log(self.symbols), "accuracy": 1 / self.symbols}
        whole = float(self.symbols) ** -self.answers
        return {"guess": {**guess, "whole": whole}, "constant": {"accuracy": constant}}

    def input_names(self) -> list[str]:
        """See DataModule."""
        names = {PADDING_ID: "<pad>", UNKNOWN_ID: "<unk>", BLANK: "_", GO: "<go>"}
        return [names[i] for i in range(FIRST)] + list(map(self.symbol_name, range(self.symbols)))

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """The sequence that was read, in words."""
        names = self.input_names()
        return {"text": " ".join(names[token] for token in self.inputs[split][index])}
