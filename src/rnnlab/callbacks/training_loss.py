"""train/loss of each epoch, and train/loss_step of the steps since the last log."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from rnnlab.errors import DivergedError
from rnnlab.runtime.distributed import gather_lists
from rnnlab.spec import Batch


@dataclass
class LossSum:
    """Sum of the losses of all targets, and the number of targets."""

    loss: float = 0.0
    targets: float = 0.0

    def add(self, loss: float, targets: float) -> None:
        """Add the mean loss of a batch with this number of targets."""
        self.loss += loss * targets
        self.targets += targets


class TrainingLoss(L.Callback):
    """Logs train/loss of each epoch, and train/loss_step and train/lr at intervals.

    train/loss is the mean over all targets of the epoch and of all processes. It is logged at the
    end of every epoch. train/loss_step is the mean over the steps since the last log. It is logged
    every trainer.log_every_n_steps steps, and never contains steps of two epochs. Reading the loss
    of each step would cost more than the Trainer itself.

    Checkpoints contain the sums of each process, so that a resumed run logs the same means.
    """

    def __init__(self) -> None:
        self._losses: list[Tensor] = []  # of batches that are not read yet
        self._counts: list[Tensor | int] = []
        self._epoch, self._interval = LossSum(), LossSum()

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Save the sums of all processes; Lightning calls this on each of them."""
        self._read_batches()
        checkpoint["train_loss"] = gather_lists([[astuple(self._epoch), astuple(self._interval)]])

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore the sums of this process; a checkpoint of weights only has none."""
        if ranks := checkpoint.get("train_loss"):
            self._epoch, self._interval = (LossSum(*sums) for sums in ranks[trainer.global_rank])

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Batch, i: int
    ) -> None:
        """Store the loss; log the mean at each interval."""
        # Lightning divides the loss by the number of batches that are accumulated.
        loss, parts = outputs["loss"], trainer.accumulate_grad_batches
        self._losses.append(loss if parts == 1 else loss.double() * parts)
        self._counts.append(pl_module.task.num_targets(batch))
        interval: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.global_step % interval == 0 and self._is_step(trainer, i):
            self._log(trainer, "train/loss_step", self._interval)
            self._interval = LossSum()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the mean of the epoch."""
        loss = self._log(trainer, "train/loss", self._epoch)
        trainer.callback_metrics["train/loss"] = torch.tensor(loss, dtype=torch.float64)
        self._epoch, self._interval = LossSum(), LossSum()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the loss: the last step before it may have made the weights infinite."""
        loss = float(trainer.callback_metrics.get("val/loss", 0.0))
        check_finite("val/loss", loss, trainer.global_step)

    def _is_step(self, trainer: L.Trainer, batch_idx: int) -> bool:
        return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch

    def _log(self, trainer: L.Trainer, name: str, loss_sum: LossSum) -> float:
        """Log a mean over all processes and return it."""
        self._read_batches()
        sums = gather_lists([loss_sum])
        loss: float = sum(one.loss for one in sums) / sum(one.targets for one in sums)
        check_finite("train/loss", loss, trainer.global_step)
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        for logger in trainer.loggers:
            values = {name: loss, "train/lr": rate, "epoch": trainer.current_epoch}
            logger.log_metrics(values, trainer.global_step)
        return loss

    def _read_batches(self) -> None:
        """Add the batches one after the other, so that it does not matter when they are read."""
        losses, counts = read_values(self._losses), read_values(self._counts)
        for loss, targets in zip(losses, counts, strict=True):
            self._epoch.add(loss, targets)
            self._interval.add(loss, targets)
        self._losses.clear()
        self._counts.clear()


def check_finite(name: str, loss: float, step: int) -> None:
    """Check a loss.

    Raises:
        DivergedError: it is not finite.
    """
    if not math.isfinite(loss):
        raise DivergedError(f"{name} is {loss} at step {step}")


def read_values(values: Sequence[Tensor | float]) -> list[float]:
    """Read numbers from their device in one transfer."""
    members = [torch.as_tensor(value, dtype=torch.float64) for value in values]
    return torch.stack(members).tolist() if members else []
