"""Text as one stream of token ids on disk, read in parallel streams that carry their state.

The ids of a split are one flat array that begins with a start token. Target number p is the id at
position p + 1; its input is the id at position p.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.data.loaders.buckets import ResumableLoader, limit_batches
from rnnlab.data.text.ragged import RaggedWriter
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.errors import DataError
from rnnlab.spec import START_ID, UNKNOWN_ID, Batch, Ints

BLOCK_CHARACTERS = 1 << 20  # that are encoded at once
EVAL_STEPS = 256  # tokens of an evaluation window; the state is carried, so seq_len is irrelevant


@dataclass(frozen=True)
class StreamSize:
    """Number of targets of one split, and of those that are not in the vocabulary."""

    tokens: int
    unknown: int


def write_stream(
    folder: Path, name: str, vocabulary: Vocabulary, lines: Iterable[str]
) -> StreamSize:
    """Encode a text block by block into a RaggedArray; its first value is the start token.

    The `values` of the array are the stream. The lines are as rnnlab.data.readers.lines returns
    them.
    """
    tokens = unknown = 0
    writer = RaggedWriter(folder, name, "uint16" if len(vocabulary) <= 1 << 16 else "uint32")
    writer.write(np.array([START_ID]))
    for block in iterate_text(lines):
        ids = np.array(vocabulary.encode_lines(block), dtype=np.int64)
        writer.write(ids)
        tokens += len(ids)
        unknown += int((ids == UNKNOWN_ID).sum())
    writer.close()
    return StreamSize(tokens, unknown)


def iterate_text(lines: Iterable[str], size: int = BLOCK_CHARACTERS) -> Iterator[list[str]]:
    """Yield lists of lines with about `size` characters."""
    block: list[str] = []
    characters = 0
    for line in lines:
        block.append(line)
        characters += len(line)
        if characters >= size:
            yield block
            block, characters = [], 0
    if block:
        yield block


class StreamOrder:
    """Order of the windows of a text in streams of equal length, which are read side by side.

    The last tokens of the text that do not fill the streams are not read.

    Args:
        tokens: number of targets.
        streams: number of streams, of all processes together.
        seq_len: steps of a window; the last one of an epoch may be shorter.
        jitter: maximum shift of the start of a window, in steps, drawn in each epoch; less than
            half of seq_len. The number of windows and the tokens of an epoch stay the same.
        seed: of the shifts.

    Attributes:
        steps: tokens of each stream.
        epoch: set by Lightning; without jitter all epochs are the same.
    """

    def __init__(
        self, tokens: int, streams: int, seq_len: int, jitter: int = 0, seed: int = 0
    ) -> None:
        self.streams, self.seq_len = streams, seq_len
        self.jitter, self.seed = jitter, seed
        self.steps = tokens // streams
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.steps // self.seq_len)

    def start(self, index: int) -> int:
        """Return the first step of a window of this epoch; for index = len(self) the end."""
        if index == 0:
            return 0
        if index == len(self):
            return self.steps
        random = np.random.default_rng([self.seed, self.epoch, index])
        shift = int(random.integers(-self.jitter, self.jitter + 1))
        return min(index * self.seq_len + shift, self.steps - 1)

    def window(self, index: int, first: int, last: int) -> Ints:
        """Return the positions of the targets of a window of some streams, (last - first, T)."""
        steps = np.arange(self.start(index), self.start(index + 1))
        return np.arange(first, last)[:, None] * self.steps + steps


class StreamLoader(ResumableLoader):
    """Loader of the windows of parallel streams, in order; each one continues the one before.

    In training each process has its own streams. In evaluation there is one stream, which every
    process reads completely, because a state cannot be carried between processes. With `jitter` the
    learning rate of each batch is proportional to its steps (Merity et al., 2018,
    https://arxiv.org/abs/1708.02182).

    Args:
        ids: the `values` of an array that `write_stream` wrote.
        batch_size: streams of a batch, of each process.
        training: distribute the streams over the processes.
        tokens, seq_len, jitter, seed: see StreamOrder.
    """

    def __init__(
        self,
        ids: NDArray[Any],
        tokens: int,
        batch_size: int,
        seq_len: int,
        training: bool,
        jitter: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.ids = ids
        streams = batch_size * (self.world if training else 1)
        self._set_order(StreamOrder(tokens, streams, seq_len, jitter, seed), training)
        self.first = self.rank * batch_size if training else 0
        self.last = self.first + batch_size
        if not self.order.steps:
            raise DataError(
                f"{tokens:,} tokens do not fill {streams:,} streams: lower "
                "data.batch_size, or give a longer text"
            )

    def __len__(self) -> int:
        return len(self.order)

    def batches(self) -> Callable[[int], Batch]:
        return self.window

    def target_rows(self, limit: float | None) -> Ints:
        """See ResumableLoader; an evaluation has one stream."""
        return np.arange(self.order.start(limit_batches(len(self), limit)))

    def window(self, index: int) -> Batch:
        """Return the ids of a window (B, T), and the next id of each (B, T)."""
        rows = self.order.window(index, self.first, self.last)
        steps = rows.shape[1]
        return Batch(
            torch.from_numpy(self.ids[rows].astype(np.int64)),
            torch.full((len(rows),), steps),
            torch.from_numpy(self.ids[rows + 1].astype(np.int64)),
            torch.from_numpy(rows),
            continues=index > 0,
            lr_scale=steps / self.order.seq_len if self.order.jitter else 1.0,
        )
