"""Experiments with recurrent networks: any architecture on any data set, one command."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rnnlab.models import RecurrentModel

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(run_dir: "str | Path", checkpoint: str = "best") -> "RecurrentModel":
    """The network of a run, ready to be used: on the CPU, in evaluation mode.

    Args:
        run_dir: folder of the run.
        checkpoint: best | last.

    Raises:
        ConfigError: there is no such checkpoint.
    """
    from rnnlab.loading import load_model

    return load_model(run_dir, checkpoint)
