"""Logger of a search: one W&B run of its own, besides those of its trials."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnlab.loggers.wandb import WandbLogger
from rnnlab.runtime.files import write_json


class SearchLogger(WandbLogger):
    """W&B run whose charts are drawn over the number of the trial; see WandbLogger."""

    axis = "trial"


def log_search(
    folder: Path, settings: Mapping[str, Any], summary: Mapping[str, Any], figures: Sequence[Path]
) -> bool:
    """Log the outcome of a search: history, importance of the settings, figures.

    wandb/logged.json in the folder of the search records what was logged. A second call for the
    same outcome logs nothing; after a search was continued, only the new trials are added to the
    history. Only one process may call this at a time.

    Args:
        folder: of the search.
        settings: of WandbLogger. Without an id, the W&B run is named after the folder.
        summary: content of summary.json; see rnnlab.sweeps.report.summary.
        figures: PNGs of the report.

    Returns:
        Whether anything new was logged.
    """
    marker = folder / "wandb" / "logged.json"
    previous = json.loads(marker.read_text(encoding="utf-8")) if marker.exists() else {"trials": []}
    current = outcome_marker(summary)
    current["trials"] = sorted({*previous["trials"], *current["trials"]})
    if current == previous:
        return False
    defaults = {"name": folder.name, "id": f"{folder.name}-search"}
    options = {name: value for name, value in settings.items() if value is not None}
    logger = SearchLogger(folder, **{**defaults, **options, "log_checkpoint": False})
    log_history(logger, summary, previous["trials"])
    logger.close(outcome_values(summary), figures)
    if not logger.experiment.disabled:
        marker.parent.mkdir(exist_ok=True)
        write_json(marker, current)
    return True


def log_history(
    logger: SearchLogger, summary: Mapping[str, Any], logged_trials: Collection[int]
) -> None:
    """Log the importance, and the history without the trials that were logged before."""
    for number, row in history_rows(summary):
        if number not in logged_trials:
            logger.log_metrics(row, number)
    shares = list(summary["importance"]["shares"].items())
    if shares:
        logger.log_table("search/importance", ["setting", "share"], shares)


def outcome_marker(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what distinguishes two outcomes: the complete trials, and the repeats."""
    numbers = [entry["number"] for entry in summary["history"]]
    return {"trials": numbers, "repeats": (summary["comparison"] or {}).get("sentence")}


def history_rows(summary: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield number and row of each complete trial: its values, and the best of each so far."""
    better = {o["name"]: min if o["mode"] == "min" else max for o in summary["objectives"]}
    best: dict[str, float] = {}
    for entry in summary["history"]:
        values = {name: value for name, value in entry["values"].items() if value is not None}
        for name, value in values.items():
            best[name] = better[name](value, best.get(name, value))
        row = {f"search/{name}": value for name, value in values.items()}
        yield entry["number"], {**row, **{f"search/best {n}": value for n, value in best.items()}}


def outcome_values(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of the W&B run: the best trial, and the number of trials in each state."""
    best, comparison = summary["best"], summary["comparison"]
    values: dict[str, Any] = {f"trials/{state}": n for state, n in summary["counts"].items()}
    values |= {f"failures/{name}": count for name, count in summary["failures"].items()}
    if best:
        values |= {"best/number": best["number"], "best/command": best["command"]}
        values |= {f"best/{name}": value for name, value in best["values"].items()}
    if summary["front"]:
        values["front"] = [trial["number"] for trial in summary["front"]]
    return values | ({"repeats": comparison["sentence"]} if comparison else {})
