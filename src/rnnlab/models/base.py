"""Base class of the architectures: steps, optimizer and logging.

B batch, T time, D input features, H output features of the architecture.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.plugins.precision import DeepSpeedPrecision, FSDPPrecision
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from rnnlab.errors import ConfigError, unknown_name
from rnnlab.layers.clipping import (
    AutoClip,
    GradientSize,
    clip_gradients,
    read_sizes,
    unscales_in_step,
)
from rnnlab.layers.recurrent import LayerFactory, RecurrentState, each_part
from rnnlab.models.scores import Scores
from rnnlab.runtime.distributed import gather_lists
from rnnlab.spec import Batch
from rnnlab.tasks import Encoding, Task

OWN_CLIPPING = (DeepSpeedPrecision, FSDPPrecision)  # they clip the gradients of all their shards
HiddenStates = dict[str, RecurrentState | None]  # stage -> state after its last batch


class ScheduleContext(NamedTuple):
    """Facts about the run for a schedule.

    Attributes:
        total_steps: optimizer steps of the whole run.
        monitor: metric of the best checkpoint, such as val/accuracy.
        mode: min | max, the better values of the metric.
    """

    total_steps: int
    monitor: str
    mode: Literal["min", "max"]


class OptimizerConfig(NamedTuple):
    """Optimizer and schedule of a training.

    Attributes:
        optimizer: builds the optimizer from parameter groups.
        scheduler: builds Lightning's scheduler settings from the optimizer; None for no schedule.
        monitor: see ScheduleContext.
        mode: see ScheduleContext.
        max_steps: optimizer steps of the training; None for whole epochs.
        auto_clip: clip gradients at a threshold that follows their norms.
    """

    optimizer: Callable[[list[dict[str, Any]]], Optimizer]
    scheduler: Callable[[Optimizer, ScheduleContext], Mapping[str, Any] | None]
    monitor: str
    mode: Literal["min", "max"]
    max_steps: int | None = None
    auto_clip: bool = False


class RecurrentModel(L.LightningModule):
    """Base of all architectures: training, validation, test and predict steps, optimizer, logging.

    A subclass builds its layers in the constructor, ends it with `self.build_head(output_size)`,
    and defines `forward`. The task defines the loss.

    Args:
        task: embedding, head, loss and metrics; its head is built here.
        optimizer_config: optimizer and schedule; None for a network that is not trained.

    Attributes:
        hyper_parameters: plain values in each checkpoint; rnnlab.load rebuilds the model from them.
        validation_scores: scores, step and epoch of the last validation, in each checkpoint.
        test_predictions: predictions, targets and rows of each test batch.
        hidden_states: stage -> state after its last batch, for a batch that continues it.
        auto_clip: threshold of clipping that follows the gradient norms; None for a fixed one.
        gradient_sizes: of each step, before clipping, for a callback that reads and clears them;
            None, the default, if there is none.
    """

    def __init__(self, task: Task, optimizer_config: OptimizerConfig | None = None) -> None:
        super().__init__()
        self.task = task
        self.optimizer_config = optimizer_config
        self.test_predictions: list[tuple[Tensor, Tensor, Tensor]] = []
        self.val_scores = Scores(task, "val")
        self.test_scores = Scores(task, "test")
        self.hyper_parameters: dict[str, Any] = {}
        self.validation_scores: dict[str, float] = {}
        self.hidden_states: HiddenStates = {}
        self.gradient_sizes: list[GradientSize] | None = None
        self.auto_clip = AutoClip() if optimizer_config and optimizer_config.auto_clip else None
        self._lr_scales: list[float] = []  # of the batches since the last step

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; Lightning sets the text of this one 48 times a step, for its logging.

        torch would look for a parameter, module or buffer of that name each time.
        """
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def build_head(
        self,
        output_size: int,
        bidirectional: bool = False,
        layer: LayerFactory | None = None,
        *,
        causal: bool = True,
    ) -> None:
        """Build the head for outputs of size H; last line of each architecture's constructor.

        Args:
            output_size: H.
            bidirectional: the second half of the outputs was read backwards.
            layer: builds one recurrent layer of this kind; see Task.build.
            causal: no output depends on a later input; ignored if bidirectional.

        Raises:
            ConfigError: the task requires a causal architecture, and this one is not.
        """
        self.output_size = output_size
        self.bidirectional = bidirectional
        self.causal = causal and not bidirectional
        if self.task.causal and not self.causal:
            raise ConfigError(
                f"model: {type(self).__name__} with these settings reads ahead, which "
                f"task={self.task.name} must predict: choose one that reads in one direction, such "
                "as model=gru"
            )
        self.task.build(output_size, bidirectional, layer)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: RecurrentState | None = None
    ) -> tuple[Tensor, RecurrentState | None]:
        """Map inputs (B, T, D) to outputs (B, T, H) and the state after step T.

        Args:
            inputs: (B, T, D).
            lengths: valid steps of each sequence, (B,), each in 1..T; None where all are valid.
            state: of an earlier call, to continue from; causal architectures only.
        """
        raise NotImplementedError

    def encode(
        self, batch: Batch, stage: str = "predict", states: HiddenStates | None = None
    ) -> Encoding:
        """Encode a batch, starting from the state of the previous one if it continues it.

        The states are those of the model unless others are given.
        """
        states = self.hidden_states if states is None else states
        state = states.get(stage) if batch.continues else None
        outputs, after = self(self.task.embed(batch.inputs), batch.lengths, state)  # (B, T, H)
        if self.task.stateful:
            states[stage] = each_part(after, Tensor.detach)
        return Encoding(outputs, batch.lengths, after)

    def predictions(self, batch: Batch, stage: str = "predict") -> Tensor:
        """Return raw predictions of the task for a batch."""
        return self.task.predict(self.encode(batch, stage), batch)

    def internals(self, batch: Batch) -> dict[str, Tensor]:
        """Return internal values for figures: name -> values (B, steps, H).

        An architecture adds values beside its outputs, such as its gates.
        """
        outputs, _ = self(self.task.embed(batch.inputs), batch.lengths)
        return {"outputs": outputs}

    def attention(self, batch: Batch) -> Tensor | None:
        """Return the attention to each step, (B, T); None for an architecture without attention."""
        return None

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Update the progress of the training in the task."""
        self.task.progress = self.trainer.global_step / self.total_steps

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self._lr_scales.append(batch.lr_scale)
        return self.task.loss(self.predictions(batch, "train"), batch)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Step with the learning rate scaled by the batches, then restore the schedule's rate."""
        rates = [group["lr"] for group in optimizer.param_groups]

        def closure() -> Any:  # runs the last of the batches
            result = optimizer_closure() if optimizer_closure else None
            factor = sum(self._lr_scales) / len(self._lr_scales)
            self._lr_scales.clear()
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            return result

        super().optimizer_step(epoch, batch_idx, optimizer, closure)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: Any = None,
    ) -> None:
        """Clip the gradients, and keep their sizes before that if a callback reads them.

        Lightning refuses fused optimizers in mixed precision, because they unscale gradients in
        their own step. With bf16-mixed no gradient is scaled.
        """
        plugin = self.trainer.precision_plugin
        is_scaled = getattr(plugin, "scaler", None) is not None and unscales_in_step(optimizer)
        if isinstance(plugin, OWN_CLIPPING) or is_scaled:
            super().configure_gradient_clipping(
                optimizer, gradient_clip_val, gradient_clip_algorithm
            )
            return
        threshold = self.auto_clip or gradient_clip_val
        if threshold is None and self.gradient_sizes is None:
            return
        size = clip_gradients(optimizer, threshold, gradient_clip_algorithm or "norm")
        if self.gradient_sizes is not None:
            self.gradient_sizes.append(size)

    @property
    def clipping(self) -> Literal["auto", "norm", "value"]:
        """What is compared with the threshold of clipping; auto: the norm, and it is followed."""
        if self.auto_clip is not None:
            return "auto"
        return "value" if self.trainer.gradient_clip_algorithm == "value" else "norm"

    def read_gradient_sizes(self) -> list[tuple[float, float, float]]:
        """Return norm, largest value and threshold of the steps since the last call."""
        sizes, self.gradient_sizes = self.gradient_sizes, []
        return read_sizes(sizes or [])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the settings that rebuild the model, and the state that the training continues."""
        checkpoint["hyper_parameters"] = self.hyper_parameters
        checkpoint["validation_scores"] = self.validation_scores
        state = each_part(self.hidden_states.get("train"), Tensor.cpu)
        checkpoint["hidden_states"] = gather_lists([state])  # of each process
        has_weights_only = self._trainer is not None and "callbacks" not in checkpoint
        if has_weights_only:
            replace_by_averages(self.trainer, checkpoint)
        elif self.auto_clip is not None:
            checkpoint["auto_clip"] = self.auto_clip.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the state."""
        self.validation_scores = checkpoint["validation_scores"]
        states = checkpoint.get("hidden_states", [checkpoint.get("hidden_state")])
        state = states[min(self.global_rank, len(states) - 1)]
        self.hidden_states["train"] = each_part(state, lambda part: part.to(self.device))
        if self.auto_clip is not None and "auto_clip" in checkpoint:
            self.auto_clip.load(checkpoint["auto_clip"])

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, self.val_scores, "val")

    def on_validation_epoch_end(self) -> None:
        self.validation_scores = self._log_scores(self.val_scores)

    def on_validation_end(self) -> None:
        """Step the schedules that read a metric.

        Lightning steps them at the end of an epoch, but not of the epoch in which it resumed a run,
        and after the checkpoint of that epoch.
        """
        for config in self.trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(float(self._monitored_value(str(config.monitor))))

    def _monitored_value(self, name: str) -> Tensor:
        """Return a metric of the last validation; raise ConfigError if it was not logged."""
        metrics = self.trainer.callback_metrics
        if name not in metrics:
            raise ConfigError(unknown_name(f"scheduler: {name} is not logged; ", name, metrics))
        return metrics[name]

    def on_test_epoch_start(self) -> None:
        self.test_predictions.clear()

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        encoding, predictions = self._score(batch, self.test_scores, "test")
        answer = self.task.decode(predictions, encoding, batch)
        parts = [part.cpu() for part in (answer, batch.targets, batch.rows)]
        if batch.rows.ndim == 2:  # a target each step
            parts = [part.flatten(0, 1) for part in parts]
        self.test_predictions.append((parts[0], parts[1], parts[2]))

    def on_test_epoch_end(self) -> None:
        self._log_scores(self.test_scores)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return readable predictions: class probabilities, future values, a translation."""
        return self.answer(batch, self.hidden_states)

    def answer(self, batch: Batch, states: HiddenStates) -> Tensor:
        """Return readable predictions; the state of the batch before it is in `states`."""
        encoding = self.encode(batch, states=states)
        predictions = at_least_float32(self.task.predict(encoding, batch))
        return self.task.decode(predictions, encoding, batch)

    def _score(self, batch: Batch, scores: Scores, stage: str) -> tuple[Encoding, Tensor]:
        encoding = self.encode(batch, stage)
        predictions = at_least_float32(self.task.predict(encoding, batch))
        scores.update(predictions, batch)
        return encoding, predictions

    def _log_scores(self, scores: Scores) -> dict[str, float]:
        place = {"step": self.trainer.global_step, "epoch": self.trainer.current_epoch}
        values: dict[str, Any] = {**scores.compute(), **{n: float(v) for n, v in place.items()}}
        self.log_dict(values, sync_dist=self.trainer.world_size > 1)
        return {name: float(value) for name, value in values.items()}

    def configure_optimizers(self) -> Any:
        config = self.optimizer_config
        assert config is not None, "a network without `optimizer_config` cannot be trained"
        optimizer = config.optimizer(parameter_groups(self))
        steps = int(self.trainer.estimated_stepping_batches)
        self.total_steps = min(steps, config.max_steps or steps)
        context = ScheduleContext(self.total_steps, config.monitor, config.mode)
        schedule = config.scheduler(optimizer, context)
        if schedule and isinstance(schedule["scheduler"], ReduceLROnPlateau):
            schedule = {**schedule, "frequency": sys.maxsize}  # see on_validation_end
        return {"optimizer": optimizer, "lr_scheduler": schedule} if schedule else optimizer


def replace_by_averages(trainer: L.Trainer, checkpoint: dict[str, Any]) -> None:
    """Replace the weights of a checkpoint of weights only by their average, if there is one.

    The validation scores are those of the average. Lightning saves it in complete checkpoints only.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, WeightAveraging):
            callback.on_save_checkpoint(trainer, trainer.lightning_module, checkpoint)
            for name in ("current_model_state", "averaging_state"):
                checkpoint.pop(name, None)


def at_least_float32(predictions: Tensor) -> Tensor:
    """Return predictions of a lower precision as float32, so that scores are sums in float32."""
    is_lower = predictions.dtype in (torch.float16, torch.bfloat16)
    return predictions.float() if is_lower else predictions


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Return the parameters in two groups: matrices, and vectors (biases) without decay."""

    def group(members: Iterable[Tensor], **settings: Any) -> list[dict[str, Any]]:
        parameters = list(members)
        return [{"params": parameters, **settings}] if parameters else []

    parameters = [p for p in model.parameters() if p.requires_grad]
    return group(p for p in parameters if p.ndim > 1) + group(
        (p for p in parameters if p.ndim <= 1), weight_decay=0.0
    )
