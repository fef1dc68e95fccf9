"""The schema of a search; sweeps/default.yaml explains its keys."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from rnnlab.config.schema import Component
from rnnlab.config.types import NonNegativeInt, PositiveFloat, PositiveInt, Seed

GROUPS = ("sampler", "pruner", "launcher")


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """Settings of one search.

    `space` is unparsed; see `Space.parse`.
    """

    name: str
    question: str = ""
    base: list[str] = field(default_factory=list)
    space: dict[str, Any]
    sampler: Component
    pruner: Component | None = None
    launcher: Component
    n_trials: PositiveInt
    slots: PositiveInt | Literal["auto"] = "auto"
    trials_per_gpu: PositiveInt = 1
    storage: str | None = None
    output_dir: str = "outputs/sweeps"
    seed: Seed = 0
    objectives: list[str] = field(default_factory=lambda: ["score"])
    budget: dict[str, Any] | None = None
    progress: dict[str, Any] = field(default_factory=lambda: {"unit": "epochs", "every": 1})
    enqueue: list[dict[str, Any]] = field(default_factory=list)
    warm_start: dict[str, Any] | None = None
    repeats: NonNegativeInt = 0
    repeat_best: PositiveInt = 2
    max_failures: PositiveInt = 10
    max_attempts: PositiveInt = 3
    trial_timeout: PositiveFloat | None = None
    timeout: PositiveFloat | None = None
    on_change: Literal["refuse", "new", "force"] = "refuse"
    report: bool = False
    lease_seconds: PositiveFloat = 60.0


@dataclass
class Budget:
    """Training budget of a trial in exactly one unit.

    With `seconds`, the learning-rate schedule is as long as trainer.max_epochs, and the training
    also ends after that many epochs.
    """

    epochs: PositiveInt | None = None
    samples: PositiveInt | None = None
    seconds: PositiveFloat | None = None


@dataclass
class ReportInterval:
    """Interval between two reports to the pruner; the setting `progress`."""

    unit: Literal["epochs", "samples"] = "epochs"
    every: PositiveFloat = 1


@dataclass
class WarmStart:
    """Trials of another study that are tried first."""

    study: str
    storage: str | None = None
    best: PositiveInt = 10


SWEEP_KEYS = tuple(member.name for member in fields(SweepConfig))
