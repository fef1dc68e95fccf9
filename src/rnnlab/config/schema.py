"""The schema of a run.

RunConfig defines the top level of a configuration. The settings of a component are checked against
the constructor in its `_target_` (see signature.py), so a new component needs no schema.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import PurePath
from typing import Annotated, Any, Literal

from annotated_types import Interval

from rnnlab.config.keys import flat
from rnnlab.config.light_import import locate_light
from rnnlab.config.signature import (
    RUNTIME,
    Finder,
    component_problems,
    configurable_parameters,
    locate,
    locate_torch,
    signature_problems,
)
from rnnlab.config.types import LARGEST_INT, PositiveFloat, PositiveInt, Rule, Seed
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.runtime.imports import import_lightning, pause_collector

Component = dict[str, Any]  # _target_ and the arguments of its constructor
# batches, or part of an epoch
BatchLimit = Annotated[int, Interval(gt=0, le=LARGEST_INT)] | Annotated[float, Interval(gt=0, le=1)]

COMPONENTS = ("task", "analysis", "data", "model", "optimizer", "scheduler")
COLLECTIONS = ("callbacks", "logger")
DDP = ("ddp", "ddp_spawn", "ddp_fork", "ddp_notebook")
STRATEGIES = (  # of lightning.pytorch.Trainer, for CPUs and GPUs
    *("auto", "single_device", "fsdp", "fsdp_cpu_offload", "deepspeed"),
    *(f"deepspeed_stage_{stage}" for stage in ("1", "2", "2_offload", "3", "3_offload")),
    *("deepspeed_stage_3_offload_nvme", *DDP),
    *(f"{name}_find_unused_parameters_{value}" for name in DDP for value in ("false", "true")),
)


def check_strategy(name: str) -> None:
    """Raise ValueError if Lightning has no strategy of this name."""
    if name not in STRATEGIES:
        raise ValueError(f"no such strategy; {did_you_mean(name, STRATEGIES)}")


def check_duration(text: str) -> None:
    """Raise ValueError if a text is not a duration as Lightning reads it."""
    if not re.fullmatch(r"\d{1,5}:\d{1,2}:\d{1,2}:\d{1,2}", text, re.ASCII):
        raise ValueError("must be days:hours:minutes:seconds, such as 00:01:30:00")


def check_path(text: str) -> None:
    """Raise ValueError if no system can have a file of this path."""
    if "\0" in text:
        raise ValueError("a path cannot contain a null character")


def check_name(name: str) -> None:
    """Raise ValueError if a name is no folder below output_dir."""
    path = PurePath(name)
    check_path(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError("must be the name of a folder below output_dir")


RunPath = Annotated[str, Rule(check_path)]


@dataclass
class TrainerConfig:
    """Device and duration; names as in lightning.pytorch.Trainer.

    With max_epochs=auto, auto_steps is the number of optimizer steps for data that is so small that
    5 epochs are fewer steps; see rnnlab.experiment.budget. With gradient_clip_val=auto the
    threshold follows the gradient norms; see rnnlab.layers.clipping.AutoClip.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: PositiveInt = 1
    num_nodes: PositiveInt = 1
    strategy: Annotated[str, Rule(check_strategy)] = "auto"
    precision: Literal["32-true", "64-true", "16-mixed", "bf16-mixed", "bf16-true"] = "32-true"
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    auto_steps: PositiveInt = 1500
    max_steps: PositiveInt | None = None
    max_time: Annotated[str, Rule(check_duration)] | None = None
    gradient_clip_val: PositiveFloat | Literal["auto"] | None = None
    gradient_clip_algorithm: Literal["norm", "value"] = "norm"
    accumulate_grad_batches: PositiveInt = 1
    log_every_n_steps: PositiveInt = 25
    val_check_interval: BatchLimit = 1.0
    check_val_every_n_epoch: PositiveInt = 1
    limit_train_batches: BatchLimit | None = None
    limit_val_batches: BatchLimit | None = None
    limit_test_batches: BatchLimit | None = None
    profiler: Literal["simple", "advanced"] | None = None
    detect_anomaly: bool = False
    deterministic: bool = True


@dataclass
class RunConfig:
    """One run. conf/config.yaml explains the keys."""

    name: Annotated[str, Rule(check_name)]
    monitor: str
    mode: Literal["min", "max"]
    task: Component
    data: Component
    model: Component
    optimizer: Component
    scheduler: Component
    analysis: Component | None = None
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    callbacks: dict[str, Component | None] = field(default_factory=dict)
    logger: dict[str, Component | None] = field(default_factory=dict)
    variant: str = ""
    seed: Seed = 0
    output_dir: RunPath = "outputs"
    run_dir: RunPath | None = None
    resume: RunPath | None = None
    init_from: RunPath | None = None
    test: bool = True
    baselines: bool = True
    page: bool = True
    matmul_precision: Literal["auto", "highest", "high", "medium"] = "auto"
    kernel: Literal["auto", "native", "torch"] = "auto"
    kernel_gradient_precision: Literal["same", "bfloat16"] = "same"
    threads: PositiveInt | Literal["auto"] = "auto"


def parse(plain: Mapping[str, Any]) -> RunConfig:
    """Return a plain, resolved config as a RunConfig, after checking all its settings.

    Before the imports that take seconds, the settings are checked without them.

    Raises:
        ConfigError: all problems, a line each: the setting, the reason, the alternatives.
    """
    with pause_collector():
        if "lightning" not in sys.modules:
            check_signatures(plain, locate_light)
            check_signatures(plain, locate_torch)
            import_lightning()
        check_signatures(plain, locate)
    return make_config(plain)


def make_config(plain: Mapping[str, Any]) -> RunConfig:
    """Return a config whose settings were checked."""
    return RunConfig(**{**plain, "trainer": TrainerConfig(**plain.get("trainer", {}))})


def changed_settings(plain: Mapping[str, Any]) -> frozenset[str]:
    """Return the settings of a run that differ from the defaults of their classes.

    Args:
        plain: a config that was checked, as plain values.

    Returns:
        Dotted names. A setting without a default, such as a class, is part of the choice and is
        not returned.
    """
    values, defaults = flat(dict(plain)), default_settings(plain)
    return frozenset(
        name for name, value in values.items() if name in defaults and value != defaults[name]
    )


def default_settings(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default of each setting of a run that has one, by its dotted name."""
    defaults = {f"trainer.{one.name}": one.default for one in fields(TrainerConfig)}
    top_level = {one.name: one.default for one in fields(RunConfig) if one.name != "variant"}
    defaults |= {name: value for name, value in top_level.items() if value is not MISSING}
    parts = [(name, name, plain.get(name)) for name in COMPONENTS]
    groups = ((name, plain.get(name) or {}) for name in COLLECTIONS)
    parts += [
        (f"{name}.{key}", name, part) for name, group in groups for key, part in group.items()
    ]
    for path, section, part in parts:
        if part:
            parameters, _ = configurable_parameters(locate(part["_target_"]), RUNTIME[section])
            defaults |= {f"{path}.{name}": value for name, (_, value) in parameters.items()}
    values = {name: list(v) if isinstance(v, tuple) else v for name, v in defaults.items()}
    return {name: value for name, value in values.items() if value is not ...}


def check_signatures(plain: Mapping[str, Any], find: Finder) -> None:
    """Check all settings; `find`: see component_problems.

    Raises:
        ConfigError: see parse.
    """
    problems = list(run_problems(plain, find))
    endings = tuple(f".{problem}" for problem in problems)
    own = [problem for problem in problems if not problem.endswith(endings)]  # not of ${seed}
    if own:
        raise ConfigError(*own)


def run_problems(plain: Mapping[str, Any], find: Finder) -> Iterator[str]:
    """Yield the problems of all settings; `find`: see component_problems."""
    top_level = {**plain, "trainer": TrainerConfig()}
    yield from signature_problems("", RunConfig, top_level, label="a run")
    trainer = plain.get("trainer", {})
    if not isinstance(trainer, Mapping):
        yield f"trainer={trainer}: must be a valid dictionary"
        return
    yield from signature_problems("trainer", TrainerConfig, trainer, label="the trainer")
    for path, part, section in _parts(plain):
        if isinstance(part, Mapping):  # otherwise the top level has a problem
            yield from component_problems(path, part, section, find)


def _parts(plain: Mapping[str, Any]) -> Iterator[tuple[str, Component | None, str]]:
    """Yield key, settings and group of every component; None for one that is switched off."""
    for section in COMPONENTS:
        yield section, plain.get(section), section
    for section in COLLECTIONS:
        members = plain.get(section)
        for name, member in members.items() if isinstance(members, Mapping) else ():
            yield f"{section}.{name}", member, section
