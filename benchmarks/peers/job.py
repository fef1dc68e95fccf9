"""The job of a comparison: data and sizes, as a file that every library can read."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network and of its batches; Adam without clipping trains it.

    Attributes:
        num_tokens: V, of the vocabulary; 0 is the padding.
        embedding_size: D.
        hidden_size: H, of one GRU.
        output_size: classes, or V.
        batch_size: reviews, or streams of a text.
        steps: largest length of a review, or steps of a window.
        lr: learning rate.
        threads: of the library.
        seed: of the weights and of the order.
    """

    num_tokens: int
    embedding_size: int
    hidden_size: int
    output_size: int
    batch_size: int
    steps: int
    lr: float
    threads: int
    seed: int = 0

    @property
    def parameters(self) -> int:
        """Return the number of parameters: embedding, GRU with two biases, linear layer."""
        gru = 3 * self.hidden_size * (self.embedding_size + self.hidden_size + 2)
        linear = (self.hidden_size + 1) * self.output_size
        return self.num_tokens * self.embedding_size + gru + linear


@dataclass(frozen=True)
class Job:
    """Sizes and training data.

    Attributes:
        sizes: of network and batches.
        tokens: all reviews one after the other, or one text, (N,).
        offsets: first token of each review, and the end, (R + 1,); empty for a text.
        labels: class of each review, (R,); empty for a text.
    """

    sizes: Sizes
    tokens: Ints
    offsets: Ints
    labels: Ints

    def write(self, folder: Path) -> None:
        """Write the job into a folder, which is made if it is not there."""
        folder.mkdir(exist_ok=True)
        np.savez(folder / "job.npz", tokens=self.tokens, offsets=self.offsets, labels=self.labels)
        (folder / "job.json").write_text(json.dumps(asdict(self.sizes)), encoding="utf-8")

    def blocks(self, batches: int) -> Iterator[NDArray[Any]]:
        """Yield the rows of each block of reviews, epoch after epoch; whole batches only."""
        rows = batches * self.sizes.batch_size
        random = np.random.default_rng(self.sizes.seed)
        for _ in count():
            order = random.permutation(len(self.labels))
            for start in range(0, len(order) - rows + 1, rows):
                yield order[start : start + rows]

    def review(self, row: int) -> Ints:
        """Return the tokens of a review."""
        return self.tokens[self.offsets[row] : self.offsets[row + 1]]

    def padded(self, rows: NDArray[Any]) -> Ints:
        """Return reviews padded at their beginning, as Keras does by default, (rows, steps)."""
        table = np.zeros((len(rows), self.sizes.steps), np.int32)
        for line, row in zip(table, rows, strict=True):
            tokens = self.review(row)
            line[len(line) - len(tokens) :] = tokens
        return table

    def windows(self) -> Iterator[tuple[Ints, Ints]]:
        """Yield inputs and targets of the windows of parallel streams, (B, T), again and again."""
        streams, steps = self.sizes.batch_size, self.sizes.steps
        length = (len(self.tokens) - 1) // streams
        inputs = self.tokens[: streams * length].reshape(streams, length)
        targets = self.tokens[1 : streams * length + 1].reshape(streams, length)
        for _ in count():
            for start in range(0, length - steps + 1, steps):
                window = slice(start, start + steps)
                yield inputs[:, window], targets[:, window]


def validation_folder(folder: Path) -> Path:
    """Return the folder of the validation split, within that of a job."""
    return folder / "val"


def read_job(folder: Path) -> Job:
    """Return the job in a folder."""
    sizes = Sizes(**json.loads((folder / "job.json").read_text(encoding="utf-8")))
    with np.load(folder / "job.npz") as arrays:
        return Job(sizes, arrays["tokens"], arrays["offsets"], arrays["labels"])
