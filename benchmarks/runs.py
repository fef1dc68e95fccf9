"""Configs of runs as train.py composes them, and the bare loop for comparisons."""

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
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
MANY_EPOCHS = 1000  # more than a benchmark reads, so that no schedule ends


@dataclass(frozen=True)
class Settings:
    """Settings of the benchmarks.

    Attributes:
        seconds: seconds per side of each comparison.
        clock: wall | cpu.
        imdb: overrides of conf/ for data=imdb.
        sine: overrides of conf/ for data=sine.
        lm: overrides of conf/ for the language model.
        lm_words: vocabulary sizes of the language model.
        kernel_shapes: B, T, D, H of the recurrent layers.
        thread_sizes: hidden sizes at which numbers of threads are compared.
        data: paths of the user's files, by their names in benchmarks/recipes.py.
        interpreters: of other libraries: name -> python.
        against: folder of another checkout; None for no comparison with it.
        threads: of torch.
        trials: of a search.
        search: more words of a search.
        make_run: more overrides of the run of `make run`.
        accuracy: more overrides of the run whose accuracy is compared.
        repeats: of a command.
        recipes: names of recipes; none for all.
        seeds: of each recipe.
        runs: folder of the runs of the recipes.
        max_other_work: percent of the processors, at which a machine still counts as idle.
    """

    seconds: float = 20.0
    clock: ClockName = "wall"
    imdb: tuple[str, ...] = ("data.source=embedded",)
    sine: tuple[str, ...] = ()
    lm: tuple[str, ...] = ("model.hidden_size=200", "task.embedding_size=200")
    lm_words: tuple[int, ...] = (10_000, 33_000)
    kernel_shapes: tuple[tuple[int, int, int, int], ...] = (
        *((64, 200, 128, 128), (20, 35, 200, 400)),
        *((64, 50, 32, 32), (32, 50, 1, 32)),
    )
    thread_sizes: tuple[int, ...] = (32, 64, 96, 128, 256)
    data: Mapping[str, Path] = field(default_factory=dict)
    interpreters: Mapping[str, str] = field(default_factory=dict)
    against: Path | None = None
    threads: int = 1
    trials: int = 30
    search: tuple[str, ...] = ()
    make_run: tuple[str, ...] = ()
    accuracy: tuple[str, ...] = ()
    repeats: int = 7
    recipes: tuple[str, ...] = ()
    seeds: int = 3
    runs: Path = Path("outputs", "benchmarks", "recipes")
    max_other_work: float = 15.0

    def path_of(self, files: str) -> str:
        """Return the override of conf/ with the path of some files."""
        return f"data.path={self.data[files]}"


def compose_config(*overrides: str) -> RunConfig:
    """Return the checked config of these overrides, with more epochs than are run."""
    words = ["name=benchmark", f"trainer.max_epochs={MANY_EPOCHS}", *overrides]
    return check(compose(CONF, words))


def device_of(config: RunConfig) -> torch.device:
    """Return the device that the Trainer would use."""
    on_gpu = config.trainer.accelerator != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")


@contextmanager
def restore_globals() -> Iterator[None]:
    """Restore torch's global settings and the environment; suppress the output of a run."""
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
    """Training loop without a Trainer.

    Args:
        config: config of the run: model, optimizer, schedule and clipping.
        spec: sizes of the data.
        total_steps: length of the schedule.
        device: device that computes.

    Attributes:
        last_loss: loss of the last step.
    """

    def __init__(
        self, config: RunConfig, spec: DataSpec, total_steps: int, device: torch.device
    ) -> None:
        self.device, clip = device, config.trainer.gradient_clip_val
        assert clip != "auto", "the bare loop clips at a fixed norm"
        self.clip = clip
        self.model = build_model(config, build_task(config, spec)).to(device).train()
        optimizer_config = self.model.optimizer_config
        assert optimizer_config is not None
        self.optimizer = optimizer_config.optimizer(parameter_groups(self.model))
        context = ScheduleContext(total_steps, config.monitor, config.mode)
        schedule = optimizer_config.scheduler(self.optimizer, context)
        self.schedule = schedule["scheduler"] if schedule else None

    @property
    def last_loss(self) -> float:
        """Return the loss of the last step; this waits for a GPU."""
        return float(self._loss)

    def losses(self, batches: Iterable[Batch]) -> list[float]:
        """Train on each batch and return the losses."""
        losses = []
        for batch in batches:
            self.step(batch)
            losses.append(self.last_loss)
        return losses

    def step(self, batch: Batch) -> int:
        """Run one step of optimizer and schedule; return the number of samples."""
        inputs, lengths, targets, rows = (part.to(self.device) for part in batch[:4])
        batch = Batch(inputs, lengths, targets, rows, *batch[4:])
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
