"""Batches of reviews of similar length, compared with random reviews padded to the longest."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.pairs import Pair, Row, Stopwatch, interleave
from benchmarks.runs import (
    MANY_EPOCHS,
    BareLoop,
    Settings,
    compose_config,
    device_of,
    restore_globals,
)
from rnnlab.config.schema import RunConfig
from rnnlab.data.base import DataModule
from rnnlab.experiment.build import build_data
from rnnlab.layers.kernels import KernelSetting
from rnnlab.runtime.precision import choose_matmul_precision
from rnnlab.spec import Batch, Ints

BATCHES = 8  # in a block
Blocks = Iterator[list[Ints]]


def deal(batches: list[Ints], lengths: NDArray[Any], size: int) -> list[list[Ints]]:
    """Distribute batches over blocks, from the shortest to the longest.

    Each block is then a representative sample of the epoch.
    """
    by_length = sorted(batches, key=lambda rows: int(lengths[rows].max()))
    piles = max(1, len(by_length) // size)
    return [by_length[first::piles] for first in range(piles)]


def blocks_of(data: DataModule) -> Blocks:
    """Yield blocks of the training loader's batches, epoch after epoch."""
    loader = data.train_dataloader()
    for epoch in count():
        loader.order.epoch = epoch
        batches = loader.order.batches()
        yield from deal(batches, data.lengths("train"), BATCHES)


def naive_batches(table: Batch, block: list[Ints], batch_size: int) -> Iterator[Batch]:
    """Yield the samples of a block in random order, padded to the longest of the split."""
    rows = np.random.default_rng(0).permutation(np.concatenate(block))
    for start in range(0, len(rows), batch_size):
        indices = torch.from_numpy(rows[start : start + batch_size])
        inputs, lengths, targets, order = (part[indices] for part in table[:4])
        yield Batch(inputs, lengths, targets, order)


def sides(
    config: RunConfig, data: DataModule, precision: str, kernel: KernelSetting
) -> tuple[Callable[[list[Ints]], int], Callable[[list[Ints]], int]]:
    """Return functions that train on a block, ours and naive.

    The naive side has torch's default matrix precision, and this kernel.
    """
    device = device_of(config)
    total = MANY_EPOCHS * len(data.train_dataloader())
    ours = BareLoop(config, data.spec, total, device)
    naive = BareLoop(replace(config, kernel=kernel), data.spec, total, device)
    matmul_precision = choose_matmul_precision(precision, ours.model.output_size, device.type)
    # The batches of the naive side are free: they are slices of a table that exists already.
    table = data.gather("train", np.arange(len(data.lengths("train"))))

    def train_ours(block: list[Ints]) -> int:
        torch.set_float32_matmul_precision(matmul_precision)
        return sum(ours.step(data.gather("train", rows)) for rows in block)

    def train_naive(block: list[Ints]) -> int:
        torch.set_float32_matmul_precision("highest")
        return sum(naive.step(batch) for batch in naive_batches(table, block, data.batch_size))

    return train_ours, train_naive


def compare(settings: Settings, precision: str, kernel: KernelSetting) -> list[Pair]:
    """Return seconds of blocks.

    Args:
        settings: of the benchmarks.
        precision: of matrix products on our side.
        kernel: of the recurrent layer on the naive side.
    """
    config = compose_config("data=imdb", "model=gru", *settings.imdb)
    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    torch.manual_seed(config.seed)
    ours, naive = sides(config, data, precision, kernel)
    stopwatch = Stopwatch(settings.clock, device_of(config))
    return interleave(ours, naive, blocks_of(data), stopwatch, settings.seconds)


def row(
    name: str, what: str, bar: float, settings: Settings, precision: str, kernel: KernelSetting
) -> Row:
    """Return the row for samples per second, ours / naive."""
    with restore_globals():
        pairs = compare(settings, precision, kernel)
    samples = sum(pair.units for pair in pairs)
    ours, other = (samples / sum(pair[side] for pair in pairs) for side in (0, 1))
    ratios = [pair.other / pair.ours for pair in pairs]
    return Row(name, what, f"{ours:,.0f}/s", f"{other:,.0f}/s", ratios, bar, at_least=True)


def buckets(settings: Settings) -> Row:
    """Compare the batches alone: both sides have the same kernel and matrix precision."""
    what = "IMDB GRU, samples/s: our batches / random, padded to the longest"
    return row("buckets", what, 1.6, settings, "highest", "auto")


def training(settings: Settings) -> Row:
    """Compare the defaults of a run: its batches, kernel and matrix precision."""
    what = "IMDB GRU, samples/s: as in a run / random, padded to the longest, nn.GRU"
    return row("training", what, 2.9, settings, "auto", "torch")
