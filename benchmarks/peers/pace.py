"""A callback for `train.py` of any checkout: it trains blocks of steps on request."""

from typing import Any

import lightning.pytorch as L
import numpy as np

from benchmarks.peers.channel import Channel, Clocks


class Pace(L.Callback):
    """Callback that waits for a request before each block; it must be the last one of a run.

    A block that contains a validation is repeated with the next steps.

    Args:
        steps: optimizer steps of a block.
        tokens: count tokens, not samples.
    """

    def __init__(self, steps: int, tokens: bool = False) -> None:
        self.steps, self.tokens = steps, tokens
        self.clocks = Clocks()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report the size of the network, and wait for the first request."""
        spread_lengths(trainer.train_dataloader, self.steps)
        self.channel = Channel()  # not in the constructor: a run builds its callbacks twice
        parameters = sum(p.numel() for p in pl_module.parameters())
        self.channel.send({"parameters": parameters})
        self._wait(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin the block again after a validation."""
        self._start()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, i: int
    ) -> None:
        """Count the step; report a complete block."""
        self._losses.append(outputs["loss"].detach())
        self._units += int(batch.lengths.sum()) if self.tokens else len(batch.lengths)
        if len(self._losses) == self.steps:
            times = self.clocks.read()
            loss = float(sum(self._losses)) / self.steps
            self.channel.send({**times, "units": self._units, "loss": loss})
            self._wait(trainer)

    def _wait(self, trainer: L.Trainer) -> None:
        if not self.channel.wait():
            trainer.should_stop = True
        self._start()

    def _start(self) -> None:
        self._losses: list[Any] = []
        self._units = 0
        self.clocks.start()


def spread_lengths(loader: Any, steps: int) -> None:
    """Order the batches so that each block has short and long sequences, as an epoch has.

    The batches stay the same; without lengths (a text in windows) nothing changes.
    """
    order = loader.order
    if not hasattr(order, "batches"):
        return
    batches_of_epoch = order.batches

    def batches() -> list[Any]:
        by_length = sorted(batches_of_epoch(), key=lambda rows: int(order.lengths[rows].max()))
        blocks = max(1, len(by_length) // steps)
        random = np.random.default_rng(order.epoch)
        groups = [random.permutation(len(by_length[i::blocks])) for i in range(blocks)]
        return [by_length[i::blocks][j] for i, group in enumerate(groups) for j in group.tolist()]

    order.batches = batches
