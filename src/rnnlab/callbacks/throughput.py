"""Training speed of a run over all its sessions."""

import time
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from rnnlab.spec import Batch

MAX_UNREAD = 100  # batches whose lengths are kept before they are added


class Throughput(L.Callback):
    """Counts samples, tokens and seconds of training, without validation and across resumes.

    Attributes:
        samples: training sequences, on all devices.
        seconds: spent in training batches.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.seconds = 0.0
        self._tokens: int | Tensor = 0
        self._lengths: list[Tensor] = []  # of batches that are not added yet
        self._start_time = 0.0

    @property
    def tokens(self) -> int:
        """Valid steps of the sequences; reading them waits for the device."""
        self._add_lengths()
        return int(self._tokens)

    def speed(self) -> dict[str, float]:
        """Return means over the run; padding does not count as tokens."""
        seconds = max(self.seconds, 1e-9)
        return {
            "samples_per_second": self.samples / seconds,
            "tokens_per_second": self.tokens / seconds,
            "training_seconds": self.seconds,
        }

    def state_dict(self) -> dict[str, Any]:
        return {"samples": self.samples, "tokens": self.tokens, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.samples, self._tokens = state_dict["samples"], state_dict["tokens"]
        self.seconds, self._lengths = state_dict["seconds"], []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock, also where a resumed run starts within an epoch."""
        self._start_time = time.perf_counter()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._start_time = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, i: int
    ) -> None:
        now = time.perf_counter()
        self.seconds += now - self._start_time
        self._start_time = now
        self.samples += len(batch.lengths) * trainer.world_size
        self._lengths += [batch.lengths] * trainer.world_size
        if len(self._lengths) >= MAX_UNREAD:
            self._add_lengths()

    def _add_lengths(self) -> None:
        """Add the lengths on their device, in a few operations for many batches."""
        if self._lengths:
            self._tokens = self._tokens + torch.cat(self._lengths).sum()
            self._lengths.clear()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Exclude the validation."""
        self._start_time = time.perf_counter()
