"""Progress bar of an epoch, and one line of scores after each epoch."""

import time
from typing import Any

import lightning.pytorch as L
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from rnnlab.runtime.console import PlainConsole
from rnnlab.spec import Batch

_REFRESH_SECONDS = 0.5  # drawing takes milliseconds


class Progress(L.Callback):
    """Shows epoch, batch, loss, samples/s and time left, and prints the scores of each epoch.

    Where the output is not a terminal, only the scores are printed.
    """

    def __init__(self) -> None:
        self.console = PlainConsole()
        self._bar: Bar | None = None
        self._samples = 0
        self._start_time = self._refresh_time = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar, also where a resumed run starts within an epoch."""
        self._open(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._open(trainer)

    def _open(self, trainer: L.Trainer) -> None:
        self._close()
        self._samples, self._start_time = 0, time.perf_counter()
        if not (trainer.is_global_zero and self.console.is_terminal):
            return
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            auto_refresh=False,
        )
        self._bar.start()
        epoch = f"{trainer.current_epoch + 1}/{trainer.max_epochs}"
        self._task = self._bar.add_task(
            "", total=int(trainer.num_training_batches), epoch=epoch, numbers=""
        )

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, i: int
    ) -> None:
        """Update the bar, twice a second."""
        self._samples += len(batch.lengths) * trainer.world_size
        now = time.perf_counter()
        if self._bar is None or now - self._refresh_time < _REFRESH_SECONDS:
            return
        self._refresh_time = now
        loss = float(outputs["loss"])
        speed = self._samples / (now - self._start_time)
        numbers = f"loss {loss:.4g}  {speed:,.0f} samples/s"
        self._bar.update(self._task, completed=i + 1, numbers=numbers, refresh=True)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the scores of the epoch."""
        self._close()
        if not trainer.is_global_zero:
            return
        seconds = time.perf_counter() - self._start_time
        scores = {
            name: value.item()
            for name, value in trainer.callback_metrics.items()
            if name.startswith(("train/", "val/")) and not name.endswith("/targets")
        }
        text = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
        width = len(str(trainer.max_epochs))
        epoch = f"{trainer.current_epoch + 1:>{width}}/{trainer.max_epochs}"
        line = f"epoch {epoch}  {text}  {seconds:.0f} s"
        self.console.print(line, soft_wrap=True)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
