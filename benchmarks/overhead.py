"""A training step in the Trainer, compared with the same step in a plain loop."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as L
import torch

from benchmarks.pairs import Pair, Row, Stopwatch, enough
from benchmarks.runs import BareLoop, Settings, compose_config, restore_globals
from rnnlab.callbacks.batch_hooks import skip_unused_hooks
from rnnlab.data.base import DataModule
from rnnlab.experiment import run as experiment
from rnnlab.experiment.build import build_data
from rnnlab.experiment.session import RunParts, claim_folder
from rnnlab.layers.kernels import set_kernel
from rnnlab.runtime.clock import StageClock
from rnnlab.runtime.console import PlainConsole
from rnnlab.spec import Batch

IMDB_STEPS, SINE_STEPS = 8, 25  # in a block; metrics are logged every 25 steps


class Alternate(L.Callback):
    """Callback that repeats each block of the Trainer's steps in the bare loop.

    It must be the last callback, so that the time of the others is part of the Trainer's time. A
    block that contains the end of an epoch is not counted, because of the validation.

    Args:
        bare: an equal network in a bare loop.
        batches: the same batches that the Trainer reads.
        steps: steps per block.
        stopwatch: measures the time.
        seconds: seconds per side.

    Attributes:
        pairs: seconds of Trainer and bare loop, without the first pair (warm-up).
    """

    def __init__(
        self,
        bare: BareLoop,
        batches: Iterator[Batch],
        steps: int,
        stopwatch: Stopwatch,
        seconds: float,
    ) -> None:
        self.bare, self.batches, self.steps = bare, batches, steps
        self.stopwatch, self.seconds = stopwatch, seconds
        self.pairs: list[Pair] = []
        self._steps_done, self._block_is_complete = 0, False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the Trainer's clock."""
        self.stopwatch.start()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Discard the block that contains the validation."""
        self._block_is_complete = False

    def on_train_batch_end(self, trainer: L.Trainer, *rest: Any) -> None:
        """Repeat a complete block in the bare loop."""
        self._steps_done += 1
        if self._steps_done % self.steps:
            return
        ours = self.stopwatch.read()
        with plain_torch():
            other = self.stopwatch.of(self._train_bare)
        if self._block_is_complete:
            self.pairs.append(Pair(ours, other, self.steps))
        self._block_is_complete = True
        trainer.should_stop = enough(self.pairs, self.seconds)
        self.stopwatch.start()

    def _train_bare(self) -> None:
        for batch in islice(self.batches, self.steps):
            self.bare.step(batch)


@contextmanager
def plain_torch() -> Iterator[None]:
    """Switch the deterministic mode of a run off for the bare loop."""
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(True, warn_only=True)


def epochs(data: DataModule) -> Iterator[Batch]:
    """Yield the batches of the training loader, epoch after epoch, as a Trainer reads them."""
    loader = data.train_dataloader()
    for epoch in count():
        loader.order.epoch = epoch
        yield from loader


def compare(overrides: tuple[str, ...], steps: int, settings: Settings) -> list[Pair]:
    """Return seconds of blocks of steps, in the Trainer of a complete run and in the bare loop."""
    with TemporaryDirectory() as folder:
        config = compose_config(*overrides, f"output_dir={folder}", "trainer.limit_val_batches=1")
        parts = experiment.build(config, claim_folder(config), StageClock())
        show_progress(parts)
        twin = build_data(config)
        twin.setup("fit")
        device = parts.trainer.strategy.root_device
        total = int(config.trainer.max_epochs) * len(twin.train_dataloader())
        bare = BareLoop(config, twin.spec, total, device)
        bare.model.load_state_dict(parts.model.state_dict())
        set_kernel(bare.model, parts.folder.read_report()["kernel"]["name"])
        stopwatch = Stopwatch(settings.clock, device)
        alternate = Alternate(bare, epochs(twin), steps, stopwatch, settings.seconds)
        skip_unused_hooks([alternate])  # as those of the run
        parts.trainer.callbacks.append(alternate)  # type: ignore[attr-defined]
        experiment.fit(parts)
    if not alternate.pairs:
        raise ValueError(f"no block of {steps} steps fits into an epoch: give smaller batches")
    return alternate.pairs


def show_progress(parts: RunParts) -> None:
    """Enable the progress line, which is part of the cost of a run."""
    if "progress" in parts.callbacks:
        parts.callbacks["progress"].console = PlainConsole(file=io.StringIO(), force_terminal=True)


def row(name: str, what: str, bar: float, pairs: list[Pair]) -> Row:
    """Return the row for milliseconds per step, ours / bare."""
    steps = sum(pair.units for pair in pairs)
    ours, other = (1e3 * sum(pair[side] for pair in pairs) / steps for side in (0, 1))
    ratios = [pair.ours / pair.other for pair in pairs]
    return Row(name, what, f"{ours:.2f} ms", f"{other:.2f} ms", ratios, bar, at_least=False)


def imdb(settings: Settings) -> Row:
    """Compare long sequences, with steps of tenths of a second."""
    with restore_globals():
        pairs = compare(("data=imdb", "model=gru", *settings.imdb), IMDB_STEPS, settings)
    return row("imdb", "IMDB GRU, time of a step: a run's Trainer / bare loop", 1.05, pairs)


def sine(settings: Settings) -> Row:
    """Compare short sequences, with steps of milliseconds."""
    with restore_globals():
        pairs = compare(("data=sine", "model=gru", *settings.sine), SINE_STEPS, settings)
    return row("sine", "sine GRU, time of a step: a run's Trainer / bare loop", 1.05, pairs)
