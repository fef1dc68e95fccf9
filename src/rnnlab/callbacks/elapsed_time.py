"""Wall time of a run in its checkpoints, for the session that resumes it."""

from typing import Any

import lightning.pytorch as L

from rnnlab.runtime.clock import StageClock


class ElapsedTime(L.Callback):
    """Saves the wall time of the run so far, over all sessions, in each checkpoint."""

    def __init__(self, clock: StageClock) -> None:
        self.clock = clock

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["seconds"] = self.clock.elapsed()
