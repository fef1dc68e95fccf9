"""What the documents of several commands contain: runs, comparisons and tables."""

from collections.abc import Mapping
from typing import Any

from rnnlab.metrics.directions import best_baseline
from rnnlab.report.folder import RunFolder


def describe_run(folder: RunFolder) -> dict[str, Any]:
    """Return the results of a finished run, with the best baseline of its metric.

    Raises:
        ConfigError: its files are damaged.
    """
    report, config = folder.read_report(), folder.read_config()
    monitor = report["monitor"]
    names = ("status", "name", "variant", "seed", "task", "monitor")
    baselines = report["baselines"]
    return {
        "folder": str(folder.path.absolute()),
        **{name: report.get(name) for name in names},
        "mode": config["mode"],
        "score": report["scores"].get(monitor),
        "scores": report["scores"],
        "baselines": baselines,
        "best_baseline": {
            split: describe_baseline(baselines, f"{split}/{monitor.partition('/')[2]}", config)
            for split in ("val", "test")
        },
        "targets": report["evaluated_targets"],
        "targets_sha256": report.get("targets_sha256"),
        "test_reads": report.get("test_reads"),
        "parameters": report["model"]["parameters"],
        "epochs": report["epochs"],
        "best": report["best"],
        "budget": report["budget"],
        "seconds": sum(report["seconds"].values()),
        "findings": report["findings"],
    }


def describe_baseline(
    baselines: Mapping[str, Mapping[str, float]], metric: str, config: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return name and score of the best baseline of a metric; None without one."""
    best = best_baseline(baselines, metric, config["mode"])
    return best and {"name": best[0], "score": best[1]}


def list_warnings(folder: RunFolder) -> list[str]:
    """Return repairs of the data of a run, and the baselines without scores."""
    report = folder.read_report()
    missing = report.get("missing_baselines", {}).items()
    return [*report["data"]["notes"], *(f"no baseline {name}: {why}" for name, why in missing)]


def list_rows(table: Any) -> list[dict[str, Any]]:
    """Return the rows of a table of pandas, column -> value."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
