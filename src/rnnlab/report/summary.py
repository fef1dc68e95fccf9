"""report.json: scores, and everything that explains them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def best_row(rows: Sequence[Row], monitor: str, mode: str) -> Row | None:
    """The row of the best validation; of equal ones the first, as the checkpoint is.

    Args:
        rows: of metrics.csv.
        monitor: name of a validation metric.
        mode: min | max, which of its values are better.
    """
    validations = [row for row in rows if row.get(monitor) and not math.isnan(float(row[monitor]))]
    if not validations:
        return None
    better = max if mode == "max" else min
    return better(validations, key=lambda row: float(row[monitor]))


def scores_of(row: Row | None, split: str) -> dict[str, float]:
    """The scores of one split in a row, without the count of targets and without what is undefined.

    Such as the area under the ROC curve of targets that are all of one class, which is no number.
    """
    return {
        name: float(value)
        for name, value in (row or {}).items()
        if name.startswith(f"{split}/")
        and value != ""
        and not name.endswith("/targets")
        and not math.isnan(float(value))
    }


def place_of(row: Row | None) -> dict[str, int] | None:
    """Step and epoch of a row; the first epoch is 0."""
    return {name: int(float(row[name])) for name in ("step", "epoch")} if row else None


def count_targets(scores: Row, split: str) -> int:
    """Return the number of evaluated targets of a split; 0 without an evaluation."""
    return int(scores.get(f"{split}/targets", 0))


def flat_baselines(
    baselines: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> dict[str, dict[str, float]]:
    """From split -> baseline -> metric to baseline -> split/metric.

    >>> flat_baselines({"test": {"majority": {"accuracy": 0.5}}})
    {'majority': {'test/accuracy': 0.5}}
    """
    flat: dict[str, dict[str, float]] = {}
    for split, members in baselines.items():
        for baseline, metrics in members.items():
            named = {f"{split}/{name}": value for name, value in metrics.items()}
            flat.setdefault(baseline, {}).update(named)
    return flat
