"""Which targets stand in which batch: seeded by epoch, aware of ranks, resumable in mid-epoch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import distributed

from rnnlab.errors import DataError
from rnnlab.spec import Batch

Ints = NDArray[np.int64]
POOL_BATCHES = 50  # batches that are sorted by length together: little padding, still random


def cut_by_tokens(lengths: Ints, batch_tokens: int) -> Ints:
    """Where batches begin such that none holds more tokens than this, its padding counted.

    Args:
        lengths: of the sequences, ascending, (N,).
        batch_tokens: longest sequence x number of sequences; a longer sequence stands alone.

    Returns:
        Where each batch but the first begins.

    >>> cut_by_tokens(np.array([1, 2, 2, 3, 9]), 6)
    array([3, 4])
    """
    starts, start = [], 0
    while start < len(lengths):
        # Of ascending lengths only the last one of a batch counts, and no batch of more than
        # budget / first length can fit.
        window = lengths[start : start + max(batch_tokens // max(int(lengths[start]), 1), 1)]
        fits = window * np.arange(1, len(window) + 1) <= batch_tokens
        start += max(int(fits.sum()), 1)
        starts.append(start)
    return np.array(starts[:-1], dtype=np.int64)


class ShuffledOrder:
    """Random batches of sequences of similar length; a function of (seed, epoch) alone.

    All sequences are shuffled, cut into pools of 50 batches, sorted by length within a pool and cut
    into batches; the batches are shuffled. Sequences of one length are simply shuffled.

    With a token budget all sequences are one pool, sorted by length with equal ones in random
    order: every epoch has equally many batches then, as a schedule of the learning rate needs.

    Args:
        lengths: steps of each sequence, (N,).
        batch_size: sequences in a batch; the last one may be smaller.
        seed: of the order.
        shuffle: False gives the same batches in every epoch.
        batch_tokens: see cut_by_tokens; in place of `batch_size`.
    """

    def __init__(
        self,
        lengths: Ints,
        batch_size: int,
        seed: int,
        shuffle: bool = True,
        batch_tokens: int | None = None,
    ) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.shuffle = shuffle
        self.epoch = 0
        self._starts = cut_by_tokens(np.sort(lengths), batch_tokens) if batch_tokens else None
        # Numbers of two bytes are sorted by radix, several times as fast.
        self._keys = lengths.astype(np.uint16) if lengths.max(initial=0) < 2**16 else lengths

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self._starts is not None:
            return len(self._starts) + 1
        return -(-len(self.lengths) // self.batch_size)

    def batches(self) -> list[Ints]:
        """The rows of each batch of the current epoch."""
        random = np.random.default_rng([self.seed, self.epoch if self.shuffle else 0])
        rows = random.permutation(len(self.lengths))
        batches = self._pooled(rows) if self._starts is None else self._sorted(rows, self._starts)
        return [batches[i] for i in random.permutation(len(batches)).tolist()]

    def _sorted(self, rows: Ints, starts: Ints) -> list[Ints]:
        return np.split(rows[np.argsort(self.lengths[rows], kind="stable")], starts)

    def _pooled(self, rows: Ints) -> list[Ints]:
        pool = self.batch_size * POOL_BATCHES
        batches: list[Ints] = []
        for start in range(0, len(rows), pool):
            members = rows[start : start + pool]
            members = members[np.argsort(self._keys[members], kind="stable")]
            whole = len(members) - len(members) % self.batch_size
            batches.extend(members[:whole].reshape(-1, self.batch_size))
            batches += [members[whole:]] if whole < len(members) else []
        return batches


class SortedOrder:
    """Every sequence once, the short ones first: the least padding, for evaluation.

    Args:
        lengths: steps of each sequence, (N,).
        batch_size: sequences in a batch; the last one may be smaller.
        batch_tokens: see cut_by_tokens; in place of `batch_size`.
    """

    def __init__(self, lengths: Ints, batch_size: int, batch_tokens: int | None = None) -> None:
        self.rows = np.argsort(lengths, kind="stable")
        self.starts = (
            cut_by_tokens(lengths[self.rows], batch_tokens)
            if batch_tokens
            else np.arange(batch_size, len(self.rows), batch_size)
        )

    def __len__(self) -> int:
        return len(self.starts) + 1

    def batches(self) -> list[Ints]:
        """The rows of each batch."""
        return np.split(self.rows, self.starts)


class ResumableLoader(ABC):
    """Base of the loaders: batches that are numbered, and gone on with where another stood.

    Attributes:
        epoch: that the batches are of; 0 where all epochs are the same.
        rank: of this process.
        world: number of processes.
    """

    def __init__(self) -> None:
        spread = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if spread else 0
        self.world = distributed.get_world_size() if spread else 1
        self._position = {"epoch": 0, "batch": 0}
        self._resumes = False

    @property
    def epoch(self) -> int:
        """See the class."""
        return 0

    @abstractmethod
    def __len__(self) -> int:
        """Batches of an epoch, of this process."""

    @abstractmethod
    def batches(self) -> Callable[[int], Batch]:
        """What makes the i-th batch of the current epoch."""

    def __iter__(self) -> Iterator[Batch]:
        make, count, epoch = self.batches(), len(self), self.epoch
        # Only a loaded position is gone on from, and only in its own epoch.
        resumes = self._resumes and self._position["epoch"] == epoch
        start = self._position["batch"] if resumes and self._position["batch"] < count else 0
        self._resumes = False
        for i in range(start, count):
            self._position = {"epoch": epoch, "batch": i + 1}
            yield make(i)
        self._position = {"epoch": epoch + 1, "batch": 0}

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands; Lightning keeps it in every checkpoint."""
        return dict(self._position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where another loader stood."""
        self._position = dict(state)
        self._resumes = True


class BatchLoader(ResumableLoader):
    """Gather one whole batch after the other, without a Python loop over its items.

    Under DDP each rank reads every world-th batch. In training the ranks must take equally many
    steps, so the first batches are read again to fill the last round; in evaluation every target is
    read exactly once.

    Args:
        order: makes the batches of an epoch.
        gather: makes a batch from the rows of its targets.
        training: fill the last round.

    Attributes:
        order: as given.
        sampler: the order of a training loader; under this name Lightning tells it the epoch.
    """

    def __init__(
        self,
        order: ShuffledOrder | SortedOrder,
        gather: Callable[[Ints], Batch],
        training: bool,
    ) -> None:
        super().__init__()
        self.order = order
        if training:
            self.sampler = order
        self.gather = gather
        self.training = training
        if len(order) < self.world:
            raise DataError(
                f"{len(order)} batches are too few for {self.world} processes: lower "
                "data.batch_size, or trainer.devices"
            )

    @property
    def epoch(self) -> int:
        """See ResumableLoader."""
        return getattr(self.order, "epoch", 0)

    def __len__(self) -> int:
        spare = self.world - 1 if self.training else self.world - 1 - self.rank
        return (len(self.order) + spare) // self.world

    def batches(self) -> Callable[[int], Batch]:
        """See ResumableLoader."""
        rows = self.order.batches()
        return lambda i: self.gather(rows[(self.rank + i * self.world) % len(rows)])
