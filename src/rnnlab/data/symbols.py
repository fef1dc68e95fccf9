"""Base class of generated problems in which symbols must be remembered and repeated."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.data.base import ALL_ROWS, Rows, Split, to_batch
from rnnlab.data.processors.base import Network, Processor, read_texts, take_options
from rnnlab.data.synthetic import GeneratedDataModule
from rnnlab.errors import DataError, Problem
from rnnlab.spec import PADDING_ID, UNKNOWN_ID, DataSpec, Ints

if TYPE_CHECKING:
    from rnnlab.data.processors.base import Inputs, Parts

BLANK_ID, GO_ID = 2, 3
FIRST_ID = 1 + max(PADDING_ID, UNKNOWN_ID, BLANK_ID, GO_ID)  # token of the first symbol


@dataclass(frozen=True)
class SymbolsProcessor(Processor):
    """Processor of sequences of symbols.

    Attributes:
        symbols: text of each token.
        classes: text of each class.
        num_targets: number of last steps that have a class, and so the length of the shortest
            sequence; 1 for a task with a class for each step of sequences of any length.
    """

    stdin_suffix = ".txt"
    symbols: tuple[str, ...]
    classes: tuple[str, ...]
    num_targets: int

    def sizes(self) -> dict[str, int]:
        return {**super().sizes(), "output_size": len(self.classes)}

    def predict(self, inputs: "Inputs", network: Network, **options: Any) -> "Parts":
        """Yield the class of each of the last steps, or of all steps, of each sequence.

        Args:
            inputs: sequences of symbols that are separated by spaces, or a file with one a line.
            network: that was trained on batches of this processor.
            options: none.

        Yields:
            A row for each sequence and step with a class: `sequence` and `step`, both from 1,
            `prediction`, and the probability of each class.

        Raises:
            ConfigError: the inputs are a table.
            DataError: a symbol is unknown, or a sequence is too short.
        """
        import pandas as pd

        take_options(options)
        for number, text in enumerate(read_texts(inputs), start=1):
            ids = self.encode(text, number)
            batch = to_batch(
                ids[None], np.array([len(ids)]), np.zeros((1, 0), int), np.zeros(1, int)
            )
            probabilities = network.answer(batch)[0].numpy()  # (num_targets, classes)
            count = len(probabilities)
            yield pd.DataFrame(
                {
                    "sequence": number,
                    "step": np.arange(len(ids) - count + 1, len(ids) + 1),
                    "prediction": [self.classes[i] for i in probabilities.argmax(axis=1)],
                    **{name: probabilities[:, i] for i, name in enumerate(self.classes)},
                }
            )

    def example_inputs(self) -> list[str]:
        return [" ".join([self.symbols[-1]] * (2 * self.num_targets))]

    def token_names(self) -> tuple[str, ...]:
        return self.symbols

    def encode(self, text: str, number: int) -> Ints:
        """Return the tokens of a sequence; `number` names it in errors."""
        symbols = text.split()
        for symbol in symbols:
            if symbol not in self.symbols:
                choices = self.symbols[UNKNOWN_ID + 1 :]
                begin = f"sequence {number}: {symbol!r} is no symbol; choices: "
                raise DataError(Problem(begin + ", ".join(choices), choices=choices))
        if len(symbols) < self.num_targets:
            raise DataError(
                f"sequence {number} has {len(symbols)} symbols, but the network gives a class to "
                f"the last {self.num_targets}"
            )
        return np.array([self.symbols.index(symbol) for symbol in symbols], dtype=np.int64)


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

    def save_processor(self, folder: Path) -> None:
        """See DataModule."""
        names = self.input_names()
        SymbolsProcessor(tuple(names), tuple(names[FIRST_ID:]), self.num_targets).save(folder)

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return the input sequence as text."""
        names = self.input_names()
        return {"text": " ".join(names[token] for token in self.inputs[split][index])}
