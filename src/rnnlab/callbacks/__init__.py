"""What happens beside the training step."""

from rnnlab.callbacks.checkpoint import (
    AtomicCheckpointIO,
    BestCheckpoint,
    LastCheckpoint,
    RunStopped,
)
from rnnlab.callbacks.exact_resume import ExactResume
from rnnlab.callbacks.progress import Progress
from rnnlab.callbacks.throughput import Throughput

__all__ = [
    "AtomicCheckpointIO",
    "BestCheckpoint",
    "ExactResume",
    "LastCheckpoint",
    "Progress",
    "RunStopped",
    "Throughput",
]
