"""Checkpoints that a kill cannot spoil: the best one, and the last one to go on from."""

import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from rnnlab.config.types import PositiveFloat, PositiveInt
from rnnlab.errors import RunStopped

TIME_CHECK_STEPS = 20  # steps between two looks at the clock; under DDP each look is a message


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write beside the target, then rename: a file is the old one or the new one, never half."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """See lightning.fabric.plugins.CheckpointIO."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
        with unfinished.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)


class BestCheckpoint(ModelCheckpoint):
    """checkpoints/best.ckpt: the weights with the best monitored metric so far.

    Args:
        folder: of the run.
        monitor: name of a validation metric.
        mode: min | max, which of its values are better.
    """

    def __init__(self, folder: Path, monitor: str, mode: str) -> None:
        super().__init__(
            dirpath=folder / "checkpoints",
            filename="best",
            monitor=monitor,
            mode=mode,
            save_weights_only=True,
            enable_version_counter=False,
        )


class LastCheckpoint(Checkpoint):
    """checkpoints/last.ckpt: everything that `resume=<run_dir>` needs.

    Written after each epoch, within an epoch every so often, and when Ctrl-C or SIGTERM asks the
    run to stop, which it then does. A second Ctrl-C stops at once.

    Args:
        folder: of the run.
        every_seconds: within an epoch; None for at its end alone.
        every_n_steps: within an epoch, too.
    """

    def __init__(
        self,
        folder: Path,
        every_seconds: PositiveFloat | None = 60.0,
        every_n_steps: PositiveInt | None = None,
    ) -> None:
        self.path = folder / "checkpoints" / "last.ckpt"
        self.every_seconds, self.every_n_steps = every_seconds, every_n_steps
        self._saved_at = time.monotonic()
        self._stop_signal: int | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take over Ctrl-C and SIGTERM; when the training ends Lightning gives all signals back.

        Lightning's own handler, which is in place by now, would end the training in some places
        without a checkpoint and with exit code 0.
        """
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._request_stop)

    def _request_stop(self, number: int, frame: Any) -> None:
        if self._stop_signal is not None:
            raise KeyboardInterrupt
        self._stop_signal = number

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *batch: Any
    ) -> None:
        """Save if it is time."""
        batch_idx = batch[2]
        # Before a validation a checkpoint would be resumed behind it: the validation would be lost.
        before_validation = (batch_idx + 1) % int(trainer.val_check_batch or 1) == 0
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if trainer.is_last_batch or before_validation or not stepped:
            return
        stopping = self._must_stop(trainer, batch_idx)
        if stopping or self._is_due(trainer, batch_idx):
            self._save(trainer)
        if stopping:
            raise RunStopped

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save after the epoch's validation."""
        self._save(trainer)
        if self._agreed(trainer, self._stop_signal is not None):
            raise RunStopped

    def _must_stop(self, trainer: L.Trainer, batch_idx: int) -> bool:
        if trainer.world_size > 1 and batch_idx % TIME_CHECK_STEPS:
            return False
        return self._agreed(trainer, self._stop_signal is not None)

    def _is_due(self, trainer: L.Trainer, batch_idx: int) -> bool:
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            return True
        if not self.every_seconds or batch_idx % TIME_CHECK_STEPS:
            return False
        late = time.monotonic() - self._saved_at > self.every_seconds
        return self._agreed(trainer, late)

    def _agreed(self, trainer: L.Trainer, wish: bool) -> bool:
        """All ranks save together, as soon as one of them wants to."""
        if trainer.world_size == 1:
            return wish
        return trainer.strategy.reduce_boolean_decision(wish, all=False)

    def _save(self, trainer: L.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_at = time.monotonic()
