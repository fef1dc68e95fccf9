"""Base class of all data sets: sizes, loaders, baselines and examples."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import lightning.pytorch as L
import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.data.description import Description, Example, SplitFacts, count_split, middle_sequence
from rnnlab.data.loaders.buckets import BatchLoader, ResumableLoader, ShuffledOrder, SortedOrder
from rnnlab.data.sources.provenance import Provenance
from rnnlab.metrics.conformal import ConformalIntervals
from rnnlab.spec import Batch, DataSpec

Split = str  # train | val | test
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Rows = NDArray[Any] | slice  # positions of targets in a split
ALL_ROWS = slice(None)


def to_batch(
    inputs: NDArray[Any], lengths: NDArray[Any], targets: NDArray[Any], rows: NDArray[Any]
) -> Batch:
    """Return arrays as a batch of tensors, which share their memory."""
    convert = torch.from_numpy
    return Batch(convert(inputs), convert(lengths), convert(targets), convert(rows))


class DataModule(L.LightningDataModule):
    """Base class of all data sets. The constructor reads no data; `prepare_data` and `setup` do.

    Args:
        batch_size: targets in a batch, on each device.
        seed: of the order of the batches.
        shuffle: use a new order in each epoch.

    Attributes:
        tasks: names of the tasks that fit the targets.
        spec: sizes, set by `setup`.
        provenance: source of the data, set by `setup`.
        batch_tokens: tokens of a batch, instead of `batch_size`; None for batches of that size.
        intervals: prediction intervals of the network that was trained on these data, set after the
            training; None before, and for other tasks than forecasting.
    """

    tasks: ClassVar[tuple[str, ...]]
    batch_tokens: int | None = None
    intervals: ConformalIntervals | None = None
    spec: DataSpec
    provenance: Provenance

    def __init__(self, batch_size: int, seed: int, shuffle: bool) -> None:
        super().__init__()
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle

    def preview(self) -> DataSpec:
        """Return the sizes as far as the settings define them, to test a model without data."""
        raise NotImplementedError

    def lengths(self, split: Split) -> NDArray[Any]:
        """Return the number of input steps of each target, (N,)."""
        raise NotImplementedError

    def widths(self, split: Split) -> NDArray[Any]:
        """Return the lengths that batches are built by, (N,)."""
        return self.lengths(split)

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Return a padded batch of some targets."""
        raise NotImplementedError

    def sample(self, split: Split, count: int, steps: int) -> Batch:
        """Return a small batch for figures, independent of tuned settings.

        It has `count` sequences at most, with lengths that are closest to `steps`.
        """
        distance = np.abs(self.lengths(split) - steps)
        count = min(count, len(distance))
        (candidates,) = np.nonzero(distance <= np.partition(distance, count - 1)[count - 1])
        rows = candidates[np.linspace(0, len(candidates) - 1, count).astype(int)]
        return self.gather(split, rows)

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the scores of predictions without a network: baseline -> metric -> value.

        `rows` are the positions of the targets that are scored.
        """
        raise NotImplementedError

    def baseline_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return what the analysis needs to compare with baselines, by name; may fit them.

        Not called with baselines=false.
        """
        return {}

    def missing_baselines(self) -> Mapping[str, str]:
        """Return the reason why a baseline cannot be computed, by its name.

        Some reasons are known before the baselines are computed, all of them after it.
        """
        return {}

    def undefined_metrics(self, split: Split) -> Mapping[str, str]:
        """Return the reason why a metric has no value for the targets of a split, by its name."""
        return {}

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return the context of a target by name, to show it beside a prediction."""
        raise NotImplementedError

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return what the analysis needs besides the predictions of these targets, by name."""
        return {}

    def input_names(self) -> Sequence[str]:
        """Return the text of each token by its id, or the name of each feature. May be empty."""
        return ()

    def output_names(self) -> Sequence[str]:
        """Return the text of each target token by its id. May be empty."""
        return ()

    def original_lengths(self, split: Split) -> NDArray[Any] | None:
        """Return the length of each input before truncation, (N,); None without truncation."""
        return None

    def describe(self) -> Description:
        """Return facts of the data that need no training; see rnnlab.data.description."""
        splits: dict[Split, SplitFacts] = {}
        for split in SPLITS:
            loader: ResumableLoader = getattr(self, f"{split}_dataloader")()
            counter, batches = count_split(loader, self.spec)
            sequences = [middle_sequence(batch, self.spec) for batch in batches]
            splits[split] = counter.facts(
                targets=self.provenance.sizes[split],
                batches=len(loader),
                batch_size=self.batch_size,
                original_lengths=self.original_lengths(split),
                examples=[
                    Example(row, self.example(split, row), inputs, target)
                    for row, inputs, target in sequences
                ],
            )
        facts = type(self).__name__, self.tasks, self.provenance, self.spec
        names = self.input_names(), self.output_names()
        missing = [f"{name}: {reason}" for name, reason in self.missing_baselines().items()]
        extra = {"missing": f"baseline {'; '.join(missing)}"} if missing else {}
        return Description(*facts, *names, splits, extra)

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Return a batch on a device; Lightning visits each part of one that is there already."""
        if isinstance(batch, Batch) and batch.inputs.device == device:
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def save_processor(self, folder: Path) -> None:
        """Write the files that are needed to read new inputs into a run folder."""

    def train_dataloader(self) -> ResumableLoader:
        """Return random batches of sequences of similar length, in a new order in each epoch."""
        widths, seed = self.widths("train"), self.seed
        order = ShuffledOrder(widths, self.batch_size, seed, self.shuffle, self.batch_tokens)
        return self._loader("train", order, training=True)

    def val_dataloader(self) -> ResumableLoader:
        """Return batches with every validation target once."""
        return self._evaluation_loader("val")

    def test_dataloader(self) -> ResumableLoader:
        """Return batches with every test target once."""
        return self._evaluation_loader("test")

    def predict_dataloader(self) -> ResumableLoader:
        """Return the test batches; `Batch.rows` is the position of each target."""
        return self.test_dataloader()

    def _evaluation_loader(self, split: Split) -> ResumableLoader:
        order = SortedOrder(self.widths(split), self.batch_size, self.batch_tokens)
        return self._loader(split, order)

    def _loader(
        self, split: Split, order: ShuffledOrder | SortedOrder, training: bool = False
    ) -> BatchLoader:
        return BatchLoader(order, partial(self.gather, split), training)
