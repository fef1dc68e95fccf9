"""Batches gathered from one flat array, compared with a list of tensors padded item by item."""

from collections import deque
from collections.abc import Iterator
from itertools import count, islice, repeat

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from benchmarks.pairs import Pair, Row, Stopwatch, interleave
from benchmarks.runs import Settings, compose_config, restore_globals
from rnnlab.data.base import DataModule
from rnnlab.experiment.build import build_data
from rnnlab.spec import Batch

BATCHES = (
    300  # in a block, about an epoch: long enough that neither side starts with the other's cache
)
Item = tuple[Tensor, Tensor]  # tokens (length,), class ()
Padded = tuple[Tensor, Tensor, Tensor]  # tokens (B, T), lengths (B,), classes (B,)


def items_of(data: DataModule) -> list[Item]:
    """Return the training split as a list of tensors, tokenised and truncated in advance."""
    rows = np.arange(len(data.lengths("train")))
    batches = [data.gather("train", rows[i : i + 1]) for i in rows]
    return [(batch.inputs[0], batch.targets[0]) for batch in batches]


def collate(items: list[Item]) -> Padded:
    """Pad the tokens of a batch."""
    tokens, targets = zip(*items, strict=True)
    lengths = torch.tensor([len(member) for member in tokens])
    return pad_sequence(list(tokens), batch_first=True), lengths, torch.stack(targets)


def endless(items: list[Item], batch_size: int) -> Iterator[Padded]:
    """Yield random batches of a torch DataLoader, epoch after epoch."""
    generator = torch.Generator().manual_seed(0)
    loader: DataLoader[Item] = DataLoader(
        items,  # type: ignore[arg-type]  # a list is a dataset
        batch_size,
        shuffle=True,
        collate_fn=collate,
        generator=generator,
    )
    for _ in count():
        yield from loader


def ours(data: DataModule) -> Iterator[Batch]:
    """Yield batches of our training loader, epoch after epoch."""
    loader = data.train_dataloader()
    for epoch in count():
        loader.order.epoch = epoch
        yield from loader


def compare(settings: Settings) -> list[Pair]:
    """Return seconds for blocks of batches, which are discarded."""
    data = build_data(compose_config("data=imdb", *settings.imdb))
    data.prepare_data()
    data.setup("fit")
    our_batches, padded_batches = ours(data), endless(items_of(data), data.batch_size)

    def gather(batches: int) -> int:
        deque(islice(our_batches, batches), maxlen=0)
        return batches * data.batch_size

    def collate_items(batches: int) -> int:
        deque(islice(padded_batches, batches), maxlen=0)
        return batches * data.batch_size

    blocks = repeat(BATCHES)
    return interleave(gather, collate_items, blocks, Stopwatch(settings.clock), settings.seconds)


def loader(settings: Settings) -> Row:
    """Return the ratio of samples per second, ours / items and pad_sequence."""
    with restore_globals():
        pairs = compare(settings)
    samples = sum(pair.units for pair in pairs)
    ours, other = (samples / sum(pair[side] for pair in pairs) for side in (0, 1))
    ratios = [pair.other / pair.ours for pair in pairs]
    what = "IMDB, samples/s: our loader alone / items and pad_sequence in a DataLoader"
    return Row("loader", what, f"{ours:,.0f}/s", f"{other:,.0f}/s", ratios, 20.0, at_least=True)
