"""Base class of generated data sets with sequences of equal length."""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.config.types import PositiveInt, Seed
from rnnlab.data.base import DataModule, Split, to_batch
from rnnlab.data.sources.provenance import Provenance
from rnnlab.spec import Batch


class GeneratedDataModule(DataModule):
    """Base class of problems with a known answer.

    A data set defines `preview`, `title` and `draw`. The sequences are drawn at each start.

    Args:
        num_train: number of training sequences.
        num_eval: number of validation sequences, and of test sequences.
        data_seed: of the sequences, independent of the seed of the run.
        batch_size, seed, shuffle: see DataModule.

    Attributes:
        inputs: split -> tokens (N, T) or values (N, T, D), set by `setup`.
        targets: split -> (N, ...), set by `setup`.
    """

    def __init__(
        self,
        num_train: PositiveInt = 10_000,
        num_eval: PositiveInt = 1_000,
        batch_size: PositiveInt = 64,
        data_seed: Seed = 0,
        seed: Seed = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(batch_size, seed, shuffle)
        self.counts = {"train": num_train, "val": num_eval, "test": num_eval}
        self.data_seed = data_seed

    @abstractmethod
    def title(self) -> str:
        """Return a short description of the sequences."""

    @abstractmethod
    def draw(self, count: int, random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return inputs and targets of `count` sequences."""

    def setup(self, stage: str | None = None) -> None:
        """Draw the three splits, each from its own random stream."""
        if hasattr(self, "spec"):
            return
        self.inputs, self.targets = {}, {}
        digest = hashlib.sha256()
        for stream, (split, count) in enumerate(self.counts.items()):
            random = np.random.default_rng([self.data_seed, stream])
            self.inputs[split], self.targets[split] = self.draw(count, random)
            digest.update(self.inputs[split].tobytes() + self.targets[split].tobytes())
        sha256 = digest.hexdigest()
        self.provenance = Provenance("generated", self.title(), "", sha256, sizes=self.counts)
        self.spec = self.preview()

    def lengths(self, split: Split) -> NDArray[Any]:
        """See DataModule; all sequences have the same length, (N,)."""
        count, steps = self.inputs[split].shape[:2]
        return np.full(count, steps)

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        inputs = self.inputs[split][rows]
        lengths = np.full(len(rows), inputs.shape[1])
        return to_batch(inputs, lengths, self.targets[split][rows], rows)

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return the input sequence of a target."""
        return {"history": self.inputs[split][index]}
