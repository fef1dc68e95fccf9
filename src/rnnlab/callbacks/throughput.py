"""How fast a run trains, over all its sessions."""

import time
from typing import Any

import lightning.pytorch as L
from torch import Tensor

from rnnlab.spec import Batch


class Throughput(L.Callback):
    """Count samples, steps and seconds of training, without validation; kept over a resume.

    Attributes:
        samples: sequences that were trained on, on all devices.
        tokens: valid steps of these sequences.
        seconds: spent in training batches.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.tokens: int | Tensor = 0
        self.seconds = 0.0
        self._started = 0.0

    def speed(self) -> dict[str, float]:
        """Means over the run; padding is not counted as tokens."""
        seconds = max(self.seconds, 1e-9)
        return {
            "samples_per_second": round(self.samples / seconds, 1),
            "tokens_per_second": round(int(self.tokens) / seconds, 1),
            "training_seconds": round(self.seconds, 2),
        }

    def state_dict(self) -> dict[str, Any]:
        """See lightning.pytorch.Callback."""
        return {"samples": self.samples, "tokens": int(self.tokens), "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See lightning.pytorch.Callback."""
        self.samples, self.tokens = state_dict["samples"], state_dict["tokens"]
        self.seconds = state_dict["seconds"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock in mid-epoch, too, where a resumed run begins."""
        self._started = time.perf_counter()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, i: int
    ) -> None:
        """Count a batch."""
        now = time.perf_counter()
        self.seconds += now - self._started
        self._started = now
        self.samples += len(batch.lengths) * trainer.world_size
        # The sum stays on the device; only who asks for the number waits for it.
        self.tokens = self.tokens + batch.lengths.sum() * trainer.world_size

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the validation out."""
        self._started = time.perf_counter()
