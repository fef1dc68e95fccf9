"""Repeats of a configuration: runs that differ in their seeds alone, and the spread of scores."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from functools import cache, partial
from pathlib import Path
from typing import Any

from rnnlab.config.keys import flat
from rnnlab.errors import ConfigError
from rnnlab.report.folder import RunFolder

MAX_RUNS = 200  # that are read, the latest ones
SEED_SETTINGS = ("seed", "data.seed", "data.fold")  # distinguish the repeats of a configuration
REPEAT_SETTINGS = (  # patterns of settings that are no part of a configuration
    *SEED_SETTINGS,
    *("name", "variant", "output_dir", "run_dir", "resume", "baselines", "page"),
    *("logger", "logger.*", "callbacks.progress*", "callbacks.gradient_health*", "*path", "*paths"),
    "kernel",  # changes results by rounding only
)


def settings_of(config: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, str]:
    """Return the flat settings of a run: dotted name -> value as JSON.

    `data.sha256`, the checksum of data that was not generated, distinguishes data, not its path;
    of `init_from` it only matters whether a run starts from the weights of another one.

    >>> settings_of({"data": {"seq_len": 5}}, {"data": {"source": "local", "sha256": "ab"}})
    {'data.seq_len': '5', 'data.sha256': '"ab"'}
    """
    settings = flatten_config(config)
    data = report.get("data") or {}
    if data.get("sha256") and data.get("source") != "generated":
        settings["data.sha256"] = data["sha256"]
    if "init_from" in settings:
        settings["init_from"] = settings["init_from"] is not None
    return {name: json.dumps(value, ensure_ascii=False) for name, value in settings.items()}


def flatten_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flat settings of a config, as they also were before a setting was added.

    >>> flatten_config({"data": {"seq_len": 5}, "kernel_gradient_precision": "same"})
    {'data.seq_len': 5}
    """
    settings = flat(dict(config))
    if settings.get("kernel_gradient_precision") == "same":
        del settings["kernel_gradient_precision"]
    return settings


def is_repeat_setting(name: str) -> bool:
    """Return whether runs that differ in this setting are repeats of one configuration.

    >>> is_repeat_setting("data.seed"), is_repeat_setting("data.path"), is_repeat_setting("mode")
    (True, True, False)
    """
    return any(fnmatch(name, pattern) for pattern in REPEAT_SETTINGS)


def configuration_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings without seeds, folds, paths, names and loggers.

    Runs with equal ones are repeats of one configuration; this is the only definition of it.
    """
    return {name: value for name, value in settings.items() if not is_repeat_setting(name)}


def repeat_of(settings: Mapping[str, str]) -> str:
    """Return what differs between the repeats of one configuration: the seeds, and the fold."""
    return ", ".join(f"{name}={settings.get(name, 'null')}" for name in SEED_SETTINGS)


def runs_by_seed(report: Mapping[str, Any], folder: RunFolder) -> dict[int, Mapping[str, Any]]:
    """Return the report of each seed of a configuration: this run and tested ones beside it.

    Args:
        report: of this run.
        folder: of this run, with its config.
    """
    reports = dict[int, Mapping[str, Any]]()
    read_own = cache(partial(read_repeats_key, folder.path, report))
    others = [path.parent for path in folder.path.resolve().parent.glob("*/report.json")]
    for path in sorted(others)[-MAX_RUNS:]:
        if path.name != folder.path.name:
            with suppress(ConfigError, OSError, ValueError, LookupError, TypeError, AttributeError):
                other = RunFolder(path).read_report()
                is_other = int(other["seed"]) != int(report["seed"])  # before a config is parsed
                if (
                    is_other
                    and is_same_test(other, report)
                    and read_own()  # not empty
                    and read_repeats_key(path, other) == read_own()
                ):
                    reports[int(other["seed"])] = other
    return {**reports, int(report["seed"]): report}


def read_repeats_key(folder: Path, report: Mapping[str, Any]) -> dict[str, str]:
    """Return configuration and fold of a run; empty if it has no config."""
    run = RunFolder(folder)
    settings = settings_of(run.read_config(), report) if run.config.is_file() else {}
    folds = {"data.fold": settings["data.fold"]} if "data.fold" in settings else {}
    return configuration_of(settings) | folds


def is_same_test(other: Mapping[str, Any], report: Mapping[str, Any]) -> bool:
    """Return whether another run has finished, with the same network on the same data."""
    keys = [("data", "sha256"), ("evaluated_targets", "test"), ("model", "parameters")]
    is_finished = other.get("status") == "finished"
    return is_finished and all(other.get(a, {}).get(b) == report[a].get(b) for a, b in keys)


def spread(reports: Sequence[Mapping[str, Any]], name: str) -> tuple[float, float] | None:
    """Return mean and standard deviation of a score; None unless all reports have a finite one."""
    values = [float(report["scores"].get(name, math.nan)) for report in reports]
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return None
    return statistics.mean(values), statistics.stdev(values)
