"""A training step with and without keeping freed memory in the process."""

from collections.abc import Iterator

import torch

from benchmarks.padding import blocks_of
from benchmarks.pairs import Row
from benchmarks.runs import MANY_EPOCHS, BareLoop, Settings, compose_config, device_of
from benchmarks.turns import Side, alternate_sides, milliseconds
from rnnlab.experiment.build import build_data
from rnnlab.runtime.allocator import keep_freed_memory


def train(keep: bool, settings: Settings) -> Iterator[list[float]]:
    """Yield the losses of blocks of steps of an LSTM on reviews."""
    if keep:
        keep_freed_memory()
    config = compose_config("data=imdb", "model=lstm", *settings.imdb)
    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    torch.manual_seed(config.seed)
    total = MANY_EPOCHS * len(data.train_dataloader())
    loop = BareLoop(config, data.spec, total, device_of(config))
    for block in blocks_of(data):
        yield loop.losses(data.gather("train", rows) for rows in block)


def allocator(settings: Settings) -> Row:
    """Compare an LSTM on reviews, which allocates large blocks of memory."""
    sides = (Side(settings.clock, train, keep, settings) for keep in (True, False))
    with next(sides) as ours, next(sides) as other:
        pairs, difference = alternate_sides(ours, other, settings.seconds)
    what = (
        "IMDB LSTM, speed of a step: freed memory kept by the process / returned to the system; "
        f"losses differ by at most {difference:.0e}"
    )
    ratios = [pair.other / pair.ours for pair in pairs]
    return Row("memory", what, *milliseconds(pairs), ratios, bar=1.1, at_least=True)
