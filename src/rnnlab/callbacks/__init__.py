"""Callbacks of the Trainer: checkpoints, exact resume, time, progress, loss, gradients."""

from rnnlab.callbacks.checkpoint import AtomicCheckpointIO, BestCheckpoint, LastCheckpoint
from rnnlab.callbacks.early_stopping import EarlyStopping
from rnnlab.callbacks.elapsed_time import ElapsedTime
from rnnlab.callbacks.end_training import EndTraining
from rnnlab.callbacks.exact_resume import ExactResume
from rnnlab.callbacks.gradient_health import GradientHealth
from rnnlab.callbacks.progress import Progress
from rnnlab.callbacks.step_times import DeviceProfiler, NoProfiler, StepTimes
from rnnlab.callbacks.throughput import Throughput
from rnnlab.callbacks.training_budget import TrainingBudget
from rnnlab.callbacks.training_loss import TrainingLoss
from rnnlab.callbacks.weight_averaging import EMAWeightAveraging
from rnnlab.errors import DivergedError, RunStopped

__all__ = [
    "AtomicCheckpointIO",
    "BestCheckpoint",
    "DeviceProfiler",
    "DivergedError",
    "EMAWeightAveraging",
    "EarlyStopping",
    "ElapsedTime",
    "EndTraining",
    "ExactResume",
    "GradientHealth",
    "LastCheckpoint",
    "NoProfiler",
    "Progress",
    "RunStopped",
    "StepTimes",
    "Throughput",
    "TrainingBudget",
    "TrainingLoss",
]
