"""Scores along a covariate, such as BLEU by sentence length."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from rnnlab.comparison.runs import FinishedRun
from rnnlab.errors import ConfigError
from rnnlab.sweeps.answer.runs import StudyRuns


def read_covariate(run: FinishedRun, covariate: str) -> dict[str, float]:
    """Return a table of scores from the details of a report: bin -> score, in their order.

    Raises:
        ConfigError: the report has no such table.
    """
    table: Any = run.report["details"].get(covariate)
    if not isinstance(table, Mapping) or len(table) < 2:
        raise ConfigError(
            f"answer.covariate={covariate}: {run.folder} has no such table with several bins; "
            "bleu_by_length is one of data with sentence pairs"
        )
    return {str(name): float(score) for name, score in table.items()}


def covariate_bins(study: StudyRuns, covariate: str) -> list[str]:
    """Return the bins of a covariate.

    Raises:
        ConfigError: a run has other bins than the first one.
    """
    tables = [list(read_covariate(run, covariate)) for run in study.runs.values()]
    if any(table != tables[0] for table in tables):
        raise ConfigError(f"answer.covariate={covariate}: the bins differ between the runs")
    return tables[0]


def growth_of(run: FinishedRun, covariate: str) -> float:
    """Return the score of the last bin minus that of the first."""
    scores = list(read_covariate(run, covariate).values())
    return scores[-1] - scores[0]


def mean_curves(study: StudyRuns, factor: str, covariate: str) -> dict[str, list[float]]:
    """Return level -> mean score of each bin, over all runs of the level."""
    curves = {}
    for level in study.level_names(factor):
        runs = study.select(factor, level).runs.values()
        tables = [list(read_covariate(run, covariate).values()) for run in runs]
        if tables:
            curves[f"{factor}={level}"] = [fmean(bins) for bins in zip(*tables, strict=True)]
    return curves
