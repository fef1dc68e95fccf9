"""Orders of batches and the loader: seeded by epoch, rank-aware and resumable within an epoch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch import distributed

from rnnlab.errors import DataError
from rnnlab.spec import Batch, Ints

POOL_BATCHES = 50  # batches that are sorted by length together: little padding, random enough


def batch_starts(lengths: Ints, batch_tokens: int) -> Ints:
    """Return the first sequence of each batch but the first; lengths ascend, (N,).

    A batch has at most `batch_tokens` tokens, padding included: longest sequence x number of
    sequences. A longer sequence is a batch alone.

    >>> batch_starts(np.array([1, 2, 2, 3, 9]), 6)
    array([3, 4])
    """
    starts, start = [], 0
    while start < len(lengths):
        # Lengths ascend, so the last one of a batch decides, and no batch has more sequences than
        # budget / first length.
        window = lengths[start : start + max(batch_tokens // max(int(lengths[start]), 1), 1)]
        fits = window * np.arange(1, len(window) + 1) <= batch_tokens
        start += max(int(fits.sum()), 1)
        starts.append(start)
    return np.array(starts[:-1], dtype=np.int64)


def limit_batches(count: int, limit: float | None) -> int:
    """Return how many of `count` batches the Trainer reads with this limit.

    >>> limit_batches(10, None), limit_batches(10, 4), limit_batches(10, 0.25)
    (10, 4, 2)
    """
    if limit is None:
        return count
    return min(count, limit) if isinstance(limit, int) else int(count * limit)


class ShuffledOrder:
    """Random batches of sequences of similar length; a function of (seed, epoch).

    All sequences are shuffled and split into pools of 50 batches. Each pool is sorted by length and
    split into batches, which are shuffled. Sequences of equal length are only shuffled.

    With a token budget all sequences are one pool, sorted by length, with equal lengths in random
    order. Every epoch then has the same number of batches, as learning rate schedules require.

    Args:
        lengths: steps of each sequence, (N,).
        batch_size, seed: sequences in a batch, of which the last may be smaller; seed of the order.
        shuffle: False for the same batches in every epoch.
        batch_tokens: see batch_starts; replaces `batch_size`.
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
        self._starts = batch_starts(np.sort(lengths), batch_tokens) if batch_tokens else None
        # Numbers of two bytes are sorted by radix, which is several times as fast.
        self._keys = lengths.astype(np.uint16) if lengths.max(initial=0) < 2**16 else lengths

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self._starts is not None:
            return len(self._starts) + 1
        return -(-len(self.lengths) // self.batch_size)

    def batches(self) -> list[Ints]:
        """Return the rows of each batch of the current epoch."""
        random = np.random.default_rng([self.seed, self.epoch if self.shuffle else 0])
        rows = random.permutation(len(self.lengths))
        batches = self._sort_pools(rows) if self._starts is None else self._sort(rows, self._starts)
        return [batches[i] for i in random.permutation(len(batches)).tolist()]

    def _sort(self, rows: Ints, starts: Ints) -> list[Ints]:
        return np.split(rows[np.argsort(self.lengths[rows], kind="stable")], starts)

    def _sort_pools(self, rows: Ints) -> list[Ints]:
        pool = self.batch_size * POOL_BATCHES
        batches: list[Ints] = []
        for start in range(0, len(rows), pool):
            members = rows[start : start + pool]
            members = members[np.argsort(self._keys[members], kind="stable")]
            full = len(members) - len(members) % self.batch_size
            batches.extend(members[:full].reshape(-1, self.batch_size))
            batches += [members[full:]] if full < len(members) else []
        return batches


class SortedOrder:
    """Every sequence once, short ones first, with the least padding; see ShuffledOrder."""

    def __init__(self, lengths: Ints, batch_size: int, batch_tokens: int | None = None) -> None:
        self.rows = np.argsort(lengths, kind="stable")
        self.starts = (
            batch_starts(lengths[self.rows], batch_tokens)
            if batch_tokens
            else np.arange(batch_size, len(self.rows), batch_size)
        )

    def __len__(self) -> int:
        return len(self.starts) + 1

    def batches(self) -> list[Ints]:
        """Return the rows of each batch."""
        return np.split(self.rows, self.starts)


class ResumableLoader(ABC):
    """Base class of the loaders: numbered batches that another loader can continue.

    Attributes:
        order: of the batches.
        sampler: the order of a training loader; Lightning sets the epoch of this attribute.
        rank: of this process.
        world: number of processes.
    """

    def __init__(self) -> None:
        parallel = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if parallel else 0
        self.world = distributed.get_world_size() if parallel else 1
        self._position = {"epoch": 0, "batch": 0}
        self._resumes = False

    def _set_order(self, order: Any, training: bool) -> None:
        self.order = order
        if training:
            self.sampler = order

    @property
    def epoch(self) -> int:
        """Current epoch; 0 if all epochs are the same."""
        return int(getattr(self.order, "epoch", 0))

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of batches of an epoch, of this process."""

    @abstractmethod
    def batches(self) -> Callable[[int], Batch]:
        """Return a function that makes the i-th batch of the current epoch."""

    @abstractmethod
    def target_rows(self, limit: float | None) -> Ints:
        """Return the rows of the targets that all processes evaluate, in ascending order.

        `limit` is the number of batches of a process, or a share of them; see limit_batches.
        """

    def __iter__(self) -> Iterator[Batch]:
        make, count, epoch = self.batches(), len(self), self.epoch
        # A loaded position is used once, and only in its own epoch.
        resumes = self._resumes and self._position["epoch"] == epoch
        start = self._position["batch"] if resumes and self._position["batch"] < count else 0
        self._resumes = False
        for i in range(start, count):
            self._position = {"epoch": epoch, "batch": i + 1}
            yield make(i)
        self._position = {"epoch": epoch + 1, "batch": 0}

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the loader, which Lightning saves in every checkpoint."""
        return dict(self._position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at the position of another loader."""
        self._position = dict(state)
        self._resumes = True


class BatchLoader(ResumableLoader):
    """Loader that gathers whole batches, without a Python loop over their items.

    Under DDP each rank reads every world-th batch. In training all ranks must take the same number
    of steps, so the first batches are read again to complete the last round. In evaluation every
    target is read exactly once. `gather` returns a batch for the rows of its targets.
    """

    def __init__(
        self, order: ShuffledOrder | SortedOrder, gather: Callable[[Ints], Batch], training: bool
    ) -> None:
        super().__init__()
        self._set_order(order, training)
        self.gather, self.training = gather, training
        if len(order) < self.world:
            raise DataError(
                f"{len(order)} batches are too few for {self.world} processes: lower "
                "data.batch_size, or trainer.devices"
            )

    def __len__(self) -> int:
        spare = self.world - 1 if self.training else self.world - 1 - self.rank
        return (len(self.order) + spare) // self.world

    def batches(self) -> Callable[[int], Batch]:
        rows = self.order.batches()
        return lambda i: self.gather(rows[(self.rank + i * self.world) % len(rows)])

    def target_rows(self, limit: float | None) -> Ints:
        """See ResumableLoader."""
        batches = self.order.batches()
        ranks = [batches[rank :: self.world] for rank in range(self.world)]
        rows = [rank[: limit_batches(len(rank), limit)] for rank in ranks]
        return np.sort(np.concatenate([batch for rank in rows for batch in rank]))
