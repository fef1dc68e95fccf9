"""train/loss: the mean over the steps since the last log."""

import math
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor


class DivergedError(RuntimeError):
    """The training loss is not finite."""


class TrainingLoss(L.Callback):
    """Logs train/loss and train/lr every trainer.log_every_n_steps steps.

    Logging each step would cost more than the Trainer itself. Checkpoints contain the losses since
    the last log, so that a resumed run logs the same means.
    """

    def __init__(self) -> None:
        self._losses: list[Tensor] = []

    def state_dict(self) -> dict[str, Any]:
        return {"losses": torch.stack(self._losses).tolist() if self._losses else []}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._losses = [torch.tensor(loss) for loss in state_dict["losses"]]

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, i: int
    ) -> None:
        """Store the loss; log the mean at each interval."""
        # Lightning divides the loss by the number of batches that are accumulated.
        self._losses.append(outputs["loss"] * trainer.accumulate_grad_batches)
        interval: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if trainer.global_step % interval == 0 and self._is_step(trainer, i):
            self._log(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the loss of an epoch that is too short for a log."""
        if self._losses:
            self._mean(trainer)

    def _is_step(self, trainer: L.Trainer, batch_idx: int) -> bool:
        return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch

    def _mean(self, trainer: L.Trainer) -> float:
        device = self._losses[-1].device
        loss = torch.stack([value.to(device) for value in self._losses]).mean().item()
        if not math.isfinite(loss):
            raise DivergedError(
                f"train/loss is {loss} at step {trainer.global_step}: lower optimizer.lr, or set "
                "trainer.gradient_clip_val (1.0 is a good start)"
            )
        return loss

    def _log(self, trainer: L.Trainer) -> None:
        loss = self._mean(trainer)
        self._losses.clear()
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        trainer.callback_metrics["train/loss"] = torch.tensor(loss)
        for logger in trainer.loggers:
            values = {"train/loss": loss, "train/lr": rate, "epoch": trainer.current_epoch}
            logger.log_metrics(values, trainer.global_step)
