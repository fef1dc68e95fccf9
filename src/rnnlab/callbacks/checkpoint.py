"""Checkpoints written atomically: the best one, and the last one to resume from."""

import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from rnnlab.config.types import PositiveFloat, PositiveInt
from rnnlab.errors import ConfigError, RunStopped, about_file
from rnnlab.runtime.distributed import is_first_process

TIME_CHECK_STEPS = 20  # steps between two checks of the clock; under DDP each check is a message


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a temporary file, then renames it, so that a checkpoint is never incomplete."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
        try:
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


class BestCheckpoint(ModelCheckpoint):
    """checkpoints/best.ckpt: the weights with the best monitored validation metric so far.

    Written at the end of a validation, so that the scores in it are those of its weights.

    Raises:
        ConfigError: the metric is not one of the validation.
    """

    def __init__(self, folder: Path, monitor: str, mode: Literal["min", "max"]) -> None:
        if not monitor.startswith("val/"):
            raise ConfigError(
                f"callbacks.best.monitor={monitor}: best.ckpt is written after a validation, so it "
                "needs a metric of the validation, such as callbacks.best.monitor=val/loss"
            )
        super().__init__(
            dirpath=folder / "checkpoints",
            filename="best",
            monitor=monitor,
            mode=mode,
            save_weights_only=True,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check that the metric is defined, before the first step."""
        super().on_fit_start(trainer, pl_module)
        check_defined(trainer, str(self.monitor))

    def on_train_batch_end(self, *batch: Any) -> None:
        """Save nothing between validations."""

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the weights if they are the best so far.

        Raises:
            ConfigError: the metric is undefined for these targets, although the loss is not.
        """
        metrics, monitor = trainer.callback_metrics, str(self.monitor)
        is_undefined = monitor in metrics and bool(metrics[monitor].isnan())
        if is_undefined and self.best_model_score is None and metrics["val/loss"].isfinite():
            reason = "it has no value for the targets of this validation"
            raise ConfigError(undefined_metric(monitor, reason))
        super().on_validation_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best score so far, also if the folder of the run was moved.

        Lightning stores the path of the folder, and forgets the score in another one.

        Raises:
            ConfigError: best.ckpt does not exist any more.
        """
        path = Path(str(self.dirpath)) / "best.ckpt"
        best = str(path) if state_dict["best_model_path"] else ""
        if best and is_first_process() and not path.is_file():
            reason = (
                "is missing, and last.ckpt has only the weights after it. Copy it from where the "
                "run was before, or start a new run"
            )
            raise ConfigError(about_file(path, reason))
        scores = dict.fromkeys([best] if best else [], state_dict["best_model_score"])
        paths = {"best_model_path": best, "kth_best_model_path": best, "best_k_models": scores}
        super().load_state_dict({**state_dict, **paths, "dirpath": self.dirpath})
        self.current_score = state_dict["current_score"]


def check_defined(trainer: L.Trainer, monitor: str) -> None:
    """Raise ConfigError if a metric has no value for the targets of the validation split."""
    reasons = trainer.datamodule.undefined_metrics("val")  # type: ignore[attr-defined]
    if reason := reasons.get(monitor.removeprefix("val/")):
        raise ConfigError(undefined_metric(monitor, reason))


def undefined_metric(monitor: str, reason: str) -> str:
    """Return the error about a metric that cannot be monitored."""
    return (
        f"monitor={monitor}: is undefined, because {reason}: no checkpoint could be chosen. Choose "
        "another metric, such as monitor=val/loss mode=min"
    )


class LastCheckpoint(Checkpoint):
    """checkpoints/last.ckpt: everything that `resume=<run_dir>` needs.

    Written after each epoch, at intervals within an epoch, and before the run stops on Ctrl-C or
    SIGTERM. A second Ctrl-C stops at once.

    Args:
        folder: of the run.
        every_seconds: interval within an epoch; None for the end of the epoch only.
        every_n_steps: interval in steps within an epoch.
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
        self._handlers: dict[signal.Signals, Any] = {}  # of the time before the training

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Handle Ctrl-C and SIGTERM.

        Lightning's own handler, already installed here, would sometimes end the training without
        a checkpoint and with exit code 0.
        """
        for name in (signal.SIGINT, signal.SIGTERM):
            self._handlers[name] = signal.signal(name, self._request_stop)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Restore the handlers, and stop if that was requested after the last checkpoint."""
        for name, handler in self._handlers.items():
            signal.signal(name, handler)
        if self._any_rank(trainer, self._stop_signal is not None):
            raise RunStopped

    def _request_stop(self, number: int, frame: Any) -> None:
        if self._stop_signal is not None:
            raise KeyboardInterrupt
        self._stop_signal = number

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *batch: Any
    ) -> None:
        """Save if an interval has passed or the run must stop."""
        batch_idx = batch[2]
        # A run resumed from a checkpoint before a validation would skip that validation.
        before_validation = (batch_idx + 1) % int(trainer.val_check_batch or 1) == 0
        is_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        ends = trainer.is_last_batch or trainer.should_stop
        if ends or before_validation or not is_step:
            return
        stopping = self._must_stop(trainer, batch_idx)
        if stopping or self._is_due(trainer, batch_idx):
            self._save(trainer)
        if stopping:
            raise RunStopped

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save after the epoch's validation."""
        self._save(trainer)
        if self._any_rank(trainer, self._stop_signal is not None):
            raise RunStopped

    def _must_stop(self, trainer: L.Trainer, batch_idx: int) -> bool:
        if trainer.world_size > 1 and batch_idx % TIME_CHECK_STEPS:
            return False
        return self._any_rank(trainer, self._stop_signal is not None)

    def _is_due(self, trainer: L.Trainer, batch_idx: int) -> bool:
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            return True
        if not self.every_seconds or batch_idx % TIME_CHECK_STEPS:
            return False
        late = time.monotonic() - self._saved_at > self.every_seconds
        return self._any_rank(trainer, late)

    def _any_rank(self, trainer: L.Trainer, value: bool) -> bool:
        """Return whether the value is true on any rank: all ranks save together."""
        if trainer.world_size == 1:
            return value
        return trainer.strategy.reduce_boolean_decision(value, all=False)

    def _save(self, trainer: L.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_at = time.monotonic()
