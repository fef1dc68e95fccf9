"""Base class of generated problems in which symbols must be remembered and repeated."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from rnnlab.data.base import ALL_ROWS, Rows, Split
from rnnlab.data.synthetic import GeneratedDataModule
from rnnlab.spec import PADDING_ID, UNKNOWN_ID, DataSpec

BLANK_ID, GO_ID = 2, 3
FIRST_ID = 1 + max(PADDING_ID, UNKNOWN_ID, BLANK_ID, GO_ID)  # token of the first symbol


class SymbolsDataModule(GeneratedDataModule):
    """Base class of copying and echo: the class of each of the last steps is a symbol.

    A subclass sets `symbols` and `num_targets` in its constructor, and defines `title`, `draw` and
    `symbol_name`. A network without memory can only guess, with a loss of log(symbols) nats.

    Attributes:
        symbols: number of different symbols.
        num_targets: number of last steps that have a class.
    """

    tasks = ("step_classification",)
    symbols: int
    num_targets: int

    @abstractmethod
    def symbol_name(self, number: int) -> str:
        """Return the text of a symbol."""

    def preview(self) -> DataSpec:
        return DataSpec(
            output_size=self.symbols,
            num_tokens=FIRST_ID + self.symbols,
            horizon=self.num_targets,
            class_names=tuple(map(self.symbol_name, range(self.symbols))),
        )

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the scores of a uniform guess, and of always predicting the first symbol."""
        constant = float((self.targets[split][rows] == 0).mean())
        guess = {"loss": math.log(self.symbols), "accuracy": 1 / self.symbols}
        exact_match = float(self.symbols) ** -self.num_targets
        return {"guess": {**guess, "exact_match": exact_match}, "constant": {"accuracy": constant}}

    def input_names(self) -> list[str]:
        names = {PADDING_ID: "<pad>", UNKNOWN_ID: "<unk>", BLANK_ID: "_", GO_ID: "<go>"}
        return [names[i] for i in range(FIRST_ID)] + list(
            map(self.symbol_name, range(self.symbols))
        )

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return the input sequence as text."""
        names = self.input_names()
        return {"text": " ".join(names[token] for token in self.inputs[split][index])}
