"""Experiments with recurrent networks: any architecture on any data set, one command."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnlab.experiment.trained_run import TrainedRun

__version__ = "0.1.0"
__all__ = ["__version__", "load"]
__path__.append(str(Path(__file__).parent / "commands"))  # python -m rnnlab.<command>


def load(run_dir: str | Path, checkpoint: str = "best") -> "TrainedRun":
    """Load a trained run, on the CPU; see rnnlab.experiment.trained_run.TrainedRun.

    Args:
        run_dir: folder of the run.
        checkpoint: best | last.

    Raises:
        ConfigError: there is no such checkpoint, or another version of rnnlab wrote it.
    """
    from rnnlab.experiment.trained_run import TrainedRun

    return TrainedRun(run_dir, checkpoint)
