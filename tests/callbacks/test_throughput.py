"""Samples and tokens of a run are counted in each batch, whenever they are read."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rnnlab.callbacks import Throughput
from rnnlab.callbacks.throughput import MAX_UNREAD
from rnnlab.spec import Batch


def train_batches(callback: Throughput, lengths: list[list[int]], world_size: int) -> None:
    trainer: Any = SimpleNamespace(world_size=world_size)
    for i, batch_lengths in enumerate(lengths):
        count = torch.tensor(batch_lengths)
        rows = torch.arange(len(count))
        batch = Batch(torch.zeros(len(count), 9, 1), count, torch.zeros(len(count), 1, 1), rows)
        callback.on_train_batch_end(trainer, None, None, batch, i)  # type: ignore[arg-type]


@pytest.mark.parametrize("world_size", [1, 3])
def test_every_batch_counts_once(world_size: int) -> None:
    callback = Throughput()
    assert callback.tokens == 0
    lengths = [[i % 9 + 1, 3, 2][: i % 3 + 1] for i in range(2 * MAX_UNREAD + 7)]
    train_batches(callback, lengths, world_size)
    tokens, samples = sum(map(sum, lengths)) * world_size, sum(map(len, lengths)) * world_size
    assert (callback.tokens, callback.samples) == (tokens, samples)
    assert callback.tokens == tokens  # reading it changes nothing

    resumed = Throughput()
    train_batches(resumed, lengths[:5], world_size)  # forgotten by what is loaded
    resumed.load_state_dict(callback.state_dict())
    train_batches(resumed, [[4, 5]], world_size)
    assert (resumed.tokens, resumed.samples) == (tokens + 9 * world_size, samples + 2 * world_size)
    assert resumed.state_dict()["tokens"] == resumed.tokens
