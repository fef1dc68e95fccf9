"""Logger for metrics.csv: a row for each logged step."""

import csv
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger

from rnnlab.runtime.files import read_metrics, write_atomically


class CSVLogger(Logger):
    """Logger that appends to metrics.csv, also in a resumed run.

    Lightning's CSVLogger deletes the file of an earlier session.

    Attributes:
        num_rows: complete rows in the file.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / "metrics.csv"
        rows = read_metrics(self.path)
        self.columns = list(rows[0]) if rows else ["step"]
        self.num_rows = len(rows)

    @property
    def name(self) -> str:
        return self.path.parent.parent.name

    @property
    def version(self) -> str:
        return self.path.parent.name

    @property
    @rank_zero_experiment
    def experiment(self) -> "CSVLogger":
        return self

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *rest: Any) -> None:
        """Do nothing: the config is in config.yaml."""

    @rank_zero_only
    def close(self, results: Mapping[str, Any], files: Sequence[Path]) -> None:
        """Do nothing: the results are in report.json."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a row."""
        self.num_rows += 1
        row: dict[str, Any] = {"step": step, **metrics}
        new = [name for name in row if name not in self.columns]
        if new or not self.path.exists():
            rows = read_metrics(self.path)
            self.columns += new
            write_rows(self.path, self.columns, [*rows, row])
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, restval="").writerow(row)

    @rank_zero_only
    def rewind(self, num_rows: int) -> None:
        """Drop the rows after the first ones: a resumed run writes them again."""
        rows = read_metrics(self.path)[:num_rows]
        self.num_rows = len(rows)
        names = {name for row in rows for name, value in row.items() if value != ""}
        self.columns = ["step", *(name for name in self.columns[1:] if name in names)]
        if rows:
            write_rows(self.path, self.columns, rows)
        else:
            self.path.unlink(missing_ok=True)


def write_rows(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    """Write a table in one step."""
    with write_atomically(path) as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
