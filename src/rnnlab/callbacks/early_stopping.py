"""Early stopping whose settings are checked before data is read."""

from typing import Literal

import lightning.pytorch as L
from lightning.pytorch import callbacks

from rnnlab.callbacks.checkpoint import check_defined
from rnnlab.config.types import NonNegativeFloat, NonNegativeInt


class EarlyStopping(callbacks.EarlyStopping):
    """Stops the training when a metric has not improved for several validations.

    Args:
        monitor: a metric of the validation, such as val/loss; or train/loss.
        mode: min | max, the better values.
        patience: validations without a better value before the training stops.
        min_delta: smallest change that counts as better.
        stopping_threshold: stop at this value; None for no such value.
        divergence_threshold: stop at a worse value than this one; None for no such value.
        check_finite: stop when the metric is not finite.
        check_on_train_epoch_end: check after each training epoch instead of after each validation;
            None for Lightning's choice.
    """

    def __init__(
        self,
        monitor: str,
        mode: Literal["min", "max"] = "min",
        patience: NonNegativeInt = 3,
        min_delta: NonNegativeFloat = 0.0,
        stopping_threshold: float | None = None,
        divergence_threshold: float | None = None,
        check_finite: bool = True,
        check_on_train_epoch_end: bool | None = None,
    ) -> None:
        super().__init__(
            monitor=monitor,
            mode=mode,
            patience=patience,
            min_delta=min_delta,
            stopping_threshold=stopping_threshold,
            divergence_threshold=divergence_threshold,
            check_finite=check_finite,
            check_on_train_epoch_end=check_on_train_epoch_end,
        )

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check that the metric is defined, before the first step."""
        check_defined(trainer, self.monitor)
