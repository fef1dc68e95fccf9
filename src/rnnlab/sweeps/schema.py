"""The schema of a search; sweeps/default.yaml explains its keys."""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from annotated_types import Interval

from rnnlab.config.schema import Component
from rnnlab.config.types import NonNegativeInt, PositiveFloat, PositiveInt, Seed

GROUPS = ("sampler", "pruner", "launcher")
SEED = "seed"  # of a run: the first dimension of a study
MAX_SEEDS = 1000
NumSeeds = Annotated[int, Interval(ge=2, le=MAX_SEEDS)]


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
    budgets: dict[str, Any] = field(default_factory=dict)
    seeds: NumSeeds | None = None
    answer: dict[str, Any] | None = None
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


HealthValue = Literal[  # of the report of a run; see rnnlab.metrics.gradient_health
    "clip_rate",
    "grad_norm/p10",
    "grad_norm/median",
    "grad_norm/p90",
    "grad_norm/max",
    "update_ratio",
    "gradient_reach",
    "saturation/states",
    "saturation/gates",
    "dead_units",
]


@dataclass
class AnswerSettings:
    """What answers the question of a study; the setting `answer`.

    Attributes:
        compare: settings whose values are compared, averaged over all other settings.
        metric: that is compared; null for the monitored one, on the test split.
        within: setting whose values are reported one by one, such as data.
        cost: seconds | parameters: also the Pareto front of the metric and this cost.
        covariate: table of scores in the details of a report, such as bleu_by_length: also whether
            the differences grow along it.
        gradients: values of gradient health that the table shows beside the scores, means over
            the runs of a level.
        importance: of the searched settings for the score.
    """

    compare: list[str] = field(default_factory=list)
    metric: str | None = None
    within: str | None = None
    cost: Literal["seconds", "parameters"] | None = None
    covariate: str | None = None
    gradients: list[HealthValue] = field(default_factory=list)
    importance: bool = False


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
