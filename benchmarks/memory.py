"""A training step with the memory kept that it frees, against the same step without."""

from collections.abc import Iterator

import torch

from benchmarks.padding import blocks_of
from benchmarks.pairs import Row
from benchmarks.runs import MANY_EPOCHS, BareLoop, Settings, composed, device_of
from benchmarks.turns import Side, milliseconds, take_turns
from rnnlab.experiment.build import build_data
from rnnlab.runtime import allocator as memory


def train(keep: bool, settings: Settings) -> Iterator[list[float]]:
    """Blocks of training an LSTM on reviews."""
    if keep:
        memory.keep_freed_memory()
    config = composed("data=imdb", "model=lstm", *settings.imdb)
    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    torch.manual_seed(config.seed)
    total = MANY_EPOCHS * len(data.train_dataloader())
    loop = BareLoop(config, data.spec, total, device_of(config))
    for block in blocks_of(data):
        yield loop.losses(data.gather("train", rows) for rows in block)


def kept(settings: Settings) -> Row:
    """An LSTM on reviews, whose blocks of memory are large."""
    sides = (Side(settings.clock, train, keep, settings) for keep in (True, False))
    with next(sides) as ours, next(sides) as other:
        pairs, apart = take_turns(ours, other, settings.seconds)
    what = (
        "IMDB LSTM, speed of a step: freed memory kept by the process / given back to the system; "
        f"losses apart by {apart:.0e} at most"
    )
    ratios = [pair.other / pair.ours for pair in pairs]
    return Row("memory", what, *milliseconds(pairs), ratios, bar=1.1, at_least=True)
