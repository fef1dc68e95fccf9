"""The schema of a run, and the checks that need no data.

The frame of a run is the dataclass RunConfig. What stands in a component's YAML file is checked
against the constructor that its `_target_` names: the signature is the schema, so that a component
of yours is one file and one YAML.
"""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated, Any, Literal, get_type_hints

from annotated_types import Gt, Interval

from rnnlab.config.types import NonNegativeInt, PositiveFloat, PositiveInt
from rnnlab.errors import ConfigError, did_you_mean

Component = dict[str, Any]  # _target_ and the arguments of its constructor
Share = Annotated[int, Gt(0)] | Annotated[float, Interval(gt=0, le=1)]  # batches, or of an epoch

# What the run itself, or a class to its base, gives to a component; it cannot be set.
RUNTIME: dict[str, frozenset[str]] = {
    "task": frozenset({"spec"}),
    "data": frozenset(),
    "model": frozenset({"task", "optimizer_config", "layer"}),
    "optimizer": frozenset({"params"}),
    "scheduler": frozenset({"optimizer", "context"}),
    "callbacks": frozenset({"folder"}),
    "logger": frozenset({"folder"}),
    "sampler": frozenset({"search_space"}),
    "pruner": frozenset(),
    "launcher": frozenset(),
}
COMPONENTS = ("task", "data", "model", "optimizer", "scheduler")
COLLECTIONS = ("callbacks", "logger")
FOREIGN = {"torch", "lightning", "optuna"}  # their own checks are asked by trying them


@dataclass
class TrainerConfig:
    """Where and how long; the words of lightning.pytorch.Trainer."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: PositiveInt = 1
    num_nodes: PositiveInt = 1
    strategy: str = "auto"
    precision: Literal["32-true", "64-true", "16-mixed", "bf16-mixed", "bf16-true"] = "32-true"
    max_epochs: PositiveInt = 5
    max_steps: PositiveInt | None = None
    max_time: str | None = None
    gradient_clip_val: PositiveFloat | None = None
    gradient_clip_algorithm: Literal["norm", "value"] = "norm"
    accumulate_grad_batches: PositiveInt = 1
    log_every_n_steps: PositiveInt = 25
    val_check_interval: Share = 1.0
    check_val_every_n_epoch: PositiveInt = 1
    limit_train_batches: Share | None = None
    limit_val_batches: Share | None = None
    limit_test_batches: Share | None = None
    profiler: Literal["simple", "advanced"] | None = None
    detect_anomaly: bool = False
    deterministic: bool = True


@dataclass
class RunConfig:
    """One run. See conf/config.yaml for what the keys mean."""

    name: str
    monitor: str
    mode: Literal["min", "max"]
    task: Component
    data: Component
    model: Component
    optimizer: Component
    scheduler: Component
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    callbacks: dict[str, Component | None] = field(default_factory=dict)
    logger: dict[str, Component | None] = field(default_factory=dict)
    seed: NonNegativeInt = 0
    output_dir: str = "outputs"
    run_dir: str | None = None
    resume: str | None = None
    test: bool = True
    baselines: bool = True
    matmul_precision: Literal["auto", "highest", "high", "medium"] = "auto"


def parse(plain: Mapping[str, Any]) -> RunConfig:
    """A plain, resolved config as a RunConfig, every component held against its constructor.

    Raises:
        ConfigError: all that is wrong, a line each: what was given, why not, what there is instead.
    """
    trainer = plain.get("trainer", {})
    frame = {**plain, "trainer": TrainerConfig()}
    problems = signature_problems("", RunConfig, frame, owner="a run")
    problems += signature_problems("trainer", TrainerConfig, trainer, owner="the trainer")
    for path, part, section in _parts(plain):
        if isinstance(part, Mapping):  # where it is not, the frame has said so
            problems += component_problems(path, part, section)
    if problems:
        raise ConfigError("\n".join(problems))
    return RunConfig(**{**plain, "trainer": TrainerConfig(**trainer)})


def _parts(plain: Mapping[str, Any]) -> Iterator[tuple[str, Component | None, str]]:
    """Every component: where it stands, what it is, and its group; None is one that is left out."""
    for section in COMPONENTS:
        yield section, plain.get(section), section
    for section in COLLECTIONS:
        for name, member in (plain.get(section) or {}).items():
            yield f"{section}.{name}", member, section


def component_problems(path: str, component: Mapping[str, Any], section: str) -> list[str]:
    """What is wrong with one component, held against the signature of its `_target_`.

    Args:
        path: where it stands, such as `model` or `callbacks.best`.
        component: `_target_` and settings.
        section: the group that it belongs to.
    """
    if "_target_" not in component:
        return [f"{path}._target_: must be given, the class or function to build"]
    target = str(component["_target_"])
    try:
        builder = locate(target)
    except ImportError as error:
        return [f"{path}._target_={target}: {error}"]
    hydra_keys = ("_target_", "_partial_", "_convert_", "_recursive_")
    settings = {key: value for key, value in component.items() if key not in hydra_keys}
    return signature_problems(path, builder, settings, RUNTIME[section])


def locate(target: str) -> Any:
    """The class or function that a dotted path names.

    Raises:
        ImportError: there is none.
    """
    module, _, name = target.rpartition(".")
    if not module:
        raise ImportError("must be a dotted path, such as rnnlab.models.GRU")
    found = import_module(module)
    if not hasattr(found, name):
        public = [n for n in dir(found) if not n.startswith("_")]
        raise ImportError(f"{module} has no {name!r}; {did_you_mean(name, public)}")
    return getattr(found, name)


def signature_problems(
    path: str,
    builder: Any,
    settings: Mapping[str, Any],
    runtime: frozenset[str] = frozenset(),
    owner: str | None = None,
) -> list[str]:
    """What a constructor would refuse: unknown names, wrong types, values out of range.

    Args:
        path: where the settings stand, for the messages.
        builder: the class or function that takes them.
        settings: names and values.
        runtime: parameters that cannot be set.
        owner: what the settings belong to, in words; None for the builder's name.
    """
    from pydantic import ConfigDict, ValidationError, create_model

    kinds, open_ended = configurable_parameters(builder, runtime)
    rules = ConfigDict(
        extra="allow" if open_ended else "forbid",
        strict=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )
    try:
        create_model("Settings", __config__=rules, **kinds).model_validate(dict(settings))
    except ValidationError as error:
        owner = owner or str(builder.__name__)
        found: dict[str, dict[str, None]] = {}  # each type of a union gives a reason of its own
        for detail in error.errors():
            given, reason = _problem(path, owner, kinds, settings, detail)
            found.setdefault(given, {})[reason] = None
        return [f"{given}: {', or '.join(reasons)}" for given, reasons in found.items()]
    return []


def configurable_parameters(builder: Any, runtime: frozenset[str]) -> tuple[dict[str, Any], bool]:
    """Type and default of each parameter that can be set; whether any other is taken too."""
    parameters = dict(inspect.signature(builder).parameters)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    initializer = builder.__init__ if inspect.isclass(builder) else builder
    foreign = builder.__module__.split(".")[0] in FOREIGN
    if foreign:  # of their types only the numbers are sure
        hints = {name: float for name, p in parameters.items() if type(p.default) in (int, float)}
    else:
        hints = get_type_hints(initializer, include_extras=True)
    kinds = {
        name: (hints.get(name, Any), ... if p.default is p.empty else p.default)
        for name, p in parameters.items()
        if name not in runtime and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    if open_ended and not foreign and inspect.isclass(builder):  # the rest goes to its base
        fixed = runtime | getattr(builder, "fixed_settings", frozenset())
        inherited, open_ended = configurable_parameters(builder.__bases__[0], fixed)
        kinds = {**inherited, **kinds}
    return kinds, open_ended


def _problem(
    path: str,
    owner: str,
    kinds: Mapping[str, Any],
    settings: Mapping[str, Any],
    detail: Mapping[str, Any],
) -> tuple[str, str]:
    """One problem in words: what was given, and why not."""
    name, *inner = detail["loc"]
    key = f"{path}.{name}" if path else str(name)
    value: Any = settings.get(name)
    for step in inner:  # a place inside the value, or the name of a type
        if isinstance(step, int) or (isinstance(value, Mapping) and step in value):
            key, value = f"{key}.{step}", value[step]
    if detail["type"] == "extra_forbidden":
        return key, f"no such setting of {owner}; {did_you_mean(name, kinds)}"
    if detail["type"] == "missing":
        return key, "must be given"
    wanted = detail["msg"].replace("Input should be", "must be")
    given = "null" if detail["input"] is None else detail["input"]
    return f"{key}={given}", f"{wanted[0].lower()}{wanted[1:]}"
