"""Loggers for metrics.csv and Weights & Biases."""

from rnnlab.loggers.csv import CSVLogger
from rnnlab.loggers.wandb import WandbLogger

__all__ = ["CSVLogger", "WandbLogger"]
