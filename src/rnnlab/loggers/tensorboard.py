"""Logger for TensorBoard: metrics, settings, results and figures."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import TensorBoardLogger as LightningTensorBoardLogger

from rnnlab.loggers.folder_logger import require_package, text_settings


class TensorBoardLogger(LightningTensorBoardLogger):
    """Lightning's logger for TensorBoard, in the folder `tensorboard` of the run.

    A resumed run continues there; TensorBoard shows its sessions as one run.

    Args:
        folder: of the run.

    Raises:
        ConfigError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        require_package("tensorboard")
        super().__init__(folder, name="tensorboard", version="", default_hp_metric=False)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *rest: Any, **more: Any) -> None:
        """Log settings as hparams.yaml and as a text, which TensorBoard displays."""
        super().log_hyperparams(params)
        lines = [f"    {name}: {value}" for name, value in text_settings(params).items()]
        self.experiment.add_text("settings", "\n".join(lines))

    @rank_zero_only
    def rewind_to(self, step: int) -> None:
        """Drop the values after a step: a resumed run logs them again."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        start = SessionLog(status=SessionLog.START)
        writer = self.experiment.file_writer
        writer.add_event(Event(step=step, session_log=start), step)

    @rank_zero_only
    def log_files(self, paths: Sequence[Path]) -> None:
        """Log the figures."""
        import numpy as np
        from PIL import Image

        for path in paths:
            if path.suffix == ".png":
                pixels = np.asarray(Image.open(path).convert("RGB"))
                self.experiment.add_image(f"plots/{path.stem}", pixels, dataformats="HWC")
