"""A callback for the processes of a trial."""

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as L


class Witness(L.Callback):
    """Each process writes down the settings that it really trains with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_start(self, trainer: Any, pl_module: L.LightningModule) -> None:
        told = {
            "optimizer.lr": trainer.optimizers[0].param_groups[0]["lr"],
            "trainer.gradient_clip_val": trainer.gradient_clip_val,
            "data.batch_size": trainer.datamodule.batch_size,
        }
        (self.folder / f"witness{trainer.global_rank}.json").write_text(json.dumps(told))
