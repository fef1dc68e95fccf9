"""Time of the parts of a training step, with a suggestion for the largest one."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.profilers import PassThroughProfiler, SimpleProfiler

from rnnlab.errors import ConfigError
from rnnlab.runtime.console import PlainConsole

FEW_LOGS = 100  # steps between two logs that cost nothing
NESTED_HOOKS = (  # of callbacks and model, within the step of the optimizer
    *("on_before_zero_grad", "on_before_backward", "on_after_backward"),
    "on_before_optimizer_step",
)
BATCH_HOOKS = ("on_train_batch_start", "on_train_batch_end")


class DeviceProfiler(SimpleProfiler):
    """Lightning's profiler, which waits for a GPU so that each action has its own time."""

    def start(self, action_name: str) -> None:
        wait_for_gpu()
        super().start(action_name)

    def stop(self, action_name: str) -> None:
        wait_for_gpu()
        super().stop(action_name)


class NoProfiler(PassThroughProfiler):
    """Profiler that does nothing; Lightning enters a context of it 33 times a step."""

    context = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        """Return a context that does nothing, always the same one."""
        return self.context


def wait_for_gpu() -> None:
    """Wait until a GPU that is in use has finished."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()


class StepTimes(L.Callback):
    """Prints the time of data, forward, backward, optimizer and logging, and a suggestion.

    Reads the profiler of the Trainer (trainer.profiler=simple). The first step is left out.

    Raises:
        ConfigError: the Trainer has no such profiler.
    """

    def __init__(self) -> None:
        """Has no settings."""

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the profiler."""
        if not isinstance(trainer.profiler, SimpleProfiler):  # type: ignore[attr-defined]
            raise ConfigError(
                "callbacks.step_times: reads the times of the profiler; set trainer.profiler=simple"
            )

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Print the table, in the first process."""
        times = measure_steps(trainer.profiler.recorded_durations)  # type: ignore[attr-defined]
        if not times or not trainer.is_global_zero:
            return
        config = pl_module.hyper_parameters["config"]
        console, total = PlainConsole(), sum(times.values())
        console.print(f"a training step takes {total * 1e3:.2f} ms", soft_wrap=True)
        for part, seconds in times.items():
            line = f"  {part:<11}{seconds * 1e3:>9.2f} ms {seconds / total:>5.0%}"
            console.print(line, soft_wrap=True)
        part = max(times, key=lambda name: times[name])
        device = pl_module.device.type
        if words := suggest_faster_settings(part, config, device, torch.get_num_threads()):
            console.print(f"most of it is {part}; try {' or '.join(words)}", soft_wrap=True)


def measure_steps(durations: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the seconds of each part of a step, from the actions of Lightning's profiler.

    The step of the optimizer contains forward and backward pass and some hooks; its own time is the
    rest: clipping, the update, and the learning rate. Logging is the time of all callbacks and
    hooks, among them those that log. Later actions of these names belong to the validation.
    Empty for a training without a second step.
    """
    steps = len(durations.get("run_training_batch", ())) - 1
    if steps < 1:
        return {}

    def seconds(*ends: str, of: str = "") -> float:
        actions = (name for name in durations if name.endswith(ends) and name.startswith(of))
        return sum(sum(durations[name][1 : steps + 1]) for name in actions) / steps

    forward, backward = (seconds(end, of="[Strategy]") for end in (".training_step", ".backward"))
    nested = seconds(*NESTED_HOOKS)
    return {
        "data": seconds(".train_dataloader_next", ".batch_to_device"),
        "forward": forward,
        "backward": backward,
        "optimizer": max(seconds(".optimizer_step") - forward - backward - nested, 0.0),
        "logging": seconds(*BATCH_HOOKS) + nested,
    }


def suggest_faster_settings(
    part: str, config: Mapping[str, Any], device: str, threads: int
) -> list[str]:
    """Return settings that may shorten the largest part of a step, as they are typed.

    Args:
        part: see measure_steps.
        config: of the run, as plain values.
        device: cpu | cuda, of the network.
        threads: of torch.
    """
    size = config["data"].get("batch_size")
    batch = [f"data.batch_size={2 * size}"] if size else []
    if part in ("forward", "backward"):
        return [*suggest_kernel(config, device, threads), *batch]
    if part == "optimizer":
        fused = ["optimizer.fused=true"] if config["optimizer"].get("fused") is False else []
        return [*fused, *batch]
    if part == "logging":
        interval = config["trainer"]["log_every_n_steps"] < FEW_LOGS
        return [f"trainer.log_every_n_steps={FEW_LOGS}" if interval else "callbacks.progress=null"]
    return batch


def suggest_kernel(config: Mapping[str, Any], device: str, threads: int) -> list[str]:
    """Return settings for a faster forward and backward pass."""
    if device != "cpu":
        is_full = config["trainer"]["precision"] == "32-true"
        return ["trainer.precision=bf16-mixed"] if is_full else []
    kernel = ["kernel=native"] if config["kernel"] == "torch" else []
    cores = os.cpu_count() or 1
    return [*kernel, *([f"threads={cores}"] if threads < cores else [])]
