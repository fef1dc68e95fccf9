"""Where the numbers of a run go while it runs."""

from rnnlab.loggers.csv import CSVLogger
from rnnlab.loggers.wandb import WandbLogger

__all__ = ["CSVLogger", "WandbLogger"]
