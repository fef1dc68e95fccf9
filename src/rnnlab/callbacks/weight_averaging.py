"""Averaged weights whose settings are checked before data is read."""

from lightning.pytorch import callbacks

from rnnlab.config.types import NonNegativeInt, PositiveInt, Probability


class EMAWeightAveraging(callbacks.EMAWeightAveraging):
    """Validates and tests an exponential moving average of the weights.

    Args:
        decay: weight of the average so far at each update.
        update_every_n_steps: optimizer steps between two updates.
        update_starting_at_step: first step with an update; None for the first one.
        update_starting_at_epoch: first epoch with an update at its end; None for none.
        use_buffers: average the buffers too.
    """

    def __init__(
        self,
        decay: Probability = 0.999,
        update_every_n_steps: PositiveInt = 1,
        update_starting_at_step: NonNegativeInt | None = None,
        update_starting_at_epoch: NonNegativeInt | None = None,
        use_buffers: bool = True,
    ) -> None:
        super().__init__(
            use_buffers=use_buffers,
            decay=decay,
            update_every_n_steps=update_every_n_steps,
            update_starting_at_step=update_starting_at_step,
            update_starting_at_epoch=update_starting_at_epoch,
        )
