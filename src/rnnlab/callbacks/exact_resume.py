"""Random states in the checkpoint, so that a resumed run equals one that never stopped."""

import random
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch


class ExactResume(L.Callback):
    """Put random states and the place in the epoch back, before the first resumed batch.

    The random states are put back that late because Lightning itself draws numbers while it sets
    up. It keeps the train loader's position in a checkpoint, but does not give it back where a
    schedule has asked for the number of steps: the loader was set up before the position was read.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, Any] | None = None
        self._positions: list[dict[str, Any]] = []

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Find the place of the train loader; a checkpoint of weights alone has none."""
        loop = checkpoint.get("loops", {}).get("fit_loop", {}).get("state_dict", {})
        self._positions = loop.get("combined_loader", [])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Put the train loader back in its place."""
        if self._positions and trainer.train_dataloader is not None:
            trainer.train_dataloader.load_state_dict(self._positions[0])
            self._positions = []

    def state_dict(self) -> dict[str, Any]:
        """See lightning.pytorch.Callback; plain values and tensors only."""
        state: Any = np.random.get_state(legacy=True)
        kind, keys, position, has_gauss, cached = state
        version, internal, gauss = random.getstate()
        return {
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "numpy": [kind, torch.tensor(keys.astype(np.int64)), position, has_gauss, cached],
            "python": [version, torch.tensor(internal, dtype=torch.int64), gauss],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See lightning.pytorch.Callback."""
        self._waiting = state_dict

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Put the states back, once."""
        if self._waiting is None:
            return
        state, self._waiting = self._waiting, None
        torch.set_rng_state(state["torch"].cpu())
        if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([part.cpu() for part in state["cuda"]])
        kind, keys, position, has_gauss, cached = state["numpy"]
        np.random.set_state(
            (kind, keys.cpu().numpy().astype(np.uint32), position, has_gauss, cached)
        )
        version, internal, gauss = state["python"]
        random.setstate((version, tuple(internal.tolist()), gauss))
