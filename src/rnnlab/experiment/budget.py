"""Length of a training: trainer.max_epochs=auto becomes a number once the data is known."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rnnlab.config.schema import RunConfig, TrainerConfig
from rnnlab.errors import ConfigError

if TYPE_CHECKING:
    from rnnlab.data.base import DataModule, Split

AUTO_EPOCHS = 5  # at least, with trainer.max_epochs=auto
AUTO_LIMIT = 100  # at most, so that very small data does not spend its time on validations


def fix_epochs(config: RunConfig, data: "DataModule") -> RunConfig:
    """Return the config with a number of epochs instead of `auto`.

    This is 5 epochs, or as many as make trainer.auto_steps optimizer steps, but at most 100. With
    trainer.max_steps, as many as these steps need.
    """
    trainer = config.trainer
    if trainer.max_epochs != "auto":
        return config
    epochs = automatic_epochs(trainer, count_steps(trainer, data))
    return replace(config, trainer=replace(trainer, max_epochs=epochs))


def automatic_epochs(trainer: TrainerConfig, steps: int) -> int:
    """Return the number that `auto` is with some optimizer steps per epoch; see fix_epochs."""
    if trainer.max_steps:
        return math.ceil(trainer.max_steps / steps)
    return max(AUTO_EPOCHS, min(math.ceil(trainer.auto_steps / steps), AUTO_LIMIT))


def count_steps(trainer: TrainerConfig, data: "DataModule") -> int:
    """Return the optimizer steps of an epoch."""
    batches = count_batches(trainer, data, "train")
    return max(1, math.ceil(batches / trainer.accumulate_grad_batches))


def count_batches(trainer: TrainerConfig, data: "DataModule", split: "Split") -> int:
    """Return the batches of a split that each process reads."""
    from rnnlab.data.loaders.buckets import limit_batches

    loader, world = getattr(data, f"{split}_dataloader")(), trainer.devices * trainer.num_nodes
    is_divided = loader.world == world  # otherwise the other processes have not started yet
    batches = len(loader) if is_divided else math.ceil(len(loader) / world)
    return limit_batches(batches, getattr(trainer, f"limit_{split}_batches"))


def check_limits(trainer: TrainerConfig, data: "DataModule") -> None:
    """Check the settings that depend on the number of batches, before the training.

    Raises:
        ConfigError: a limit leaves no batch, or an epoch ends before its first validation.
    """
    from rnnlab.data.base import SPLITS

    batches = {split: count_batches(trainer, data, split) for split in SPLITS}
    for split, count in batches.items():
        share = getattr(trainer, f"limit_{split}_batches")
        if share and not count:
            setting = f"trainer.limit_{split}_batches"
            raise ConfigError(
                f"{setting}={share}: is less than one batch of this data; give a number of "
                f"batches, such as {setting}=1"
            )
    interval = trainer.val_check_interval
    if isinstance(interval, int) and interval > batches["train"]:
        raise ConfigError(
            f"trainer.val_check_interval={interval}: an epoch of this data has {batches['train']} "
            "batches, so there would be no validation. Use at most that many, or "
            "trainer.val_check_interval=1.0 for one validation at the end of each epoch"
        )


def describe_budget(config: RunConfig, data: "DataModule") -> dict[str, int]:
    """Return epochs and optimizer steps of the training, for the report."""
    steps = count_steps(config.trainer, data)
    epochs = int(config.trainer.max_epochs)
    total = min(epochs * steps, config.trainer.max_steps or epochs * steps)
    return {"epochs": epochs, "steps_per_epoch": steps, "steps": total}


def advise_longer_training(trainer: TrainerConfig, best: Mapping[str, int], steps: int) -> str:
    """Return advice if the best of several epochs was the last one; empty otherwise.

    Args:
        trainer: settings of the training.
        best: step and epoch of the best validation; the first epoch is 0.
        steps: optimizer steps of the whole training.
    """
    if best["epoch"] < 1 or best["step"] < steps:
        return ""
    epochs = best["epoch"] + 1
    if trainer.max_steps and steps >= trainer.max_steps:
        setting = f"trainer.max_steps={2 * trainer.max_steps}"
    elif trainer.max_time and epochs < int(trainer.max_epochs):
        setting = f"a trainer.max_time above {trainer.max_time}"
    else:
        setting = f"trainer.max_epochs={2 * epochs}"
    return (
        f"The best epoch was the last one ({epochs} of {epochs}): longer training may give a "
        f"better score, for example with {setting}."
    )
