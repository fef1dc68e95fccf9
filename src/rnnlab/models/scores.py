"""Scores of one split, as means over its targets."""

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, SumMetric

from rnnlab.spec import Batch
from rnnlab.tasks import Task


def return_false() -> bool:
    """Return False, for a metric that has all targets in its own process and gathers nothing."""
    return False


class Scores(nn.Module):
    """Metrics and loss of a task and its number of targets; never a mean of batch means.

    Under DDP `compute` combines the targets of all ranks.

    Args:
        task: defines the metrics.
        split: prefix of each metric's name, such as val in val/accuracy.
    """

    def __init__(self, task: Task, split: str) -> None:
        super().__init__()
        self.split = split
        self.metrics = task.metrics()
        self.loss = MeanMetric().set_dtype(torch.float64)
        self.targets = SumMetric().set_dtype(torch.float64)
        self._task = [task]  # in a list: not a submodule of this module
        if task.stateful:  # every process evaluates all targets
            for metric in (self.loss, self.targets, *self.metrics.values()):
                metric.distributed_available_fn = return_false

    def update(self, predictions: Tensor, batch: Batch) -> None:
        """Add a batch and its raw predictions."""
        task = self._task[0]
        self.loss.update(task.exact_loss(predictions, batch), task.num_targets(batch))
        self.targets.update(task.num_targets(batch))
        self.metrics.update(*task.metric_inputs(predictions, batch))

    def compute(self) -> dict[str, Tensor]:
        """Return all scores as `split/name` and reset them."""
        values = {"loss": self.loss.compute(), **self.metrics.compute()}
        values["targets"] = self.targets.compute()
        for metric in (self.loss, self.targets, self.metrics):
            metric.reset()
        return {f"{self.split}/{name}": value for name, value in values.items()}
