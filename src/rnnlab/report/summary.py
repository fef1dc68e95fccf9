"""Scores and baselines of a report, from logged values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Values = Mapping[str, Any]  # logged at one step: name -> number or text


def run_label(report: Mapping[str, Any]) -> str:
    """Return the name of a run, and what distinguishes it from others of this name.

    >>> run_label({"name": "sine-gru", "seed": 0, "variant": "model=gru,seed=1"})
    'sine-gru, model=gru,seed=1'
    """
    variant = report.get("variant") or f"seed {report['seed']}"
    return f"{report['name']}, {variant}"


def flat_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of a report by flat names, for the summary of a logger."""
    commit = report["git"].get("commit", "")
    groups = {
        "best": {**(report["best"] or {}), **report["scores"]},
        "seconds": {**report["seconds"], "total": sum(report["seconds"].values())},
        **{f"baselines/{name}": scores for name, scores in report["baselines"].items()},
    }
    return {
        **report["scores"],
        "parameters": report["model"]["parameters"],
        "commit": commit + ("+" if report["git"].get("changed") else ""),
        **{f"{group}/{k}": value for group, part in groups.items() for k, value in part.items()},
    }


def best_row(rows: Sequence[Values], monitor: str, mode: str) -> Values | None:
    """Return the row of the best validation; the first of equal ones, like the checkpoint."""
    validations = [row for row in rows if row.get(monitor) and not math.isnan(float(row[monitor]))]
    if not validations:
        return None
    better = max if mode == "max" else min
    return better(validations, key=lambda row: float(row[monitor]))


def scores_of(values: Values | None, split: str) -> dict[str, float]:
    """Return the scores of one split, without the number of targets and without undefined values.

    An example of an undefined value is the area under the ROC curve of targets of one class.
    """
    return {
        name: float(value)
        for name, value in (values or {}).items()
        if name.startswith(f"{split}/")
        and value != ""
        and not name.endswith("/targets")
        and not math.isnan(float(value))
    }


def count_targets(scores: Values, split: str) -> int:
    """Return the number of evaluated targets of a split; 0 without an evaluation."""
    return int(scores.get(f"{split}/targets", 0))


def flat_baselines(
    baselines: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> dict[str, dict[str, float]]:
    """Convert split -> baseline -> metric to baseline -> split/metric.

    >>> flat_baselines({"test": {"majority": {"accuracy": 0.5}}})
    {'majority': {'test/accuracy': 0.5}}
    """
    flat: dict[str, dict[str, float]] = {}
    for split, members in baselines.items():
        for baseline, metrics in members.items():
            scores = {f"{split}/{name}": value for name, value in metrics.items()}
            flat.setdefault(baseline, {}).update(scores)
    return flat
