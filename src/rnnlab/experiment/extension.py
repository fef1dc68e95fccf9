"""Extension of a finished run by a longer budget, as a new segment of its training."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.config.messages import TRAINING_LIMITS
from rnnlab.config.program import format_command, text_override
from rnnlab.config.schema import RunConfig, TrainerConfig
from rnnlab.errors import ConfigError
from rnnlab.report.folder import RunFolder, open_folder


def resumed_config(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config that a run was started with, with the limits of the training in `plain`.

    Raises:
        ConfigError: there is none, or it names something else than components.
    """
    from rnnlab.experiment.stored_config import check_stored_config

    path = str(plain["resume"])
    config = open_folder(path).read_config()
    check_stored_config(config, Path(path))
    trainer = {**config["trainer"], **given_limits(plain.get("trainer") or {})}
    return {**config, "trainer": trainer, "run_dir": None, "resume": path}


def given_limits(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits that are set."""
    return {key: trainer[key] for key in TRAINING_LIMITS if trainer.get(key) not in (None, "auto")}


def read_limits(trainer: TrainerConfig) -> dict[str, Any]:
    """Return the limits of a training, for its report."""
    return {key: getattr(trainer, key) for key in TRAINING_LIMITS}


def is_complete(folder: RunFolder, config: RunConfig) -> bool:
    """Return whether a run has finished with the limits of its config."""
    report, limits = folder.read_report(), read_limits(config.trainer)
    return report.get("status") == "finished" and report.get("limits", limits) == limits


def store_limits(folder: RunFolder, config: RunConfig) -> None:
    """Write new limits into the config of the run: from here on a resume uses them."""
    content, limits = folder.read_config(), read_limits(config.trainer)
    if any(content["trainer"].get(key) != value for key, value in limits.items()):
        folder.write_config({**content, "trainer": {**content["trainer"], **limits}})


def list_segments(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the segments of a training that end before a new session."""
    earlier = list(report.get("segments", []))
    if report.get("status") != "finished":
        return earlier
    keys = ("limits", "budget", "epochs", "best", "scores")
    return [*earlier, {key: report[key] for key in keys if key in report}]


def check_extension(config: RunConfig) -> None:
    """Check new limits of a run, before its data is read.

    Raises:
        ConfigError: the run has not finished, a setting does not allow it to go on as if the
            training had been longer from the start, or the limits end it at once.
    """
    if not config.resume:
        return
    folder = RunFolder(Path(config.resume))
    before = folder.read_config()["trainer"]
    if all(before.get(key) == value for key, value in read_limits(config.trainer).items()):
        return
    check_finished(folder)
    check_length_is_free(config)
    check_no_early_stop(folder)
    check_new_limits(config.trainer, folder)


def check_finished(folder: RunFolder) -> None:
    """Raise ConfigError if a run has not finished."""
    if folder.read_report().get("status") != "finished" or not folder.last.exists():
        command = format_command("train", [text_override("resume", str(folder.path))])
        raise ConfigError(
            f"resume={folder.path}: only a finished run with checkpoints/last.ckpt can be given a "
            f"longer training. To finish it: {command}"
        )


def check_length_is_free(config: RunConfig) -> None:
    """Raise ConfigError if the steps so far would have been others in a longer training."""
    advice = f"start a new run from its weights with init_from={config.resume}"
    if reads_length(config):
        name = config.scheduler["_target_"].rpartition(".")[2]
        raise ConfigError(
            f"scheduler={name}: computes the learning rate from the length of the training, so a "
            "run with it cannot be extended (with scheduler=none, exponential or plateau it can): "
            + advice
        )
    share, decay = (config.task.get(f"teacher_forcing{key}") for key in ("", "_decay"))
    if share not in (None, 1) and decay != "constant":
        raise ConfigError(
            f"task.teacher_forcing_decay={decay}: computes the share of true tokens from the "
            f"length of the training, so the run cannot be extended: {advice}"
        )


def reads_length(config: RunConfig) -> bool:
    """Return whether the schedule reads the number of steps of the training."""
    from rnnlab.experiment.build import partial_from
    from rnnlab.experiment.checks import build_optimizer

    class Context:
        monitor, mode = config.monitor, config.mode
        is_read = False

        @property
        def total_steps(self) -> int:
            Context.is_read = True
            return 100

    partial_from(config.scheduler)(build_optimizer(config.optimizer), Context())
    return Context.is_read


def check_no_early_stop(folder: RunFolder) -> None:
    """Raise ConfigError if a callback has ended the training before its budget."""
    for name, state in read_last(folder).get("callbacks", {}).items():
        if state.get("stopping_reason_message"):
            raise ConfigError(
                f"callbacks: {name.partition('{')[0]} has ended this training, whatever its "
                f"budget: {state['stopping_reason_message']} Start a new run from its weights with "
                f"init_from={folder.path}"
            )


def check_new_limits(trainer: TrainerConfig, folder: RunFolder) -> None:
    """Raise ConfigError if limits end the training at once, or if some do not fit each other."""
    from rnnlab.callbacks.training_budget import parse_duration

    report, last = folder.read_report(), read_last(folder)
    epochs, steps = int(report["epochs"]), int(last["global_step"])
    values: dict[str, tuple[Any, float, float, str]] = {
        "max_epochs": (trainer.max_epochs, float(trainer.max_epochs), epochs, "epochs"),
    }
    if trainer.max_steps:
        values["max_steps"] = (trainer.max_steps, trainer.max_steps, steps, "steps")
    if trainer.max_time:
        seconds = last.get("training_seconds", 0.0)
        values["max_time"] = (trainer.max_time, parse_duration(trainer.max_time), seconds, "s")
    per_epoch = report["budget"]["steps_per_epoch"]
    num_epochs = epochs + math.ceil(((trainer.max_steps or 0) - steps) / per_epoch)
    if num_epochs > float(trainer.max_epochs):
        raise ConfigError(
            f"trainer.max_steps={trainer.max_steps}: needs {num_epochs} epochs, and "
            f"trainer.max_epochs={trainer.max_epochs} ends the run before: give "
            f"trainer.max_epochs={num_epochs} too"
        )
    for key, (text, limit, progress, unit) in values.items():
        if limit <= progress:
            raise ConfigError(
                f"trainer.{key}={text}: the run has trained {progress:,.0f} {unit}, so it would "
                f"end at once: give a larger trainer.{key} too"
            )


def read_last(folder: RunFolder) -> dict[str, Any]:
    """Return the content of last.ckpt."""
    from rnnlab.experiment.load import read_checkpoint

    return read_checkpoint(folder.last)
