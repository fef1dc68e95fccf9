"""The one training step that all architectures share.

B batch, T time, D features that enter the architecture, H features that leave it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import lightning.pytorch as L
from torch import Tensor, nn
from torch.optim import Optimizer

from rnnlab.layers.recurrent import State
from rnnlab.models.scores import Scores
from rnnlab.spec import Batch
from rnnlab.tasks import Task


class Plan(NamedTuple):
    """What a schedule needs to know of the run.

    Attributes:
        total_steps: optimizer steps of the whole run.
        monitor: the metric that decides which checkpoint is best, such as val/accuracy.
        mode: min | max, which of its values are better.
    """

    total_steps: int
    monitor: str
    mode: Literal["min", "max"]


class Learning(NamedTuple):
    """How a network is trained, beside its loss.

    Attributes:
        optimizer: makes the optimizer from parameter groups.
        scheduler: makes Lightning's scheduler settings from the optimizer, None for none.
        monitor: see Plan.
        mode: see Plan.
    """

    optimizer: Callable[[list[dict[str, Any]]], Optimizer]
    scheduler: Callable[[Optimizer, Plan], Mapping[str, Any] | None]
    monitor: str
    mode: Literal["min", "max"]


class RecurrentModel(L.LightningModule):
    """Base of all architectures: training, validation, test and predict steps, optimizer, logging.

    A subclass makes its layers in the constructor, ends it with `self.complete(output_size)`, and
    defines `forward`. It never says what a loss is.

    Args:
        task: embedding, head, loss and metrics; its head is built here.
        learning: optimizer and schedule; None for a network that is only used.

    Attributes:
        card: plain values in every checkpoint, from which rnnlab.load rebuilds the model.
        outcome: what was predicted of the test split: predictions, targets and rows of each batch.
    """

    def __init__(self, task: Task, learning: Learning | None = None) -> None:
        super().__init__()
        self.task = task
        self.learning = learning
        self.outcome: list[tuple[Tensor, Tensor, Tensor]] = []
        self.val_scores = Scores(task, "val")
        self.test_scores = Scores(task, "test")
        self.card: dict[str, Any] = {}

    def complete(self, output_size: int, bidirectional: bool = False) -> None:
        """Build the head for outputs of size H; the last line of every architecture's constructor.

        Args:
            output_size: H.
            bidirectional: the second half of the outputs was read backwards.
        """
        self.output_size = output_size
        self.bidirectional = bidirectional
        self.task.build(output_size, bidirectional)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State | None]:
        """Inputs (B, T, D) to outputs (B, T, H) and the state after step T.

        Args:
            inputs: (B, T, D).
            lengths: valid steps of each sequence, (B,), each in 1..T; None where all are valid.
            state: what an earlier call returned, to go on from there; causal architectures only.
        """
        raise NotImplementedError

    def predictions(self, batch: Batch) -> Tensor:
        """Raw predictions of the task for a batch."""
        outputs, _ = self(self.task.embed(batch.inputs), batch.lengths)  # (B, T, H)
        return self.task.head(outputs, batch.lengths)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self.task.loss(self.predictions(batch), batch.targets)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what rebuilds the model."""
        checkpoint["card"] = self.card

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, self.val_scores)

    def on_validation_epoch_end(self) -> None:
        self._log_scores(self.val_scores)

    def on_test_epoch_start(self) -> None:
        self.outcome.clear()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        read = self._score(batch, self.test_scores)
        self.outcome.append((read.cpu(), batch.targets.cpu(), batch.rows.cpu()))

    def on_test_epoch_end(self) -> None:
        self._log_scores(self.test_scores)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """What a person reads: probabilities of classes, future values."""
        return self.task.read(self.predictions(batch))

    def _score(self, batch: Batch, scores: Scores) -> Tensor:
        predictions = self.predictions(batch)
        read = self.task.read(predictions)
        scores.update(self.task.loss(predictions, batch.targets), read, batch.targets)
        return read

    def _log_scores(self, scores: Scores) -> None:
        place = {"step": self.trainer.global_step, "epoch": self.trainer.current_epoch}
        values = {**scores.compute(), **{name: float(value) for name, value in place.items()}}
        self.log_dict(values, sync_dist=self.trainer.world_size > 1)

    def configure_optimizers(self) -> Any:
        assert self.learning is not None, "a network without `learning` is only used, not trained"
        optimizer = self.learning.optimizer(parameter_groups(self))
        steps = int(self.trainer.estimated_stepping_batches)
        plan = Plan(steps, self.learning.monitor, self.learning.mode)
        schedule = self.learning.scheduler(optimizer, plan)
        return {"optimizer": optimizer, "lr_scheduler": schedule} if schedule else optimizer


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """All parameters in two groups: matrices, and vectors (biases), which are not decayed."""

    def group(members: Iterable[Tensor], **settings: Any) -> list[dict[str, Any]]:
        chosen = list(members)
        return [{"params": chosen, **settings}] if chosen else []

    parameters = [p for p in model.parameters() if p.requires_grad]
    return group(p for p in parameters if p.ndim > 1) + group(
        (p for p in parameters if p.ndim <= 1), weight_decay=0.0
    )
