"""What every data set is: sizes, three loaders whose targets are fixed, baselines, and examples."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import lightning.pytorch as L
import numpy as np
from numpy.typing import NDArray

from rnnlab.data.description import Description, Example, SplitFacts, count_split, middle
from rnnlab.data.loaders.buckets import BatchLoader, ShuffledOrder, SortedOrder
from rnnlab.data.sources.provenance import Provenance
from rnnlab.spec import Batch, DataSpec

Split = str  # train | val | test


class DataModule(L.LightningDataModule):
    """Base of all data sets. The constructor reads nothing; `prepare_data` and `setup` do.

    Args:
        batch_size: targets in a batch, on each device.
        seed: of the order of the batches.
        shuffle: draw the batches anew in each epoch.

    Attributes:
        tasks: names of the tasks that its targets fit.
        fixed_settings: settings of the base class that a data set determines itself.
        spec: sizes, known after `setup`.
        provenance: what was read, known after `setup`.
    """

    tasks: ClassVar[tuple[str, ...]]
    fixed_settings: ClassVar[frozenset[str]] = frozenset()
    spec: DataSpec
    provenance: Provenance

    def __init__(self, batch_size: int, seed: int, shuffle: bool) -> None:
        super().__init__()
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle

    def preview(self) -> DataSpec:
        """The sizes as far as the settings tell them, to try a model before any data is read."""
        raise NotImplementedError

    def lengths(self, split: Split) -> NDArray[Any]:
        """Steps of the input of each target, (N,)."""
        raise NotImplementedError

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """A padded batch of these targets."""
        raise NotImplementedError

    def sample(self, split: Split, count: int, steps: int) -> Batch:
        """A small batch to look at, the same whatever is tuned.

        Args:
            split: train | val | test.
            count: sequences at most.
            steps: sequences as long as this are taken rather than others.
        """
        distance = np.abs(self.lengths(split) - steps)
        count = min(count, len(distance))
        (near,) = np.nonzero(distance <= np.partition(distance, count - 1)[count - 1])
        return self.gather(split, near[np.linspace(0, len(near) - 1, count).astype(int)])

    def baselines(self, split: Split) -> dict[str, dict[str, float]]:
        """Scores of forecasts without a network: baseline -> metric -> value."""
        raise NotImplementedError

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """What stands behind a target, to be shown beside its prediction."""
        raise NotImplementedError

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return what the task needs to analyze predictions of these targets, by name."""
        return {}

    def input_names(self) -> Sequence[str]:
        """Each token as people write it, by its id; or each feature of a step. May be empty."""
        return ()

    def output_names(self) -> Sequence[str]:
        """Each token to be predicted as people write it, by its id. May be empty."""
        return ()

    def uncut_lengths(self, split: Split) -> NDArray[Any] | None:
        """Steps of each input before anything was cut, (N,); None where nothing is."""
        return None

    def describe(self) -> Description:
        """What there is to know of the data without training; see rnnlab.data.description."""
        splits: dict[Split, SplitFacts] = {}
        for split, loader in self._loaders().items():
            tally, kept = count_split(loader, self.spec)
            known = tally.facts(loader, self.provenance.sizes[split], self.batch_size)
            found = [middle(batch, self.spec) for batch in kept]
            examples = [Example(row, self.example(split, row), *rest) for row, *rest in found]
            splits[split] = SplitFacts(**known, uncut=self.uncut_lengths(split), examples=examples)
        return Description(
            type(self).__name__,
            self.tasks,
            self.provenance,
            self.spec,
            self.input_names(),
            self.output_names(),
            splits,
        )

    def _loaders(self) -> dict[Split, BatchLoader]:
        return {
            "train": self.train_dataloader(),
            "val": self.val_dataloader(),
            "test": self.test_dataloader(),
        }

    def save_processor(self, folder: Path) -> None:
        """Leave in a run's folder what is needed to read new inputs; numbers need nothing."""

    def train_dataloader(self) -> BatchLoader:
        """Random batches of similar length, anew in each epoch."""
        lengths = self.lengths("train")
        order = ShuffledOrder(lengths, self.batch_size, self.seed, self.shuffle)
        return self._loader("train", order, training=True)

    def val_dataloader(self) -> BatchLoader:
        """Every validation target once."""
        return self._loader("val", SortedOrder(self.lengths("val"), self.batch_size))

    def test_dataloader(self) -> BatchLoader:
        """Every test target once."""
        return self._loader("test", SortedOrder(self.lengths("test"), self.batch_size))

    def predict_dataloader(self) -> BatchLoader:
        """The test targets; `Batch.rows` says which target an output is of."""
        return self.test_dataloader()

    def _loader(
        self, split: Split, order: ShuffledOrder | SortedOrder, training: bool = False
    ) -> BatchLoader:
        return BatchLoader(order, partial(self.gather, split), training)
