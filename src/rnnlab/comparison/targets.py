"""Variance of the scores of runs over test targets, from predictions.csv in their folders."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.comparison.prediction_scores import (
    Statistics,
    TargetScore,
    UntestableError,
    find_scores,
)
from rnnlab.comparison.runs import FinishedRun
from rnnlab.metrics.resampling import (
    FEWEST_UNITS,
    TargetCovariance,
    block_sums,
    bootstrap_covariance,
    cosine_covariance,
)
from rnnlab.report.folder import PREDICTIONS_FILE

if TYPE_CHECKING:
    from pandas import DataFrame

SCORE_TOLERANCE = 1e-4  # relative, between a score of the report and that of the predictions
MAX_NUMBERS = 30_000_000  # statistics of all runs: 240 MB


def estimate_target_covariance(runs: Sequence[FinishedRun], metric: str) -> TargetCovariance:
    """Return variances and covariances of the scores of some runs over test targets.

    Forecasts with dates are compared over time (Diebold-Mariano), others by the paired bootstrap.

    Raises:
        UntestableError: the targets differ, or their files do not give the scores of the reports.
    """
    check_targets(runs, metric)
    try:
        return find_covariance(runs, metric)
    except (KeyError, TypeError, ValueError) as error:  # other columns
        raise UntestableError(f"a {PREDICTIONS_FILE} is damaged ({error!r})") from error


@dataclass(frozen=True)
class PredictionTables:
    """The predictions of some runs; they are read one after the other, each time again."""

    runs: Sequence[FinishedRun]

    def __iter__(self) -> "Iterator[DataFrame]":
        return map(read_predictions, self.runs)


def find_covariance(runs: Sequence[FinishedRun], metric: str) -> TargetCovariance:
    """Return the covariance of the first definition of a score that gives those of the reports.

    Raises:
        UntestableError: there is none.
    """
    reasons, read, statistics = list[str](), None, list[Statistics]()
    tables = PredictionTables(runs)
    for score in find_scores(runs[0].report.get("task", ""), metric, tables):
        if score.read is not read:  # definitions that only compute something else share them
            read, statistics = score.read, read_statistics(score, tables)
        totals = np.stack([part.values.sum(axis=0) for part in statistics])
        if problem := find_difference(runs, metric, score.compute(totals)):
            reasons.append(problem)
            continue
        return covariance_of(statistics, score.compute)
    raise UntestableError(
        reasons[0] if reasons else f"{PREDICTIONS_FILE} does not determine {metric}"
    )


def check_targets(runs: Sequence[FinishedRun], metric: str) -> None:
    """Raise UntestableError unless all runs have the same task and test targets."""
    if not metric.startswith("test/"):
        raise UntestableError("only predictions of the test split are stored")
    checksums = {run.report.get("targets_sha256", "") for run in runs}
    if "" in checksums:
        raise UntestableError("a report has no checksum of its test targets")
    if len(checksums) > 1:
        raise UntestableError("the test targets depend on the seed, whose spread contains theirs")
    if len({run.report.get("task") for run in runs}) > 1:
        raise UntestableError("the runs have different tasks")


def read_predictions(run: FinishedRun) -> "DataFrame":
    """Return the predictions of a run; texts are categories, which need little memory.

    Raises:
        UntestableError: the file is missing or damaged.
    """
    import pandas as pd

    path = run.folder / PREDICTIONS_FILE
    texts = {"target", "prediction", "series", "reference", "translation", "date"}
    try:
        names = pd.read_csv(path, nrows=0).columns
        return pd.read_csv(
            path,
            usecols=[name for name in names if needs_column(name)],
            dtype=dict.fromkeys(texts.intersection(names), "category"),
            keep_default_na=False,
            na_values={name: [""] for name in names if name not in texts},
        )
    except FileNotFoundError:
        raise UntestableError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:  # pandas' errors are ValueErrors
        raise UntestableError(f"{path} is damaged ({error})") from error


def needs_column(name: str) -> bool:
    """Return whether a column of predictions.csv is read."""
    return name not in ("source", "token", "probability") and name[:6] not in ("lower_", "upper_")


def read_statistics(score: TargetScore, tables: "Iterable[DataFrame]") -> list[Statistics]:
    """Return the statistics of tables of predictions.

    Raises:
        UntestableError: the tables have different numbers of targets.
    """
    statistics = [score.read(table) for table in tables]
    if len({len(part.values) for part in statistics}) > 1:
        raise UntestableError(f"the {PREDICTIONS_FILE} have different numbers of targets")
    return statistics


def find_difference(runs: Sequence[FinishedRun], metric: str, scores: NDArray[Any]) -> str:
    """Return how the scores of predictions differ from the reports; empty if they do not."""
    for run, score in zip(runs, scores.tolist(), strict=True):
        report_score = float(run.report["scores"][metric])
        if not math.isclose(score, report_score, rel_tol=SCORE_TOLERANCE, abs_tol=1e-9):
            return (
                f"{run.folder / PREDICTIONS_FILE} gives {metric} {score:.6g}, and the report "
                f"{report_score:.6g}"
            )
    return ""


def covariance_of(
    statistics: Sequence[Statistics], compute: Callable[[NDArray[Any]], NDArray[Any]]
) -> TargetCovariance:
    """Return the covariance of the scores of runs with these statistics."""
    first = statistics[0]
    if first.times is not None:
        return covariance_over_time([part.values for part in statistics], first.times)
    length = block_length(first, len(statistics))
    values = np.stack([block_sums(part.values, length) for part in statistics])
    count = values.shape[1]
    name = first.units if length == 1 else f"blocks of {length:,} {first.units}"
    check_count(count, name)
    matrix = bootstrap_covariance(values, compute)
    if not np.isfinite(matrix).all():
        raise UntestableError("the score is not defined for every resample of the targets")
    return TargetCovariance(matrix, count - 1, "paired bootstrap", f"{count:,} {name}")


def check_count(count: int, name: str) -> None:
    """Raise UntestableError if there are too few units."""
    if count < FEWEST_UNITS:
        raise UntestableError(f"{count} {name} are too few; {FEWEST_UNITS} are needed")


def block_length(statistics: Statistics, runs: int) -> int:
    """Return the number of targets in a block.

    Neighbours that depend on each other are in blocks of sqrt(N); other targets are only joined to
    save memory.
    """
    count, width = map(int, statistics.values.shape)
    length = math.isqrt(count) if statistics.is_ordered else 1
    smallest = math.ceil(runs * count * width / MAX_NUMBERS)  # that fits in the memory
    return max(1, length, smallest)


def covariance_over_time(values: Sequence[NDArray[Any]], times: NDArray[Any]) -> TargetCovariance:
    """Return the covariance of mean losses, whose sums and counts are (N, 2), at times (N,)."""
    moments, index = np.unique(times, return_inverse=True)
    sums = np.stack([np.bincount(index, weights=part[:, 0]) for part in values])
    counts = np.bincount(index, weights=values[0][:, 1])
    check_count(len(moments), "points in time")
    means = sums.sum(axis=1, keepdims=True) / counts.sum()
    matrix, degrees = cosine_covariance((sums - means * counts) / counts.mean())
    return TargetCovariance(matrix, degrees, "Diebold-Mariano", f"{len(moments):,} points in time")
