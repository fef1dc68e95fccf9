"""The scores of one split, as means over its targets."""

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, SumMetric

from rnnlab.spec import Batch
from rnnlab.tasks import Task


def nobody_else() -> bool:
    """For a metric that has seen every target in its own process: there is nothing to gather."""
    return False


class Scores(nn.Module):
    """A task's metrics, its loss and the number of targets; never a mean of batch means.

    Under DDP `compute` brings the targets of all ranks together.

    Args:
        task: gives the metrics.
        split: first half of each metric's name, such as val in val/accuracy.
    """

    def __init__(self, task: Task, split: str) -> None:
        super().__init__()
        self.split = split
        self.metrics = task.metrics()
        self.loss = MeanMetric().set_dtype(torch.float64)
        self.targets = SumMetric().set_dtype(torch.float64)
        self._task = [task]  # in a list, so that it is no submodule here too
        if task.stateful:  # every process has seen all targets
            for metric in (self.loss, self.targets, *self.metrics.values()):
                metric.distributed_available_fn = nobody_else

    def update(self, predictions: Tensor, batch: Batch) -> None:
        """Add a batch and its raw predictions."""
        task = self._task[0]
        self.loss.update(task.loss(predictions, batch), task.num_targets(batch))
        self.targets.update(task.num_targets(batch))
        self.metrics.update(*task.metric_inputs(predictions, batch))

    def compute(self) -> dict[str, Tensor]:
        """All scores as `split/name`; begins anew."""
        values = {
            "loss": self.loss.compute(),
            **self.metrics.compute(),
            "targets": self.targets.compute(),
        }
        for metric in (self.loss, self.targets, self.metrics):
            metric.reset()
        return {f"{self.split}/{name}": value.float() for name, value in values.items()}
