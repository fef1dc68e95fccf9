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
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.profilers import AdvancedProfiler, SimpleProfiler
from omegaconf import OmegaConf

from rnnlab.analysis import Analysis
from rnnlab.callbacks import AtomicCheckpointIO
from rnnlab.config.schema import RunConfig, TrainerConfig
from rnnlab.config.signature import locate
from rnnlab.data.base import DataModule
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.experiment.budget import AUTO_EPOCHS
from rnnlab.models import OptimizerConfig, RecurrentModel, ScheduleContext
from rnnlab.spec import DataSpec
from rnnlab.tasks import Task

UNHELPFUL = (
    ".*does not have many workers.*",
    ".*exists and is not empty.*",
    ".*treespec, LeafSpec.*",
    ".*The number of training batches.*is smaller than the logging interval.*",
)
FOLDER_PARAMETERS = ("folder", "save_dir")  # of this package and of Lightning's loggers


def partial_from(component: Mapping[str, Any]) -> Any:
    """Return a function that builds a component from the arguments that the run adds.

    Hydra builds components with components or Hydra's own keys inside; it takes milliseconds.
    """
    settings = {key: value for key, value in component.items() if key != "_target_"}
    if _contains_hydra_key(settings):
        return instantiate(dict(component), _partial_=True, _convert_="all")
    return partial(locate(component["_target_"]), **deepcopy(settings))


def _contains_hydra_key(value: Any) -> bool:
    """Return whether a mapping in a plain value has a key such as `_target_` or `_partial_`."""
    if isinstance(value, Mapping):
        keys = any(re.fullmatch(r"_\w+_", str(key)) for key in value)
        return keys or any(map(_contains_hydra_key, value.values()))
    return isinstance(value, list) and any(map(_contains_hydra_key, value))


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
        partial_from(config.optimizer), partial_from(config.scheduler), config.monitor, config.mode
    )
    model: RecurrentModel = partial_from(config.model)(task, optimizer_config)
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
    settings["max_steps"] = settings["max_steps"] or -1  # Lightning's value for no limit
    settings["profiler"] = build_profiler(settings["profiler"], folder)
    # An operation without a deterministic implementation on this device warns instead of failing.
    settings["deterministic"] = "warn" if settings["deterministic"] else False
    # Uninitialised memory is never read; torch would fill each new tensor with NaN.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return L.Trainer(
        **settings,
        default_root_dir=folder,
        callbacks=callbacks,
        logger=loggers,
        plugins=[AtomicCheckpointIO()],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the batch loader knows its rank
    )


def build_profiler(name: str | None, folder: Path) -> Any:
    """Build Lightning's profiler; its table is written to profile/ in the run's folder."""
    if name is None:
        return None
    classes = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}
    return classes[name](dirpath=folder / "profile", filename="profile")


def dry_build(config: RunConfig) -> None:
    """Build everything once on preview sizes: invalid settings fail before data is read."""
    check_precision(config)
    with torch.random.fork_rng(devices=[]):
        data = _try("data", partial(build_data, config))
        check_pairs(config, data)
        task = _try("task", partial(build_task, config, data.preview()))
        _try("analysis", partial(build_analysis, config))
        _try("model", partial(partial_from(config.model), task))
        weight = torch.nn.Parameter(torch.zeros(1))
        groups = [{"params": [weight], "weight_decay": 0.0}]
        optimizer = _try("optimizer", partial(partial_from(config.optimizer), groups))
        context = ScheduleContext(100, config.monitor, config.mode)
        _try("scheduler", partial(partial_from(config.scheduler), optimizer, context))
        quiet_libraries()
        output_dir = Path(config.output_dir)
        callbacks = _try("callbacks", partial(instantiate_components, config.callbacks, output_dir))
        loggers = _try("logger", partial(instantiate_components, config.logger, output_dir))
        members = list(callbacks.values()), list(loggers.values())
        _try("trainer", partial(build_trainer, config, output_dir, *members))


def _try(section: str, build: Callable[[], Any]) -> Any:
    try:
        return build()
    except ConfigError:
        raise
    except (TypeError, ValueError, RuntimeError, MisconfigurationException) as error:
        raise ConfigError(f"{section}: {error}") from error


def check_pairs(config: RunConfig, data: DataModule) -> None:
    """Raise ConfigError if data, task and monitor do not fit each other."""
    task = locate(config.task["_target_"])
    if task.name not in data.tasks:
        raise ConfigError(
            f"task={task.name} does not fit data={type(data).__name__}, whose targets are for "
            f"{' or '.join(data.tasks)}: leave the task out, the data set says which"
        )
    split, _, metric = config.monitor.partition("/")
    if split != "val" or metric not in task.metric_names:
        names = [f"val/{name}" for name in task.metric_names]
        raise ConfigError(
            f"monitor={config.monitor}: task={task.name} does not log it; "
            f"{did_you_mean(config.monitor, names)}"
        )


def check_precision(config: RunConfig) -> None:
    """Raise ConfigError if task or optimizer do not work in the precision of the run."""
    trainer, fused = config.trainer, config.optimizer.get("fused")
    if trainer.precision == "16-mixed" and trainer.gradient_clip_val and fused:
        raise ConfigError(
            "trainer.precision=16-mixed scales gradients, and optimizer.fused=true cannot clip "
            "scaled gradients: set optimizer.fused=false, trainer.gradient_clip_val=null, or "
            "trainer.precision=bf16-mixed"
        )
    if trainer.precision == "bf16-true" and locate(config.task["_target_"]).name == "forecasting":
        raise ConfigError(
            "trainer.precision=bf16-true rounds the values to forecast to three digits: choose "
            "trainer.precision=bf16-mixed, which keeps them"
        )


def check_device(trainer: TrainerConfig) -> None:
    """Raise ConfigError if this machine does not have the requested devices."""
    if is_multirun() and trainer.devices * trainer.num_nodes > 1:
        raise ConfigError(
            f"-m with trainer.devices={trainer.devices}: each process that DDP starts would run "
            "the whole list of jobs again, with other settings than its neighbours. Search with "
            "python sweep.py sweep=<name> trainer.devices=..., which starts the processes of each "
            "trial together, or start the runs one by one, or with trainer.devices=1"
        )
    gpus = torch.cuda.device_count()
    on_gpu = trainer.accelerator == "gpu" or (trainer.accelerator == "auto" and gpus)
    if trainer.accelerator == "gpu" and not gpus:
        raise ConfigError("trainer.accelerator=gpu: torch finds no GPU here; choose trainer=cpu")
    if on_gpu and trainer.devices > gpus:
        raise ConfigError(f"trainer.devices={trainer.devices}: torch finds {gpus} GPU here")


def is_multirun() -> bool:
    """Return whether this run is one of several jobs of `train.py -m`."""
    if not HydraConfig.initialized():
        return False
    hydra: Any = HydraConfig.get()
    return not OmegaConf.is_missing(hydra, "mode") and bool(hydra.mode == RunMode.MULTIRUN)


def quiet_libraries() -> None:
    """Suppress messages of libraries that the user cannot act on."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in UNHELPFUL:
        warnings.filterwarnings("ignore", message=message)
