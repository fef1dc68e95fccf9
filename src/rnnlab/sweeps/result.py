"""The result of a search in Python: its best settings, its trials and its folder."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.report.notebook import embed_figures
from rnnlab.sweeps.report.report import FIGURE_FOLDER, TABLE_FILE
from rnnlab.sweeps.report.summary import SUMMARY_FILE

if TYPE_CHECKING:
    import pandas as pd

MAX_TRIALS = 5  # that a notebook shows


@dataclass(frozen=True)
class SearchResult:
    """A search that has ended, as its folder reports it.

    Attributes:
        folder: of the search; see docs/scale.md for its files.
    """

    folder: Path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The content of summary.json."""
        content: dict[str, Any] = json.loads(
            (self.folder / SUMMARY_FILE).read_text(encoding="utf-8")
        )
        return content

    @property
    def best(self) -> dict[str, Any] | None:
        """Number, values, params and command of the best trial.

        With several objectives it is None, and `summary["front"]` has the trials that no other one
        dominates.
        """
        best: dict[str, Any] | None = self.summary["best"]
        return best

    @property
    def best_run(self) -> Path:
        """Folder of the best trial, which alone was scored on the test split, for rnnlab.load."""
        return self.folder / "best"

    @property
    def trials(self) -> "pd.DataFrame":
        """A row for each trial: number, state, scores, settings, costs and command."""
        import pandas as pd

        return pd.read_csv(self.folder / TABLE_FILE)

    def _repr_html_(self) -> str:
        """Return the best trials and the figures, for a notebook."""
        from rnnlab.report.html import render_html

        with (self.folder / TABLE_FILE).open(encoding="utf-8", newline="") as file:
            trials = {int(row["number"]): row for row in csv.DictReader(file)}
        best = self.summary["front"] or [self.best]
        others = sorted(self.summary["history"], key=self._rank)
        numbers = dict.fromkeys(entry["number"] for entry in [*best, *others] if entry)
        names = [objective["name"] for objective in self.summary["objectives"]]
        columns = [*names, *self._settings(next(iter(trials.values()), {}))]
        return render_html(
            "notebook.html",
            label=f"{self.summary['name']}: {len(trials)} trials",
            path=str(self.folder),
            names=columns,
            rows=[
                (f"trial {number}", [format_cell_text(trials[number][name]) for name in columns])
                for number in list(numbers)[:MAX_TRIALS]
            ],
            figures=list(embed_figures(self.folder / FIGURE_FOLDER)),
        )

    def _rank(self, entry: Mapping[str, Any]) -> float:
        """Return the first value of a trial, negative if it is maximized; the last one if None."""
        value = next(iter(entry["values"].values()))
        is_max = self.summary["objectives"][0]["mode"] == "max"
        return float("inf") if value is None else -value if is_max else value

    def _settings(self, row: Mapping[str, str]) -> list[str]:
        """Return the columns of the settings that differ between the trials."""
        best = (self.summary["front"] or [self.best or {}])[0].get("params", {})
        return [name for name in row if name in best]


def format_cell_text(cell: str) -> str:
    """Return a cell of trials.csv for a page: a fraction with four digits, other texts unchanged.

    >>> format_cell_text("0.00123456"), format_cell_text("64"), format_cell_text("")
    ('0.001235', '64', '-')
    """
    try:
        return cell if cell.isdecimal() else f"{float(cell):.4g}" if cell else "-"
    except ValueError:
        return cell
