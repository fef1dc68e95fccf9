"""How the learning rate moves. Each function gives Lightning's scheduler settings, or None.

A schedule of one's own: a function (optimizer, plan, **settings) here or anywhere, and one YAML in
conf/scheduler.
"""

import math
from typing import Any

from torch.optim import Optimizer, lr_scheduler

from rnnlab.config.types import Fraction, NonNegativeInt, PositiveFloat, Probability
from rnnlab.models.base import ScheduleContext

Schedule = dict[str, Any]


def constant(optimizer: Optimizer, context: ScheduleContext) -> None:
    """The learning rate stays as it is."""


def cosine(
    optimizer: Optimizer, context: ScheduleContext, warmup_fraction: Probability = 0.05
) -> Schedule:
    """A linear warm-up, then half a cosine to zero (Loshchilov & Hutter, 2017).

    Args:
        optimizer: its learning rate is the highest.
        context: gives the steps of the run.
        warmup_fraction: share of the steps in which the rate rises.
    """
    warmup = warmup_fraction * context.total_steps

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        done = (step - warmup) / max(1.0, context.total_steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return each_step(lr_scheduler.LambdaLR(optimizer, factor))


def one_cycle(
    optimizer: Optimizer, context: ScheduleContext, warmup_fraction: Probability = 0.2
) -> Schedule:
    """Up to the optimizer's learning rate, then down to almost zero (Smith & Topin, 2018).

    Args:
        optimizer: its learning rate is the highest.
        context: gives the steps of the run.
        warmup_fraction: share of the steps in which the rate rises.
    """
    highest = [group["lr"] for group in optimizer.param_groups]
    steps = context.total_steps + 1  # the rate is asked for once more, after the last step
    # torch refuses a whole number, and divides by zero where the warm-up is one step long.
    share = float(warmup_fraction) if warmup_fraction * steps > 1 else 0.0
    return each_step(
        lr_scheduler.OneCycleLR(optimizer, highest, steps, pct_start=share, cycle_momentum=False)
    )


def plateau(
    optimizer: Optimizer,
    context: ScheduleContext,
    factor: Fraction = 0.5,
    patience: NonNegativeInt = 1,
) -> Schedule:
    """Lowered when the monitored metric has stopped improving.

    Args:
        optimizer: its learning rate is the first.
        context: gives the metric and which of its values are better.
        factor: what the rate is multiplied by.
        patience: validations without a better value before that.
    """
    lowered = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=context.mode, factor=factor, patience=patience
    )
    return {"scheduler": lowered, "interval": "epoch", "monitor": context.monitor}


def exponential(
    optimizer: Optimizer, context: ScheduleContext, gamma: PositiveFloat = 0.9
) -> Schedule:
    """Multiplied by gamma after each epoch.

    Args:
        optimizer: its learning rate is the first.
        context: not needed.
        gamma: what the rate is multiplied by.
    """
    return {"scheduler": lr_scheduler.ExponentialLR(optimizer, gamma), "interval": "epoch"}


def each_step(schedule: lr_scheduler.LRScheduler) -> Schedule:
    """Lightning's settings for a schedule that moves after every step."""
    return {"scheduler": schedule, "interval": "step"}
