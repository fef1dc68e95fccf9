"""Runs beside a run that differ in the seed alone: the spread of its scores."""

import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnlab.report.folder import RunFolder

MAX_RUNS = 200  # that are read, the latest ones
FREE_SETTINGS = re.compile(r"^ *(seed|variant|run_dir|resume):.*\n", re.MULTILINE)


def runs_by_seed(report: Mapping[str, Any], folder: RunFolder) -> dict[int, Mapping[str, Any]]:
    """Return the report of each seed of a configuration: this run and tested ones beside it.

    Args:
        report: of this run.
        folder: of this run, with its config.
    """
    config = comparable_config(folder.path)
    reports = dict[int, Mapping[str, Any]]()
    others = [path.parent for path in folder.path.resolve().parent.glob("*/report.json")]
    for path in sorted(others)[-MAX_RUNS:]:
        if path.name != folder.path.name:
            with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # damaged
                if comparable_config(path) == config:
                    other = json.loads((path / "report.json").read_text(encoding="utf-8"))
                    reports |= {int(other["seed"]): other} if is_same_test(other, report) else {}
    return {**reports, int(report["seed"]): report}


def comparable_config(folder: Path) -> str:
    """Return the config of a run without the seed; empty if there is none."""
    path = folder / "config.yaml"
    return FREE_SETTINGS.sub("", path.read_text(encoding="utf-8")) if path.is_file() else ""


def is_same_test(other: Mapping[str, Any], report: Mapping[str, Any]) -> bool:
    """Return whether another run has finished, on the same data with as many test targets."""
    keys = [("data", "sha256"), ("evaluated_targets", "test")]
    is_finished = other.get("status") == "finished"
    return is_finished and all(other.get(a, {}).get(b) == report[a].get(b) for a, b in keys)


def spread(reports: Sequence[Mapping[str, Any]], name: str) -> tuple[float, float] | None:
    """Return mean and standard deviation of a score; None unless all reports have a finite one."""
    values = [float(report["scores"].get(name, math.nan)) for report in reports]
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return statistics.mean(values), statistics.stdev(values)
