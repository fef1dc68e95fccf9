"""Random states in the checkpoint, so that a resumed run equals one that never stopped."""

import random
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch


class ExactResume(L.Callback):
    """Keep the states of all random generators, and put them back before the first resumed batch.

    They are put back that late because Lightning itself draws numbers while it sets up.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, Any] | None = None

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
