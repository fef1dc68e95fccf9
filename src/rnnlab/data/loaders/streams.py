"""A text as one stream of token ids, on disk; read in parallel streams that carry their state.

The ids of a split stand in one flat file, a start token before the first: the target with the
position p is predicted from the id at the place p, and stands at the place p + 1.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.data.loaders.buckets import Ints, ResumableLoader
from rnnlab.data.text.ragged import RaggedWriter
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.errors import DataError
from rnnlab.spec import START_ID, UNKNOWN_ID, Batch

BLOCK = 1 << 20  # characters that are encoded at once
EVAL_STEPS = 256  # tokens read at once in evaluation, whatever seq_len is: the state is carried


@dataclass(frozen=True)
class StreamSize:
    """Number of tokens of one split.

    Attributes:
        tokens: number of targets; the start token is not one.
        unknown: number of targets that are not in the vocabulary.
    """

    tokens: int
    unknown: int


def write_stream(
    folder: Path, name: str, vocabulary: Vocabulary, lines: Iterable[str]
) -> StreamSize:
    """Encode a text block by block into a RaggedArray; its first value is the start token.

    Args:
        folder: of the files.
        name: of the array; its `values` are the stream.
        vocabulary: encodes the lines.
        lines: as rnnlab.data.readers.lines returns them.
    """
    tokens = unknown = 0
    writer = RaggedWriter(folder, name, "uint16" if len(vocabulary) <= 1 << 16 else "uint32")
    writer.write(np.array([START_ID]))
    for block in blocks(lines):
        ids = np.array(vocabulary.encode_lines(block), dtype=np.int64)
        writer.write(ids)
        tokens += len(ids)
        unknown += int((ids == UNKNOWN_ID).sum())
    writer.close()
    return StreamSize(tokens, unknown)


def blocks(lines: Iterable[str], size: int = BLOCK) -> Iterator[list[str]]:
    """Lines in lists of about `size` characters."""
    block: list[str] = []
    held = 0
    for line in lines:
        block.append(line)
        held += len(line)
        if held >= size:
            yield block
            block, held = [], 0
    if block:
        yield block


class StreamOrder:
    """A text cut into streams of equal length that are read side by side, window by window.

    Tokens that do not fill the streams stand at the text's end and are not read.

    Args:
        tokens: number of targets.
        streams: rows of all batches together, of all processes.
        seq_len: steps of a window; the last one of an epoch may be shorter.
        jitter: most steps that a window begins earlier or later than it would, drawn anew in each
            epoch; less than half of seq_len. An epoch has as many windows, and the same tokens.
        seed: of what is drawn.

    Attributes:
        steps: tokens of each stream.
        epoch: told by Lightning; without jitter all epochs are alike.
    """

    def __init__(
        self, tokens: int, streams: int, seq_len: int, jitter: int = 0, seed: int = 0
    ) -> None:
        self.streams, self.seq_len = streams, seq_len
        self.jitter, self.seed = jitter, seed
        self.steps = tokens // streams
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.steps // self.seq_len)

    def start(self, index: int) -> int:
        """The first step of a window of this epoch; of the one behind the last, the end."""
        if index == 0:
            return 0
        if index == len(self):
            return self.steps
        random = np.random.default_rng([self.seed, self.epoch, index])
        moved = int(random.integers(-self.jitter, self.jitter + 1))
        return min(index * self.seq_len + moved, self.steps - 1)

    def window(self, index: int, first: int, last: int) -> Ints:
        """Positions of the targets of a window, (last - first, T), of these streams."""
        steps = np.arange(self.start(index), self.start(index + 1))
        return np.arange(first, last)[:, None] * self.steps + steps


class StreamLoader(ResumableLoader):
    """Windows of parallel streams, in order; each but the first goes on from the one before.

    In training each process has streams of its own. In evaluation there is one stream, which every
    process reads from its beginning to its end: a state cannot be carried from one to another.

    Args:
        ids: the `values` of an array that `write_stream` wrote.
        tokens: number of targets.
        batch_size: streams of a batch, of each process.
        seq_len: steps of a window.
        training: whether the streams are spread over the processes.
        jitter: see StreamOrder. With it each batch asks for a learning rate in proportion to its
            steps, as Merity et al. (2018, https://arxiv.org/abs/1708.02182) have it.
        seed: see StreamOrder.

    Attributes:
        order: of the windows.
        sampler: the same in training; under this name Lightning tells it the epoch.
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
        self.first = self.rank * batch_size if training else 0
        self.last = self.first + batch_size
        streams = batch_size * (self.world if training else 1)
        self.order = StreamOrder(tokens, streams, seq_len, jitter, seed)
        if training:
            self.sampler = self.order
        if not self.order.steps:
            raise DataError(
                f"{tokens:,} tokens do not fill {self.order.streams:,} streams: lower "
                "data.batch_size, or give a longer text"
            )

    @property
    def epoch(self) -> int:
        """See ResumableLoader."""
        return self.order.epoch

    def __len__(self) -> int:
        return len(self.order)

    def batches(self) -> Callable[[int], Batch]:
        """See ResumableLoader."""
        return self.window

    def window(self, index: int) -> Batch:
        """Ids (B, T), and the id behind each (B, T)."""
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
