"""Construction of the objects of a run from its checked config: data, task, model, trainer."""

import dataclasses
import inspect
import logging
import re
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from hydra.utils import instantiate
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.profilers import AdvancedProfiler

from rnnlab.analysis import Analysis
from rnnlab.callbacks import AtomicCheckpointIO, DeviceProfiler, NoProfiler, TrainingBudget
from rnnlab.callbacks.batch_hooks import skip_unused_hooks
from rnnlab.config.program import INTERPOLATION
from rnnlab.config.schema import RunConfig
from rnnlab.config.signature import locate
from rnnlab.data.base import DataModule
from rnnlab.errors import ConfigError
from rnnlab.experiment import checks
from rnnlab.experiment.budget import AUTO_EPOCHS
from rnnlab.layers.kernels import choose_gradients, choose_kernel, use_kernel_of_setting
from rnnlab.models import OptimizerConfig, RecurrentModel, ScheduleContext
from rnnlab.spec import DataSpec
from rnnlab.tasks import Task

UNHELPFUL = (
    ".*does not have many workers.*",
    ".*exists and is not empty.*",
    ".*treespec, LeafSpec.*",
    ".*The number of training batches.*is smaller than the logging interval.*",
)
# of a constructor that rejects a setting, or needs a package that is not installed
EXPECTED_ERRORS: Any = (
    *(TypeError, ValueError, RuntimeError, ImportError, ArithmeticError),
    MisconfigurationException,
)
FOLDER_PARAMETERS = ("folder", "save_dir")  # of this package and of Lightning's loggers


def partial_from(component: Mapping[str, Any]) -> Any:
    """Return a function that builds a component from the arguments that the run adds.

    Hydra builds components with components or Hydra's own keys inside; it takes milliseconds.
    """
    settings = {key: value for key, value in component.items() if key != "_target_"}
    if _contains_hydra_key(settings):
        _check_resolved(settings)
        return instantiate(dict(component), _partial_=True, _convert_="all")
    return partial(locate(component["_target_"]), **deepcopy(settings))


def _contains_hydra_key(value: Any) -> bool:
    """Return whether a mapping in a plain value has a key such as `_target_` or `_partial_`."""
    if isinstance(value, Mapping):
        keys = any(re.fullmatch(r"_\w+_", str(key)) for key in value)
        return keys or any(map(_contains_hydra_key, value.values()))
    return isinstance(value, list) and any(map(_contains_hydra_key, value))


def _check_resolved(value: Any) -> None:
    """Raise ConfigError if Hydra would interpolate a text: those of a config are resolved."""
    if isinstance(value, str) and INTERPOLATION in value:
        raise ConfigError(f"{value}: a component with components inside cannot have such a text")
    members = value.values() if isinstance(value, Mapping) else value
    for member in members if isinstance(value, Mapping | list | tuple) else ():
        _check_resolved(member)


def build_data(config: RunConfig) -> DataModule:
    """Build the data set; it reads nothing yet."""
    data: DataModule = partial_from(config.data)()
    return data


def build_task(config: RunConfig, spec: DataSpec) -> Task:
    """Build the task for data of these sizes."""
    task: Task = partial_from(config.task)(spec)
    return task


def build_analysis(config: RunConfig) -> Analysis | None:
    """Return the analysis of the test split; None for a task that has scores only."""
    if config.analysis is None:
        return None
    analysis: Analysis = partial_from(config.analysis)()
    return analysis


def build_model(config: RunConfig, task: Task) -> RecurrentModel:
    """Build the architecture around the task, with its optimizer and schedule."""
    optimizer_config = OptimizerConfig(
        partial_from(config.optimizer),
        partial_from(config.scheduler),
        config.monitor,
        config.mode,
        config.trainer.max_steps,
        auto_clip=config.trainer.gradient_clip_val == "auto",
    )
    model: RecurrentModel = partial_from(config.model)(task, optimizer_config)
    use_kernel_of_setting(model, config.kernel, config.trainer.precision)
    return model


def instantiate_components(section: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Build the callbacks or loggers that are not switched off, by their names in the config."""
    members = {}
    for name, component in section.items():
        if component is None:
            continue
        factory = partial_from(component)
        parameters = inspect.signature(factory.func).parameters.keys() - component.keys()
        members[name] = factory(**{key: folder for key in FOLDER_PARAMETERS if key in parameters})
    return members


def build_trainer(
    config: RunConfig, folder: Path, callbacks: list[Any], loggers: list[Any]
) -> L.Trainer:
    """Build Lightning's Trainer with this run's folder, callbacks and loggers."""
    settings = dataclasses.asdict(config.trainer)
    settings.pop("auto_steps")
    if settings["max_epochs"] == "auto":  # before the data is known
        settings["max_epochs"] = AUTO_EPOCHS
    if settings["gradient_clip_val"] == "auto":  # the model clips
        settings["gradient_clip_val"] = None
    budget = TrainingBudget(settings.pop("max_steps"), settings.pop("max_time"))
    settings["limit_predict_batches"] = settings["limit_val_batches"]  # see fit_intervals
    settings["profiler"] = build_profiler(settings["profiler"], folder)
    # An operation without a deterministic implementation on this device warns instead of failing.
    settings["deterministic"] = "warn" if settings["deterministic"] else False
    # Uninitialised memory is never read; torch would fill each new tensor with NaN.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    trainer = L.Trainer(
        **settings,
        default_root_dir=folder,
        callbacks=[budget, *callbacks],
        logger=loggers,
        plugins=[AtomicCheckpointIO()],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the batch loader knows its rank
    )
    skip_unused_hooks(trainer.callbacks)  # type: ignore[attr-defined]
    return trainer


def build_profiler(name: str | None, folder: Path) -> Any:
    """Build Lightning's profiler; its table is written to profile/ in the run's folder."""
    if name is None:
        return NoProfiler()
    classes = {"simple": DeviceProfiler, "advanced": AdvancedProfiler}
    return classes[name](dirpath=folder / "profile", filename="profile")


def dry_build(config: RunConfig) -> None:
    """Build everything once on preview sizes: invalid settings fail before data is read."""
    with torch.random.fork_rng(devices=[]):
        model = build_preview(config)
        checks.check_size(model)
        check_kernel(config, model)
        optimizer = _try("optimizer", partial(checks.build_optimizer, config.optimizer))
        checks.check_schedule(config, _try("scheduler", partial(build_schedule, config, optimizer)))
        quiet_libraries()
        members = build_members(config)
        _try("trainer", partial(build_trainer, config, Path(config.output_dir), *members))


def check_kernel(config: RunConfig, model: RecurrentModel) -> None:
    """Reject a demanded kernel, or precision of its gradients, that cannot be used."""
    if config.kernel == "native" or config.kernel_gradient_precision != "same":
        device = "cuda" if uses_gpu(config) else "cpu"
        choice = choose_kernel(config.kernel, model, device, config.trainer.precision)
        choose_gradients(config.kernel_gradient_precision, choice)


def uses_gpu(config: RunConfig) -> bool:
    """Return whether the Trainer of a config takes a GPU."""
    return config.trainer.accelerator != "cpu" and torch.cuda.is_available()


def build_members(config: RunConfig) -> tuple[list[Any], list[Any]]:
    """Return the callbacks and the loggers of a run without a folder."""
    folder = Path(config.output_dir)
    callbacks = _try("callbacks", partial(instantiate_components, config.callbacks, folder))
    loggers = _try("logger", partial(instantiate_components, config.logger, folder))
    return list(callbacks.values()), list(loggers.values())


def build_preview(config: RunConfig) -> RecurrentModel:
    """Return the model for preview sizes of the data, without memory for its weights."""
    data_class, task_class = (locate(part["_target_"]) for part in (config.data, config.task))
    checks.check_task(config, data_class, task_class)
    checks.check_monitors(config, task_class)
    checks.check_precision(config, task_class)
    checks.check_clipping(config.trainer)
    spec = checks.limit_tokens(_try("data", partial(build_data, config)).preview())
    with torch.device("meta"):
        task = _try("task", partial(build_task, config, spec))
        _try("analysis", partial(build_analysis, config))
        model: RecurrentModel = _try("model", partial(partial_from(config.model), task))
    return model


def build_schedule(config: RunConfig, optimizer: Any) -> Any:
    """Return Lightning's settings of the schedule for a run of unknown length."""
    context = ScheduleContext(100, config.monitor, config.mode)
    return partial_from(config.scheduler)(optimizer, context)


def _try(section: str, build: Callable[[], Any]) -> Any:
    try:
        return build()
    except ConfigError:
        raise
    except EXPECTED_ERRORS as error:
        raise ConfigError(f"{section}: {error}") from error


def quiet_libraries() -> None:
    """Suppress messages of libraries that the user cannot act on."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in UNHELPFUL:
        warnings.filterwarnings("ignore", message=message)
