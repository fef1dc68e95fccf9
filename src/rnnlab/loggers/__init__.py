"""Loggers for metrics.csv, Weights & Biases, TensorBoard, MLflow and Trackio."""

from rnnlab.loggers.csv import CSVLogger
from rnnlab.loggers.mlflow import MLflowLogger
from rnnlab.loggers.tensorboard import TensorBoardLogger
from rnnlab.loggers.trackio import TrackioLogger
from rnnlab.loggers.wandb import WandbLogger

__all__ = ["CSVLogger", "MLflowLogger", "TensorBoardLogger", "TrackioLogger", "WandbLogger"]
