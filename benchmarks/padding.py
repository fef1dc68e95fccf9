"""Batches of reviews of similar length, against shuffled reviews padded to the longest."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.pairs import Pair, Row, Stopwatch, interleave
from benchmarks.runs import MANY_EPOCHS, BareLoop, Settings, composed, device_of, left_as_found
from rnnlab.config.schema import RunConfig
from rnnlab.data.base import DataModule
from rnnlab.data.loaders.buckets import Ints
from rnnlab.experiment.build import build_data
from rnnlab.runtime.precision import choose_matmul_precision
from rnnlab.spec import Batch

BATCHES = 8  # in a block
Blocks = Iterator[list[Ints]]


def deal(batches: list[Ints], lengths: NDArray[Any], size: int) -> list[list[Ints]]:
    """Batches dealt to blocks like cards, from the shortest to the longest.

    So each block is a fair sample of the epoch, and a ratio of one block is one of the epoch.
    """
    ordered = sorted(batches, key=lambda rows: int(lengths[rows].max()))
    piles = max(1, len(ordered) // size)
    return [ordered[first::piles] for first in range(piles)]


def blocks_of(data: DataModule) -> Blocks:
    """Blocks of the training loader's batches, epoch after epoch."""
    loader = data.train_dataloader()
    for epoch in count():
        loader.order.epoch = epoch  # type: ignore[union-attr]
        batches = loader.order.batches()
        yield from deal(batches, data.lengths("train"), BATCHES)


def naive_batches(whole: Batch, block: list[Ints], batch_size: int) -> Iterator[Batch]:
    """The samples of a block at random, from a table in which all are padded to the longest."""
    rows = np.random.default_rng(0).permutation(np.concatenate(block))
    for start in range(0, len(rows), batch_size):
        chosen = torch.from_numpy(rows[start : start + batch_size])
        yield Batch(*(part[chosen] for part in whole[:4]))


def sides(
    config: RunConfig, data: DataModule, wanted: str
) -> tuple[Callable[[list[Ints]], int], Callable[[list[Ints]], int]]:
    """Training on a block our way and the naive way; naive at torch's own matrix precision."""
    device = device_of(config)
    total = MANY_EPOCHS * len(data.train_dataloader())
    ours, naive = (BareLoop(config, data.spec, total, device) for _ in range(2))
    chosen = choose_matmul_precision(wanted, ours.model.output_size, device.type)
    # The naive side pays nothing for its batches: they are slices of a table made beforehand.
    whole = data.gather("train", np.arange(len(data.lengths("train"))))

    def train_ours(block: list[Ints]) -> int:
        torch.set_float32_matmul_precision(chosen)
        return sum(ours.step(data.gather("train", rows)) for rows in block)

    def train_naive(block: list[Ints]) -> int:
        torch.set_float32_matmul_precision("highest")
        return sum(naive.step(batch) for batch in naive_batches(whole, block, data.batch_size))

    return train_ours, train_naive


def compare(settings: Settings, wanted: str) -> list[Pair]:
    """Seconds of blocks, with our side at this matrix precision."""
    config = composed("data=imdb", "model=gru", *settings.imdb)
    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    torch.manual_seed(config.seed)
    ours, naive = sides(config, data, wanted)
    stopwatch = Stopwatch(settings.clock, device_of(config))
    return interleave(ours, naive, blocks_of(data), stopwatch, settings.seconds)


def row(name: str, what: str, bar: float, settings: Settings, wanted: str) -> Row:
    """Samples per second, ours / naive."""
    with left_as_found():
        pairs = compare(settings, wanted)
    samples = sum(pair.units for pair in pairs)
    ours, other = (samples / sum(pair[side] for pair in pairs) for side in (0, 1))
    ratios = [pair.other / pair.ours for pair in pairs]
    return Row(name, what, f"{ours:,.0f}/s", f"{other:,.0f}/s", ratios, bar, at_least=True)


def buckets(settings: Settings) -> Row:
    """The batches alone: both sides at torch's own matrix precision."""
    what = "IMDB GRU, samples/s: our batches / shuffled, padded to the longest"
    return row("buckets", what, 1.6, settings, "highest")


def training(settings: Settings) -> Row:
    """All that a run of ours does by itself: batches, and the matrix precision that it chooses."""
    what = "the same, with the matrix precision that a run of ours chooses / torch's own"
    return row("training", what, 1.8, settings, "auto")
