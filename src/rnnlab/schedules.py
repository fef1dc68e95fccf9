"""Learning rate schedules. Each function returns Lightning's scheduler settings, or None.

A new schedule is a function (optimizer, context, **settings), here or elsewhere, and one YAML in
conf/scheduler.
"""

import math
from typing import Any

from torch.optim import Optimizer, lr_scheduler

from rnnlab.config.types import DecayFactor, NonNegativeInt, Probability, Share
from rnnlab.models.base import ScheduleContext

Schedule = dict[str, Any]


def constant(optimizer: Optimizer, context: ScheduleContext) -> None:
    """Keep the learning rate constant."""


def cosine(
    optimizer: Optimizer, context: ScheduleContext, warmup_fraction: Probability = 0.05
) -> Schedule:
    """Warm up linearly, then decay to zero by half a cosine (Loshchilov & Hutter, 2017).

    The maximum is the optimizer's learning rate; `warmup_fraction` is of the steps of the run.
    """
    warmup = warmup_fraction * context.total_steps

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        progress = (step - warmup) / max(1.0, context.total_steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return each_step(lr_scheduler.LambdaLR(optimizer, factor))


def one_cycle(
    optimizer: Optimizer, context: ScheduleContext, warmup_fraction: Probability = 0.2
) -> Schedule:
    """Rise to the optimizer's learning rate, then fall to almost zero (Smith & Topin, 2018).

    The rate rises in `warmup_fraction` of the steps of the run.
    """
    highest = [group["lr"] for group in optimizer.param_groups]
    steps = context.total_steps + 1  # the rate is computed once more after the last step
    # torch rejects an integer, and divides by zero where the warm-up is one step long.
    share = float(warmup_fraction) if warmup_fraction * steps > 1 else 0.0
    return each_step(
        lr_scheduler.OneCycleLR(optimizer, highest, steps, pct_start=share, cycle_momentum=False)
    )


def plateau(
    optimizer: Optimizer,
    context: ScheduleContext,
    factor: Share = 0.5,
    patience: NonNegativeInt = 1,
) -> Schedule:
    """Multiply the rate by `factor` after more than `patience` validations without a better value.

    The value is that of the monitored metric. With trainer.val_check_interval=0.5 an epoch has two
    validations, and the rate changes after each of them. The model steps this schedule.
    """
    schedule = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=context.mode, factor=factor, patience=patience
    )
    return {"scheduler": schedule, "interval": "epoch", "monitor": context.monitor}


def exponential(
    optimizer: Optimizer, context: ScheduleContext, gamma: DecayFactor = 0.9
) -> Schedule:
    """Multiply the rate by `gamma` after each epoch."""
    return {"scheduler": lr_scheduler.ExponentialLR(optimizer, gamma), "interval": "epoch"}


def each_step(schedule: lr_scheduler.LRScheduler) -> Schedule:
    """Return Lightning's settings for a schedule that changes after every step."""
    return {"scheduler": schedule, "interval": "step"}
