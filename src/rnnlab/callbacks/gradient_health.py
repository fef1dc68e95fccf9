"""Gradient norms of every epoch, and a probe of states, gates and gradients through time."""

from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from rnnlab.callbacks.state_probe import StateProbe
from rnnlab.callbacks.training_loss import read_values
from rnnlab.config.types import PositiveInt
from rnnlab.metrics.gradient_health import StepSize, report_health, summarize_steps


class GradientHealth(L.Callback):
    """Logs the sizes of gradients, updates and states, once per epoch.

    - grad_norm/p10, median, p90 and max: of the gradient norm of each optimizer step, before
      clipping; clip_rate: share of the steps that were clipped. The norm is that of the clipping.
    - update_ratio: median of |change of the weights| / |weights| of single steps, over matrices.
    - on a fixed batch of the validation split, see StateProbe: saturation/states,
      saturation/gates, dead_units and gradient_reach.

    What cannot be measured is absent: norms where the strategy or the optimizer clips on its own
    (fsdp, deepspeed, fused with 16-mixed), states of layers that are no RecurrentLayer. Weights and
    random states are those of a run without this callback.

    Args:
        probe_every_n_steps: optimizer steps between two probes, which are at the end of an epoch;
            the first epoch has one. One more, for the report, is at the end of the training.
        update_every_n_steps: optimizer steps between two measurements of an update.

    Attributes:
        epochs: of the whole run: metric -> value.
        probe_values: of the last probe: metric -> value.
        through_time: of the last probe; see gradients_through_time.
    """

    def __init__(
        self, probe_every_n_steps: PositiveInt = 500, update_every_n_steps: PositiveInt = 100
    ) -> None:
        self.probe_every_n_steps = probe_every_n_steps
        self.update_every_n_steps = update_every_n_steps
        self.epochs: list[dict[str, float]] = []
        self.probe_values: dict[str, float] = {}
        self.through_time: dict[str, dict[int, float]] = {}
        self.clipping = "norm"
        self._model: Any = None
        self._steps: list[StepSize] = []  # of this epoch
        self._ratios: list[Tensor | float] = []  # of this epoch
        self._weights: list[Tensor] = []  # before a step
        self._probe_step: int | None = None
        self._probe = StateProbe()

    def report(self) -> dict[str, Any]:
        """Return the part of report.json about gradients; empty before the first epoch."""
        return report_health(self.epochs, self.probe_values, self.through_time, self.clipping)

    def state_dict(self) -> dict[str, Any]:
        """Return the values of the finished epochs, and of the steps of this one."""
        self._read()
        return {
            "epochs": self.epochs,
            "probe_values": self.probe_values,
            "through_time": self.through_time,
            "steps": torch.tensor(self._steps, dtype=torch.float64),
            "ratios": self._ratios,
            "probe_step": self._probe_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = state_dict["epochs"]
        self.probe_values = state_dict["probe_values"]
        self.through_time = state_dict["through_time"]
        self._steps = [(norm, size, limit) for norm, size, limit in state_dict["steps"].tolist()]
        self._ratios = state_dict["ratios"]
        self._probe_step = state_dict["probe_step"]

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ask the model to keep the sizes of its gradients."""
        self._model = pl_module
        self._model.gradient_sizes = []
        self.clipping = self._model.clipping

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer
    ) -> None:
        """Keep a copy of the weights before a step that is measured."""
        if trainer.global_step % self.update_every_n_steps == 0:
            self._weights = [matrix.detach().clone() for matrix in list_matrices(pl_module)]

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *batch: Any
    ) -> None:
        """Measure the update of the step, and forget the copy."""
        if self._weights:
            pairs = zip(list_matrices(pl_module), self._weights, strict=True)
            changes = [matrix.detach() - before for matrix, before in pairs]
            self._ratios.append(get_total_norm(changes) / get_total_norm(self._weights))
            self._weights = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the epoch."""
        self._read()
        values = summarize_steps(self._steps)
        ratios = sorted(self._ratios)
        if ratios:
            values["update_ratio"] = float(ratios[len(ratios) // 2])
        if trainer.is_global_zero:
            values |= self._probe_network(trainer, pl_module)
        for logger in trainer.loggers:
            logger.log_metrics({**values, "epoch": trainer.current_epoch}, trainer.global_step)
        self.epochs.append({**values, "steps": len(self._steps), "epoch": trainer.current_epoch})
        self._steps, self._ratios = [], []

    def _probe_network(self, trainer: L.Trainer, pl_module: Any) -> dict[str, float]:
        """Return the values of a probe that is due; empty otherwise.

        The probe at the end of a training is only for the report, because the training may be
        extended.
        """
        steps = trainer.global_step
        is_due = self._probe_step is None or steps - self._probe_step >= self.probe_every_n_steps
        if not is_due and not trainer.should_stop:
            return {}
        self.probe_values, self.through_time = self._probe.measure(trainer, pl_module)
        if not is_due:
            return {}
        self._probe_step = steps
        return self.probe_values

    def _read(self) -> None:
        """Read the sizes and ratios of the last steps from the device."""
        if self._model is not None:
            self._steps += self._model.read_gradient_sizes()
        self._ratios = [*read_values(self._ratios)]


def list_matrices(model: L.LightningModule) -> list[Tensor]:
    """Return the weights that are trained, without vectors such as biases."""
    return [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
