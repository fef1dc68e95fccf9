"""The end of a training, after a number of steps or a time, and the last validation."""

from typing import Any

import lightning.pytorch as L

from rnnlab.callbacks.checkpoint import TIME_CHECK_STEPS
from rnnlab.runtime import clock

UNIT_SECONDS = (86_400, 3_600, 60, 1)  # of a day, an hour, a minute and a second


class TrainingBudget(L.Callback):
    """Ends the training at its budget, and validates its last weights.

    Lightning's own max_steps and max_time end a training between two validations, so that the
    last weights have no score, and a run that is resumed with them reads other batches or ends at
    another step. Its checkpoints do not say that the training has ended either, so a run that is
    killed after an early stop would train again.

    Args:
        max_steps: optimizer steps; None for no limit.
        max_time: training time of all sessions together, as DD:HH:MM:SS; None for no limit.
    """

    def __init__(self, max_steps: int | None = None, max_time: str | None = None) -> None:
        self.max_steps = max_steps
        self.max_seconds = parse_duration(max_time) if max_time else None
        self._earlier_seconds = 0.0  # of other sessions
        self._start: float | None = None
        self._has_ended = False

    @property
    def seconds(self) -> float:
        """Training time of all sessions so far."""
        now = 0.0 if self._start is None else clock.read_seconds() - self._start
        return self._earlier_seconds + now

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock; end at once if the training of an earlier session had ended."""
        self._start = clock.read_seconds()
        trainer.should_stop = trainer.should_stop or self._has_ended

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *batch: Any
    ) -> None:
        """Stop after the last batch; Lightning validates when it is asked to stop."""
        if self._is_last_batch(trainer) or self._is_time_up(trainer, batch[2]):
            trainer.should_stop = True
            trainer.check_val_every_n_epoch = 1

    def _is_last_batch(self, trainer: L.Trainer) -> bool:
        if self.max_steps is not None and trainer.global_step >= self.max_steps:
            return True
        is_last_epoch = trainer.current_epoch + 1 == trainer.max_epochs
        return is_last_epoch and trainer.is_last_batch

    def _is_time_up(self, trainer: L.Trainer, batch_idx: int) -> bool:
        if self.max_seconds is None:
            return False
        if trainer.world_size == 1:
            return self.seconds >= self.max_seconds
        if batch_idx % TIME_CHECK_STEPS:
            return False
        is_late = self.seconds >= self.max_seconds
        return trainer.strategy.reduce_boolean_decision(is_late, all=False)

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["training_seconds"] = self.seconds
        checkpoint["training_has_ended"] = trainer.should_stop
        checkpoint["training_limits"] = self._limits(trainer)

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Continue the clock; a checkpoint of weights only has none."""
        self._earlier_seconds = checkpoint.get("training_seconds", 0.0)
        is_same = checkpoint.get("training_limits") == self._limits(trainer)
        self._has_ended = is_same and checkpoint["training_has_ended"]

    def _limits(self, trainer: L.Trainer) -> list[float | None]:
        return [trainer.max_epochs, self.max_steps, self.max_seconds]


def parse_duration(text: str) -> float:
    """Return the seconds of a duration DD:HH:MM:SS; the schema has checked it.

    >>> parse_duration("01:00:01:30")
    86490.0
    """
    numbers = map(int, text.split(":"))
    return float(sum(n * seconds for n, seconds in zip(numbers, UNIT_SECONDS, strict=True)))
