"""Random states in the checkpoint: a resumed run equals an uninterrupted one."""

import random
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch


class ExactResume(L.Callback):
    """Restores random states and the position in the epoch before the first resumed batch.

    Checkpoints also have the number of rows in metrics.csv. The step of a row does not say whether
    it was logged before a checkpoint: a validation may follow within the same step.

    The random states are restored that late because Lightning draws numbers during its setup.
    Lightning saves the position of the train loader, but does not restore it where a schedule needs
    the number of steps, because the loader is then set up before the position is read.
    """

    def __init__(self) -> None:
        self._random_state: dict[str, Any] | None = None
        self._positions: list[dict[str, Any]] = []

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        rows = [logger.num_rows for logger in trainer.loggers if hasattr(logger, "num_rows")]
        checkpoint["logged_rows"] = max(rows, default=0)

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Read the position of the train loader; a checkpoint of weights only has none."""
        loop = checkpoint.get("loops", {}).get("fit_loop", {}).get("state_dict", {})
        self._positions = loop.get("combined_loader", [])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Restore the position of the train loader."""
        if self._positions and trainer.train_dataloader is not None:
            trainer.train_dataloader.load_state_dict(self._positions[0])
            self._positions = []

    def state_dict(self) -> dict[str, Any]:
        """See lightning.pytorch.Callback; plain values and tensors only."""
        state: Any = np.random.get_state(legacy=True)
        kind, keys, position, has_gauss, cached_gauss = state
        version, internal, gauss = random.getstate()
        return {
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy": [kind, torch.tensor(keys.astype(np.int64)), position, has_gauss, cached_gauss],
            "python": [version, torch.tensor(internal, dtype=torch.int64), gauss],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._random_state = state_dict

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Restore the random states."""
        self._restore_random_state()

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Restore the random states for the test if the training had ended before."""
        self._restore_random_state()

    def _restore_random_state(self) -> None:
        """Restore the random states, once."""
        if self._random_state is None:
            return
        state, self._random_state = self._random_state, None
        torch.set_rng_state(state["torch"].cpu())
        if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([part.cpu() for part in state["cuda"]])
        kind, keys, position, has_gauss, cached_gauss = state["numpy"]
        np.random.set_state(
            (kind, keys.cpu().numpy().astype(np.uint32), position, has_gauss, cached_gauss)
        )
        version, internal, gauss = state["python"]
        random.setstate((version, tuple(internal.tolist()), gauss))
