"""Runs behind docs/RESULTS.md whose folders may be gone, one JSON object in a line for each.

The seeds of a long recipe can so be trained one after another, each on another day. A run is kept
with its settings and with what the page needs of its report; of a path only the name of the file.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rnnlab.comparison.groups import differing_names
from rnnlab.comparison.runs import FinishedRun
from rnnlab.errors import ConfigError
from rnnlab.report.seeds import SEED_SETTINGS, configuration_of
from rnnlab.runtime.files import write_text

FILE = Path(__file__).with_name("recorded_runs.jsonl")
KEPT = (  # entries of report.json
    *("status", "name", "seed", "monitor", "scores", "baselines", "seconds", "git", "conditions"),
    *("evaluated_targets", "targets_sha256", "budget", "kernel"),
)
KEPT_PARTS = {
    "data": ("source", "name", "sha256"),
    "model": ("parameters",),
    "device": ("kind", "threads", "cores"),
    "speed": ("training_seconds",),
}


def read_records(file: Path) -> list[FinishedRun]:
    """Return the runs of a file; none if there is no file.

    Raises:
        ConfigError: a line is damaged.
    """
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    runs = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            runs.append(FinishedRun(file, record["report"], record["settings"]))
        except (ValueError, LookupError, TypeError) as error:
            raise ConfigError(f"{file}:{number}: is damaged; restore it with git") from error
    return runs


def write_records(file: Path, runs: Iterable[FinishedRun]) -> None:
    """Write the runs of a file in one step, sorted by name and seeds."""
    ordered = sorted(runs, key=lambda run: (run.report["name"], run.repeat))
    lines = [json.dumps(record_of(run), sort_keys=True, ensure_ascii=False) for run in ordered]
    write_text(file, "".join(f"{line}\n" for line in lines))


def record_of(run: FinishedRun) -> dict[str, Any]:
    """Return what is kept of a run."""
    report = {name: run.report[name] for name in KEPT if name in run.report}
    for name, keys in KEPT_PARTS.items():
        part = run.report.get(name) or {}
        report[name] = {key: part[key] for key in keys if key in part}
    if report["data"].get("source") == "local":
        report["data"]["name"] = Path(report["data"]["name"]).name
    seeds = {name: run.settings[name] for name in SEED_SETTINGS if name in run.settings}
    return {"report": report, "settings": {**configuration_of(run.settings), **seeds, **paths(run)}}


def paths(run: FinishedRun) -> dict[str, str]:
    """Return the paths of the settings of a run, without their folders."""
    texts = {name: text for name, text in run.settings.items() if name.endswith("path")}
    return {name: shorten(text) for name, text in texts.items()}


def shorten(text: str) -> str:
    """Return a path, or none, without its folder, as JSON.

    >>> shorten('"/place/a.csv"'), shorten("null")
    ('"a.csv"', 'null')
    """
    value = json.loads(text)
    return json.dumps(Path(value).name if isinstance(value, str) else value, ensure_ascii=False)


def earlier_seeds(
    records: Sequence[FinishedRun], runs: Sequence[FinishedRun]
) -> tuple[list[FinishedRun], list[str]]:
    """Return the recorded runs that add seeds to the recipes of some runs, and notes on others.

    Runs of the same name with other settings, or with other test targets, add no seeds.
    """
    recipes = {run.report["name"]: run for run in runs}
    given = {(run.report["name"], run.repeat) for run in runs}
    result, others = list[FinishedRun](), dict[str, str]()
    for run in records:
        name = run.report["name"]
        if name not in recipes or (name, run.repeat) in given:
            continue
        if different := list_differences(recipes[name], run):
            others[name] = f"{name}: recorded runs with another {', '.join(different)} are left out"
        else:
            result.append(run)
    return result, list(others.values())


def list_differences(run: FinishedRun, other: FinishedRun) -> list[str]:
    """Return what differs between two runs that are no seeds of one recipe; empty if they are."""
    is_fold = run.settings.get("data.fold", "null") != "null"  # folds have targets of their own
    targets = [one.report.get("targets_sha256") for one in (run, other)]
    is_other_test = not is_fold and targets[0] != targets[1]
    return [*differing_names([run, other]), *["test targets"] * is_other_test]


def merge(records: Iterable[FinishedRun], runs: Iterable[FinishedRun]) -> list[FinishedRun]:
    """Return all runs; of those of one name and one seed the last one."""
    every = {(run.report["name"], run.repeat): run for run in (*records, *runs)}
    return list(every.values())
