"""Checks of a config before data is read, most of them before torch and lightning are imported."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.light_import import Stub, load_light, locate_light
from rnnlab.config.schema import RunConfig, TrainerConfig, check_signatures, make_config
from rnnlab.config.signature import locate, locate_torch
from rnnlab.errors import ConfigError, unknown_name
from rnnlab.report.folder import RunFolder
from rnnlab.runtime.imports import pause_collector
from rnnlab.runtime.progress import announce_imports

if TYPE_CHECKING:
    from torch import nn

    from rnnlab.data.base import DataModule
    from rnnlab.spec import DataSpec
    from rnnlab.tasks import Task

PROCESS_BYTES = 300_000_000  # memory of one process that trains, at least
PREVIEW_TOKENS = 1_000  # the vocabulary of a file may be much smaller than its setting
# of torchrun, SLURM and LSF
MULTI_NODE_VARIABLES = frozenset({"MASTER_ADDR", "SLURM_JOB_ID", "LSB_JOBID"})
GPU_STRATEGIES = ("fsdp", "deepspeed")
TRAINING_METRICS = ("train/loss", "epoch", "step")  # that a callback can monitor


def check_early(plain: Mapping[str, Any]) -> None:
    """Check what needs neither torch nor lightning, then what needs torch alone.

    Does nothing in a process that has imported them: the full check is as fast there.

    Raises:
        ConfigError: a setting is invalid, or some do not fit each other.
    """
    if "lightning" in sys.modules:
        return
    with pause_collector():
        check_signatures(plain, locate_light)
        config = make_config(plain)
        check_light(config)
        check_source(config)
        announce_imports(f"{config.name}, {config.variant}" if config.variant else config.name)
        check_device(config.trainer)
        check_signatures(plain, locate_torch)
        if config.optimizer["_target_"].startswith("torch."):
            check_optimizer(config.optimizer)


def check_light(config: RunConfig) -> None:
    """Build data, task, model, schedule, callbacks and loggers from light copies of their modules.

    What depends on torch is checked later, with the real modules.

    Raises:
        ConfigError: a constructor rejects its settings, or some do not fit each other.
    """
    build = load_light("rnnlab.experiment.build")
    vars(build)["locate"] = lambda target: locate_light(target) or Stub
    vars(build)["EXPECTED_ERRORS"] = ImportError  # a package is missing; others are of a stub
    for step in (
        partial(build.build_preview, config),
        lambda: check_schedule(config, build.build_schedule(config, Stub())),
        partial(build.build_members, config),
    ):
        try:
            step()
        except ConfigError:
            raise
        except Exception:  # of a stub in a place of torch, or of a class of the user
            continue


def check_task(config: RunConfig, data: "type[DataModule]", task: "type[Task]") -> None:
    """Raise ConfigError if data and task do not fit each other."""
    if task.name not in data.tasks:
        raise ConfigError(
            f"task={task.name} does not fit data={data.__name__}, whose targets are for "
            f"{' or '.join(data.tasks)}: leave the task out, the data set says which"
        )


def check_monitors(config: RunConfig, task: "type[Task]") -> None:
    """Raise ConfigError if the run or a callback monitors a metric that is not logged."""
    metrics = [f"val/{name}" for name in task.metric_names]
    if config.monitor not in metrics:
        begin = f"monitor={config.monitor}: task={task.name} does not log it; "
        raise ConfigError(unknown_name(begin, config.monitor, metrics))
    names = [*metrics, *TRAINING_METRICS]
    for name, settings in config.callbacks.items():
        monitor = (settings or {}).get("monitor")
        if monitor is not None and monitor not in names:
            begin = f"callbacks.{name}.monitor={monitor}: is not logged; "
            raise ConfigError(unknown_name(begin, monitor, names))


def check_precision(config: RunConfig, task: "type[Task]") -> None:
    """Raise ConfigError if task or optimizer do not work in the precision of the run."""
    trainer, fused = config.trainer, config.optimizer.get("fused")
    if trainer.precision == "16-mixed" and trainer.gradient_clip_val and fused:
        raise ConfigError(
            "trainer.precision=16-mixed scales gradients, and optimizer.fused=true cannot clip "
            "scaled gradients: set optimizer.fused=false, trainer.gradient_clip_val=null, or "
            "trainer.precision=bf16-mixed"
        )
    if trainer.precision == "bf16-true" and task.name == "forecasting":
        raise ConfigError(
            "trainer.precision=bf16-true rounds the values to forecast to three digits: choose "
            "trainer.precision=bf16-mixed, which keeps them"
        )


def check_clipping(trainer: TrainerConfig) -> None:
    """Raise ConfigError if the threshold of clipping cannot follow the gradient norms."""
    if trainer.gradient_clip_val != "auto":
        return
    if trainer.gradient_clip_algorithm == "value":
        raise ConfigError(
            "trainer.gradient_clip_val=auto: follows the norm of all gradients, and "
            "trainer.gradient_clip_algorithm=value clips each one by itself. Set "
            "trainer.gradient_clip_algorithm=norm, or a number, such as "
            "trainer.gradient_clip_val=0.5"
        )
    if trainer.strategy.startswith(GPU_STRATEGIES):
        raise ConfigError(
            f"trainer.gradient_clip_val=auto: trainer.strategy={trainer.strategy} clips the parts "
            "of a gradient on its own. Set a number, such as trainer.gradient_clip_val=1.0, or "
            "trainer.strategy=ddp"
        )


def check_schedule(config: RunConfig, schedule: Mapping[str, Any] | None) -> None:
    """Raise ConfigError if a schedule reads a metric after epochs without a validation."""
    interval = config.trainer.check_val_every_n_epoch
    if schedule and "monitor" in schedule and interval > 1:
        raise ConfigError(
            f"trainer.check_val_every_n_epoch={interval}: this scheduler reads {config.monitor} "
            "after each epoch. Set trainer.check_val_every_n_epoch=1, or choose another scheduler, "
            "such as scheduler=cosine"
        )


def build_optimizer(component: Mapping[str, Any]) -> Any:
    """Return the optimizer of one parameter."""
    import torch

    settings = {key: value for key, value in component.items() if key != "_target_"}
    weight = torch.nn.Parameter(torch.zeros(1))
    return locate(component["_target_"])([{"params": [weight], "weight_decay": 0.0}], **settings)


def check_optimizer(component: Mapping[str, Any]) -> None:
    """Raise ConfigError if torch rejects the settings of the optimizer."""
    try:
        build_optimizer(component)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"optimizer: {error}") from error


def find_checkpoint(config: RunConfig) -> Path:
    """Return the checkpoint with the weights that a run starts from.

    Raises:
        ConfigError: the folder has none.
    """
    folder = RunFolder(Path(str(config.init_from)))
    for path in (folder.best, folder.last):
        if path.is_file():
            return path
    raise ConfigError(
        f"init_from={config.init_from}: {folder.path.absolute()} has no checkpoints; give the "
        "folder of a run"
    )


def check_source(config: RunConfig) -> None:
    """Raise ConfigError if a new run should start from weights that do not exist."""
    if config.init_from and not config.resume:
        find_checkpoint(config)


def check_device(trainer: TrainerConfig) -> None:
    """Raise ConfigError if this machine does not have the requested devices."""
    check_processes(trainer)
    gpus = 0 if trainer.accelerator == "cpu" else count_gpus()
    if trainer.accelerator == "gpu" and not gpus:
        raise ConfigError("trainer.accelerator=gpu: torch finds no GPU here; choose trainer=cpu")
    if gpus:
        if trainer.devices > gpus:
            raise ConfigError(f"trainer.devices={trainer.devices}: torch finds {gpus} GPU here")
        return
    if trainer.precision == "16-mixed":
        raise ConfigError(
            "trainer.precision=16-mixed: Lightning has it on GPUs only, and would use bf16-mixed "
            "on this device; choose trainer.precision=bf16-mixed"
        )
    if trainer.strategy.startswith(GPU_STRATEGIES):
        raise ConfigError(
            f"trainer.strategy={trainer.strategy}: needs GPUs, and this run has none; choose "
            "trainer.strategy=ddp"
        )
    check_memory(trainer.devices)


def check_processes(trainer: TrainerConfig) -> None:
    """Raise ConfigError if the processes of the run cannot work together."""
    if is_multirun() and trainer.devices * trainer.num_nodes > 1:
        raise ConfigError(
            f"trainer.devices={trainer.devices}: with -m each process that DDP starts would run "
            "the whole list of jobs again, with other settings than its neighbours. Search with "
            "python sweep.py sweep=<name> trainer.devices=..., which starts the processes of each "
            "trial together, or start the runs one by one, or with trainer.devices=1"
        )
    if trainer.num_nodes > 1 and not MULTI_NODE_VARIABLES & os.environ.keys():
        raise ConfigError(
            f"trainer.num_nodes={trainer.num_nodes}: this process cannot find the other nodes. "
            "Start the run on each node with torchrun or SLURM, or set trainer.num_nodes=1"
        )
    if trainer.strategy == "single_device" and trainer.devices > 1:
        raise ConfigError(
            f"trainer.devices={trainer.devices}: trainer.strategy=single_device trains on one; "
            "choose trainer.strategy=ddp, or trainer.devices=1"
        )
    if trainer.strategy.startswith("deepspeed") and find_spec("deepspeed") is None:
        raise ConfigError(
            f"trainer.strategy={trainer.strategy}: the package deepspeed is not installed: "
            "pip install deepspeed, or choose trainer.strategy=ddp"
        )


def count_gpus() -> int:
    """Return how many GPUs torch finds."""
    import torch

    return torch.cuda.device_count()


def check_memory(num_processes: int) -> None:
    """Raise ConfigError if processes on the CPU need more memory than this machine has."""
    import psutil

    largest = psutil.virtual_memory().total // PROCESS_BYTES
    if num_processes > max(largest, 1):
        raise ConfigError(
            f"trainer.devices={num_processes}: one process each on the CPU, and this machine has "
            f"memory for {largest}; choose trainer.devices={os.cpu_count()} or fewer"
        )


def is_multirun() -> bool:
    """Return whether this run is one of several jobs of `train.py -m`."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    if not HydraConfig.initialized():
        return False
    hydra: Any = HydraConfig.get()
    return not OmegaConf.is_missing(hydra, "mode") and bool(hydra.mode == RunMode.MULTIRUN)


def limit_tokens(spec: "DataSpec") -> "DataSpec":
    """Return the sizes with a vocabulary that is small enough for every machine."""
    if spec.num_tokens is None:
        return spec
    sizes = {key: min(getattr(spec, key), PREVIEW_TOKENS) for key in ("num_tokens", "output_size")}
    return replace(spec, **sizes)


def check_size(model: "nn.Module") -> None:
    """Raise ConfigError if weights and gradients need more memory than this machine has."""
    import psutil

    count = sum(parameter.numel() for parameter in model.parameters())
    needed = 2 * sum(p.numel() * p.element_size() for p in model.parameters())
    available = psutil.virtual_memory().total
    if needed > available:
        raise ConfigError(
            f"model: {count:,} weights and their gradients need {needed / 1e9:,.0f} GB, but this "
            f"machine has {available / 1e9:,.0f} GB of memory: lower model.hidden_size, "
            "model.num_layers or the sizes of the task"
        )
