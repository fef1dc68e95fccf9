"""Training budgets of trials, as overrides of the command line."""

import math
from collections.abc import Callable, Mapping
from typing import Any

Settings = Mapping[str, Any]


def budget_overrides(budget: Settings | None, base: Settings, values: Settings) -> list[str]:
    """Return the overrides that limit the training of a trial to one unit and its amount.

    >>> budget_overrides({"epochs": 3}, {}, {})
    ['trainer.max_epochs=3']
    >>> budget_overrides({"seconds": 90}, {}, {})
    ['++trainer.max_time=00:00:01:30']
    """
    if not budget:
        return []
    ((unit, amount),) = budget.items()
    return UNITS[unit](amount, base, values)


def _limit_samples(amount: int, base: Settings, values: Settings) -> list[str]:
    trainer = base["trainer"]

    def read(key: str, default: int) -> int:
        return int(values.get(key, default))

    step = read("data.batch_size", base["data"]["batch_size"])
    step *= read("trainer.accumulate_grad_batches", trainer["accumulate_grad_batches"])
    steps = math.ceil(amount / (step * trainer["devices"]))
    return [f"trainer.max_steps={steps}", f"trainer.max_epochs={steps}"]


def _limit_seconds(amount: float, base: Settings, values: Settings) -> list[str]:
    minutes, seconds = divmod(math.ceil(amount), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return [f"++trainer.max_time={days:02}:{hours:02}:{minutes:02}:{seconds:02}"]


UNITS: dict[str, Callable[[Any, Settings, Settings], list[str]]] = {
    "epochs": lambda amount, base, values: [f"trainer.max_epochs={amount}"],
    "samples": _limit_samples,
    "seconds": _limit_seconds,
}
