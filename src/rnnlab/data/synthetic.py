"""Sequences of one length that are drawn anew at each start, from a seed of their own."""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.config.types import NonNegativeInt, PositiveInt
from rnnlab.data.base import DataModule, Split
from rnnlab.data.sources.provenance import Provenance
from rnnlab.spec import Batch


class GeneratedDataModule(DataModule):
    """Base of problems with a known answer. A data set defines `preview`, `title` and `draw`.

    Args:
        num_train: sequences for training.
        num_eval: sequences for validation, and as many again for the test.
        batch_size: sequences in a batch, on each device.
        data_seed: of the sequences; the run's seed has no say in what is evaluated.
        seed: of the order of the batches.
        shuffle: draw the batches anew in each epoch.

    Attributes:
        inputs: split -> (N, T) tokens or (N, T, D) values, known after `setup`.
        targets: split -> (N, ...).
    """

    def __init__(
        self,
        num_train: PositiveInt = 10_000,
        num_eval: PositiveInt = 1_000,
        batch_size: PositiveInt = 64,
        data_seed: NonNegativeInt = 0,
        seed: NonNegativeInt = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(batch_size, seed, shuffle)
        self.counts = {"train": num_train, "val": num_eval, "test": num_eval}
        self.data_seed = data_seed

    @abstractmethod
    def title(self) -> str:
        """What is drawn, in some words."""

    @abstractmethod
    def draw(self, count: int, random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs and targets of so many sequences."""

    def setup(self, stage: str | None = None) -> None:
        """Draw the three splits, each from a stream of its own."""
        if hasattr(self, "spec"):
            return
        self.inputs, self.targets = {}, {}
        drawn = hashlib.sha256()
        for stream, (split, count) in enumerate(self.counts.items()):
            random = np.random.default_rng([self.data_seed, stream])
            self.inputs[split], self.targets[split] = self.draw(count, random)
            drawn.update(self.inputs[split].tobytes() + self.targets[split].tobytes())
        digest = drawn.hexdigest()
        self.provenance = Provenance("generated", self.title(), "", digest, sizes=self.counts)
        self.spec = self.preview()

    def lengths(self, split: Split) -> NDArray[Any]:
        """All sequences have one length, (N,)."""
        count, steps = self.inputs[split].shape[:2]
        return np.full(count, steps)

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """See DataModule."""
        inputs = self.inputs[split][rows]
        return Batch(
            torch.from_numpy(inputs),
            torch.full((len(rows),), inputs.shape[1]),
            torch.from_numpy(self.targets[split][rows]),
            torch.from_numpy(rows),
        )

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """The sequence that was read before a target."""
        return {"history": self.inputs[split][index]}
