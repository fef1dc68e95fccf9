"""Runs as train.py would make them, and the bare loop that they are held against."""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.utils import clip_grad_norm_

from benchmarks.pairs import ClockName
from rnnlab.config.compose import compose
from rnnlab.config.schema import RunConfig
from rnnlab.experiment.build import build_model, build_task
from rnnlab.experiment.run import check
from rnnlab.models import ScheduleContext
from rnnlab.models.base import parameter_groups
from rnnlab.spec import Batch, DataSpec

CONF = Path(__file__).parents[1] / "conf"
MANY_EPOCHS = 1000  # more than a benchmark reads, so that no schedule comes to its end


@dataclass(frozen=True)
class Settings:
    """What can be chosen of a benchmark.

    Attributes:
        seconds: of each side of each comparison.
        clock: wall | cpu.
        imdb: overrides of conf/ for data=imdb.
        sine: overrides of conf/ for data=sine.
        lm: overrides of conf/ for the language model.
        lm_words: sizes of its vocabulary.
    """

    seconds: float = 20.0
    clock: ClockName = "wall"
    imdb: tuple[str, ...] = ("data.source=embedded",)
    sine: tuple[str, ...] = ()
    lm: tuple[str, ...] = ("model.hidden_size=200", "task.embedding_size=200")
    lm_words: tuple[int, ...] = (10_000, 33_000)


def composed(*overrides: str) -> RunConfig:
    """The checked config that train.py makes of these words, for more epochs than will be run."""
    words = ["name=benchmark", f"trainer.max_epochs={MANY_EPOCHS}", *overrides]
    return check(compose(CONF, words))


def device_of(config: RunConfig) -> torch.device:
    """What the Trainer would compute on."""
    on_gpu = config.trainer.accelerator != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")


@contextmanager
def left_as_found() -> Iterator[None]:
    """Give torch's global switches and the environment back; swallow what a run prints."""
    environment = dict(os.environ)
    precision = torch.get_float32_matmul_precision()
    strict = torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(strict, warn_only=warn)
        os.environ.clear()
        os.environ.update(environment)


class BareLoop:
    """A network that is trained without a Trainer.

    Args:
        config: of the run: its model, optimizer, schedule and clipping.
        spec: sizes of the data.
        total_steps: of the schedule.
        device: that computes.

    Attributes:
        last_loss: of the last step.
    """

    def __init__(
        self, config: RunConfig, spec: DataSpec, total_steps: int, device: torch.device
    ) -> None:
        self.device, self.clip = device, config.trainer.gradient_clip_val
        self.model = build_model(config, build_task(config, spec)).to(device).train()
        optimizer_config = self.model.optimizer_config
        assert optimizer_config is not None
        self.optimizer = optimizer_config.optimizer(parameter_groups(self.model))
        context = ScheduleContext(total_steps, config.monitor, config.mode)
        schedule = optimizer_config.scheduler(self.optimizer, context)
        self.schedule = schedule["scheduler"] if schedule else None

    @property
    def last_loss(self) -> float:
        """See the class; a GPU is waited for only where somebody asks."""
        return float(self._loss)

    def losses(self, batches: Iterable[Batch]) -> list[float]:
        """A step with each; what each lost."""
        lost = []
        for batch in batches:
            self.step(batch)
            lost.append(self.last_loss)
        return lost

    def step(self, batch: Batch) -> int:
        """Forward, loss, backward, clip, optimizer, schedule; gives the number of samples."""
        batch = Batch(*(part.to(self.device) for part in batch[:4]), *batch[4:])
        loss = self.model.task.loss(self.model.predictions(batch), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.clip:
            clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
        self.optimizer.zero_grad()
        self._loss = loss.detach()
        return len(batch.lengths)
