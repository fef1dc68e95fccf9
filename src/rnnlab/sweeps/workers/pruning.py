"""The callback that tells a study how a trial goes, and asks it whether to go on."""

import math
import socket
from functools import cached_property
from typing import TYPE_CHECKING, Any

import lightning.pytorch as L

from rnnlab.errors import ConfigError, RunPruned
from rnnlab.sweeps.workers.messages import Reporting

if TYPE_CHECKING:
    import optuna


class Reporter(L.Callback):
    """Report the monitored metric after each validation, and end a trial that is given up.

    Reports are counted in epochs or in samples, never in steps, so that trials with different batch
    sizes are compared where they have seen as much. The first of several processes reports; all
    take its decision. A report of a resumed trial that the study has already is left as it is.

    Args:
        reporting: where to, and who decides.
        monitor: the metric.
    """

    def __init__(self, reporting: Reporting, monitor: str) -> None:
        self.reporting = reporting
        self.monitor = monitor
        self.given_up = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Decide again for a resumed trial: a decision may be lost with its process."""
        if trainer.global_step:
            self._agree(trainer, trainer.is_global_zero and self._was_given_up(trainer))

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report; under DDP all processes come here."""
        value = trainer.callback_metrics.get(self.monitor)
        if value is None:
            known = sorted(name for name in trainer.callback_metrics if name.startswith("val/"))
            raise ConfigError(
                f"monitor={self.monitor}: the validation did not log it; it logged "
                f"{', '.join(known) or 'nothing'}"
            )
        self._agree(trainer, trainer.is_global_zero and self._report(trainer, float(value)))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After the last checkpoint: say why the training ended."""
        if self.given_up:
            raise RunPruned(f"given up after {trainer.current_epoch} epochs")

    def _agree(self, trainer: L.Trainer, decision: bool) -> None:
        """All processes do what the first one says."""
        if trainer.strategy.broadcast(decision):
            self.given_up = trainer.should_stop = True

    def _was_given_up(self, trainer: L.Trainer) -> bool:
        """Whether the last report was one to end with; a later one will be made again."""
        known = self._known()
        steps = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
        epochs = trainer.global_step / steps
        if not known or max(known) > self._point(trainer, epochs):
            return False
        return self._trial.should_prune()

    def _report(self, trainer: L.Trainer, value: float) -> bool:
        """Whether to give the trial up."""
        batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        epochs = trainer.current_epoch + batches / trainer.num_training_batches
        point, known = self._point(trainer, epochs), self._known()
        if point < 1 or max(known, default=0) > point:
            return False  # too early, or decided before the trial was resumed
        if point not in known:
            self._trial.report(value, point)
        return self._trial.should_prune()

    def _point(self, trainer: L.Trainer, epochs: float) -> int:
        """The report that is due after so many epochs."""
        done = epochs
        if self.reporting.unit == "samples":
            data: Any = trainer.datamodule  # type: ignore[attr-defined]
            done *= trainer.num_training_batches * data.batch_size * trainer.world_size
        return int(done / self.reporting.every + 1e-6)

    def _known(self) -> dict[int, float]:
        """What was reported of this trial, by all attempts."""
        trials = self._trial.study.get_trials(deepcopy=False)
        return trials[self._trial.number].intermediate_values

    @cached_property
    def _trial(self) -> "optuna.Trial":
        """The trial in its study; what its values are was decided elsewhere.

        Raises:
            ConfigError: the study is not in what is the storage on this machine.
        """
        import optuna

        from rnnlab.sweeps.study.components import make_pruner
        from rnnlab.sweeps.study.storage import open_storage, without_password

        try:
            study = optuna.load_study(
                study_name=self.reporting.study,
                storage=open_storage(self.reporting.storage),
                sampler=optuna.samplers.RandomSampler(),
                pruner=make_pruner(self.reporting.pruner),
            )
        except KeyError as error:
            raise ConfigError(
                f"storage={without_password(self.reporting.storage)}: on {socket.gethostname()} "
                f"there is no study {self.reporting.study} in it. All machines of a search must "
                "see the same storage, such as postgresql+psycopg://<user>@<host>/<database>"
            ) from error
        return optuna.trial.Trial(study, self.reporting.trial_id)
