"""Training speed of a run over all its sessions."""

import time
from typing import Any

import lightning.pytorch as L
from torch import Tensor

from rnnlab.spec import Batch


class Throughput(L.Callback):
    """Counts samples, tokens and seconds of training, without validation and across resumes.

    Attributes:
        samples: training sequences, on all devices.
        tokens: valid steps of these sequences.
        seconds: spent in training batches.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.tokens: int | Tensor = 0
        self.seconds = 0.0
        self._start_time = 0.0

    def speed(self) -> dict[str, float]:
        """Return means over the run; padding does not count as tokens."""
        seconds = max(self.seconds, 1e-9)
        return {
            "samples_per_second": self.samples / seconds,
            "tokens_per_second": int(self.tokens) / seconds,
            "training_seconds": self.seconds,
        }

    def state_dict(self) -> dict[str, Any]:
        return {"samples": self.samples, "tokens": int(self.tokens), "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.samples, self.tokens = state_dict["samples"], state_dict["tokens"]
        self.seconds = state_dict["seconds"]

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
        # The sum stays on the device; only reading it waits for the device.
        self.tokens = self.tokens + batch.lengths.sum() * trainer.world_size

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Exclude the validation."""
        self._start_time = time.perf_counter()
