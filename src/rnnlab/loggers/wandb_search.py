"""A search as one W&B run of its own, beside those of its trials."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnlab.loggers.wandb import WandbLogger
from rnnlab.runtime.files import write_json


class SearchLogger(WandbLogger):
    """A W&B run whose charts are drawn over the number of the trial; see WandbLogger."""

    axis = "trial"


def log_search(
    folder: Path,
    settings: Mapping[str, Any],
    summary: Mapping[str, Any],
    pictures: Sequence[Path],
) -> bool:
    """Log the end of a search: its history, the importance of its settings, its pictures.

    What was logged stands in wandb/logged.json in the folder of the search: at a second end of the
    same search nothing is logged, at the end of one that went on only its new trials in the
    history. Of several processes that end together, only one at a time may call this.

    Args:
        folder: of the search.
        settings: of WandbLogger: project, entity, mode, group, id. Without an id the run is called
            after the folder.
        summary: what summary.json holds; see rnnlab.sweeps.report.report.
        pictures: the PNGs of the report.

    Returns:
        Whether there was something new to log.

    Raises:
        ConfigError: as WandbLogger does.
    """
    marker = folder / "wandb" / "logged.json"
    known = json.loads(marker.read_text(encoding="utf-8")) if marker.exists() else {"trials": []}
    now = {**contents(summary), "trials": sorted({*known["trials"], *contents(summary)["trials"]})}
    if now == known:
        return False
    given = {name: value for name, value in settings.items() if value is not None}
    logger = SearchLogger(folder, **{"name": folder.name, "id": f"{folder.name}-search", **given})
    tell(logger, summary, known["trials"])
    logger.close(outcome(summary), pictures)
    if not logger.experiment.disabled:
        marker.parent.mkdir(exist_ok=True)
        write_json(marker, now)
    return True


def tell(logger: SearchLogger, summary: Mapping[str, Any], known: Collection[int]) -> None:
    """Log the history, without the trials that are known, and the importance."""
    for number, row in history_rows(summary):
        if number not in known:
            logger.log_metrics(row, number)
    shares = list(summary["importance"]["shares"].items())
    if shares:
        logger.log_table("search/importance", ["setting", "share"], shares)


def contents(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What tells one end of a search from another: its complete trials, and their repeats."""
    numbers = [entry["number"] for entry in summary["history"]]
    return {"trials": numbers, "repeats": (summary["comparison"] or {}).get("sentence")}


def history_rows(summary: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, float]]]:
    """Number of each complete trial, with its values and the best of each objective so far."""
    better = {o["name"]: min if o["mode"] == "min" else max for o in summary["objectives"]}
    best: dict[str, float] = {}
    for entry in summary["history"]:
        known = {name: value for name, value in entry["values"].items() if value is not None}
        for name, value in known.items():
            best[name] = better[name](value, best.get(name, value))
        row = {f"search/{name}": value for name, value in known.items()}
        yield entry["number"], {**row, **{f"search/best {n}": value for n, value in best.items()}}


def outcome(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of the W&B run: the best trial, and how many ended in which way."""
    best, compared = summary["best"], summary["comparison"]
    told: dict[str, Any] = {f"trials/{state}": n for state, n in summary["counts"].items()}
    told |= {f"failures/{name}": count for name, count in summary["failures"].items()}
    if best:
        told |= {"best/number": best["number"], "best/command": best["command"]}
        told |= {f"best/{name}": value for name, value in best["values"].items()}
    if summary["front"]:
        told["front"] = [trial["number"] for trial in summary["front"]]
    return told | ({"repeats": compared["sentence"]} if compared else {})
