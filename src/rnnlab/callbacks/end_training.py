"""A run whose training has ended is restored, not trained."""

import lightning.pytorch as L


class EndTraining(L.Callback):
    """Ends a training before its first step, after the last checkpoint is restored.

    An early stop is not part of a checkpoint: a training that is restored would continue.
    """

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = True
