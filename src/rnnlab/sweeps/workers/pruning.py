"""Callback that reports the scores of a trial to its study, and prunes the trial."""

import math
import socket
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import lightning.pytorch as L

from rnnlab.config.program import hide_passwords
from rnnlab.errors import ConfigError, RunPruned
from rnnlab.sweeps.study.outages import Patience
from rnnlab.sweeps.workers.messages import Reporting

if TYPE_CHECKING:
    import optuna


class PruningCallback(L.Callback):
    """Report the monitored metric after each validation, and end a trial that is pruned.

    Reports are counted in epochs or samples instead of steps, so that trials with different batch
    sizes are compared after the same amount of data. The first of several processes reports; all
    follow its decision. Reports that the study already has are not repeated after a resume.
    """

    def __init__(self, reporting: Reporting, monitor: str) -> None:
        self.reporting = reporting
        self.monitor = monitor
        self.is_pruned = False
        self.patience = Patience()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Decide again for a resumed trial, since a decision may be lost with its process."""
        if trainer.global_step:
            decide = partial(self._decide_again, trainer)
            self._share_decision(trainer, trainer.is_global_zero and self.patience.run(decide))

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report; called on all processes under DDP."""
        value = trainer.callback_metrics.get(self.monitor)
        if value is None:
            names = sorted(name for name in trainer.callback_metrics if name.startswith("val/"))
            raise ConfigError(
                f"monitor={self.monitor}: the validation did not log it; it logged "
                f"{', '.join(names) or 'nothing'}"
            )
        report = partial(self._report, trainer, float(value))
        self._share_decision(trainer, trainer.is_global_zero and self.patience.run(report))

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let a pruned trial go on if it is resumed and the decision is another one."""
        if self.is_pruned:
            checkpoint["training_has_ended"] = False

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Raise after the last checkpoint if the trial was pruned."""
        if self.is_pruned:
            raise RunPruned(f"pruned after {trainer.current_epoch} epochs")

    def _share_decision(self, trainer: L.Trainer, decision: bool) -> None:
        """Stop all processes if the first one says so."""
        if trainer.strategy.broadcast(decision):
            self.is_pruned = trainer.should_stop = True

    def _decide_again(self, trainer: L.Trainer) -> bool:
        """Return whether the last report pruned the trial; a later report will be repeated."""
        reports = self._stored_reports()
        steps = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
        epochs = trainer.global_step / steps
        if not reports or max(reports) > self._report_number(trainer, epochs):
            return False
        return self._trial.should_prune()

    def _report(self, trainer: L.Trainer, value: float) -> bool:
        """Report a value, and return whether to prune the trial."""
        batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        epochs = trainer.current_epoch + batches / trainer.num_training_batches
        number, reports = self._report_number(trainer, epochs), self._stored_reports()
        if number < 1 or max(reports, default=0) > number:
            return False  # too early, or decided before the trial was resumed
        if number not in reports:
            self._trial.report(value, number)
        return self._trial.should_prune()

    def _report_number(self, trainer: L.Trainer, epochs: float) -> int:
        """Return the number of the report that is due after some epochs."""
        progress = epochs
        if self.reporting.unit == "samples":
            data: Any = trainer.datamodule  # type: ignore[attr-defined]
            progress *= trainer.num_training_batches * data.batch_size * trainer.world_size
        return int(progress / self.reporting.every + 1e-6)

    def _stored_reports(self) -> dict[int, float]:
        trials = self._trial.study.get_trials(deepcopy=False)
        return trials[self._trial.number].intermediate_values

    @cached_property
    def _trial(self) -> "optuna.Trial":
        """The trial in its study; the sampler is not used.

        Raises:
            ConfigError: the storage as seen from this machine does not have the study.
        """
        import optuna

        from rnnlab.sweeps.study.pruners import make_pruner
        from rnnlab.sweeps.study.storage import open_storage

        try:
            study = optuna.load_study(
                study_name=self.reporting.study,
                storage=open_storage(self.reporting.storage),
                sampler=optuna.samplers.RandomSampler(),
                pruner=make_pruner(self.reporting.pruner),
            )
        except KeyError as error:
            raise ConfigError(
                f"storage={hide_passwords(self.reporting.storage)}: on {socket.gethostname()} "
                f"there is no study {self.reporting.study} in it. All machines of a search must "
                "see the same storage, such as postgresql+psycopg://<user>@<host>/<database>"
            ) from error
        return optuna.trial.Trial(study, self.reporting.trial_id)
