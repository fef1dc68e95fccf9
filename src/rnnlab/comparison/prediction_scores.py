"""Scores that follow from predictions.csv, as sums over units that can be resampled.

N units (targets, sentences, or windows), K statistics of a unit.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlab.report.folder import PREDICTIONS_FILE

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_RESAMPLED_CLASSES = 50  # whose counts are resampled


class UntestableError(Exception):
    """The reason why runs are not tested over targets."""


class Statistics(NamedTuple):
    """What a score is computed from, added up over the units of one run.

    Attributes:
        values: statistics of each unit, (N, K).
        units: name of the units.
        is_ordered: whether neighbours depend on each other.
        times: of each unit, (N,), of a series with dates; otherwise None.
    """

    values: NDArray[Any]
    units: str
    is_ordered: bool = False
    times: NDArray[Any] | None = None


@dataclass(frozen=True)
class TargetScore:
    """A score that can be computed from predictions.csv.

    Attributes:
        read: returns the statistics of a table of predictions.
        compute: converts sums (..., K) to scores (...).
    """

    read: "Callable[[DataFrame], Statistics]"
    compute: Callable[[NDArray[Any]], NDArray[Any]]


def find_scores(task: str, metric: str, tables: "Iterable[DataFrame]") -> Iterator[TargetScore]:
    """Yield the ways to compute a metric; the reports decide which one is right."""
    name = metric.removeprefix("test/")
    if task == "classification" and name in ("f1", "mcc"):
        yield from class_count_scores(name, tables)
    elif task == "translation" and name == "bleu":
        yield from bleu_scores(tables)
    elif (task, name) in MEAN_SCORES:
        yield from MEAN_SCORES[task, name]


def mean_of(sums: NDArray[Any]) -> NDArray[Any]:
    """Return the means of sums and counts (..., 2)."""
    return np.asarray(sums[..., 0] / sums[..., 1])


def exp_of_mean(sums: NDArray[Any]) -> NDArray[Any]:
    """Return exp of the mean."""
    return np.asarray(np.exp(mean_of(sums)))


def bits_of_mean(sums: NDArray[Any]) -> NDArray[Any]:
    """Return the mean in bits, of values in nats."""
    return mean_of(sums) / math.log(2)


def with_ones(values: Any) -> NDArray[Any]:
    """Return values (N,) and their counts, (N, 2)."""
    array = np.asarray(values, dtype=np.float64)
    return np.stack([array, np.ones_like(array)], axis=1)


def read_hits(table: "DataFrame") -> Statistics:
    """Return whether each target is predicted correctly."""
    return Statistics(with_ones(equal_texts(table)), "targets")


def equal_texts(table: "DataFrame") -> NDArray[Any]:
    """Return whether target and prediction of each row are equal, (rows,)."""
    return np.asarray(table["target"].astype(str) == table["prediction"].astype(str))


def read_class_losses(table: "DataFrame") -> Statistics:
    """Return the negative log probability of each target."""
    names, codes = table["target"].cat.categories, table["target"].cat.codes.to_numpy()
    columns = [f"p({name})" for name in names]
    if not set(columns) <= set(table.columns):
        raise UntestableError(f"{PREDICTIONS_FILE} does not have the probabilities of all classes")
    values = table[columns].to_numpy()[np.arange(len(table)), codes]
    with np.errstate(divide="ignore"):
        return Statistics(with_ones(-np.log(values)), "targets")


def read_step_hits(table: "DataFrame") -> Statistics:
    """Return correct and all steps of each sequence."""
    hits = with_ones(equal_texts(table))
    return Statistics(group_sums(hits, table["row"].to_numpy()), "sequences")


def read_exact_sequences(table: "DataFrame") -> Statistics:
    """Return whether all steps of each sequence are correct."""
    hits, count = read_step_hits(table).values.T
    return Statistics(with_ones(hits == count), "sequences")


def group_sums(values: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """Return the sums (N, K) of values (M, K) whose rows, in order, are equal."""
    return np.add.reduceat(values, np.flatnonzero(np.diff(rows, prepend=-1)), axis=0)


def read_token_losses(table: "DataFrame") -> Statistics:
    """Return the negative log probability of each token, in the order of the text."""
    return Statistics(with_ones(-table["log_probability"].to_numpy()), "tokens", is_ordered=True)


def read_forecast_errors(table: "DataFrame", kind: str) -> Statistics:
    """Return the errors of each window; missing values do not count."""
    actual, forecast = (table[name].to_numpy(dtype=np.float64) for name in ("actual", "forecast"))
    error = np.abs(forecast - actual)
    if kind == "mse":
        error = error**2
    elif kind == "smape":
        size = np.abs(forecast) + np.abs(actual)
        error = np.divide(2 * error, size, out=np.zeros_like(error), where=size != 0)
    rows, valid = table["row"].to_numpy(), ~np.isnan(actual)
    sums = group_sums(np.stack([np.where(valid, error, 0.0), valid], axis=1), rows)
    time = next((name for name in ("date", "time") if name in table), None)
    if time is None:
        return Statistics(sums, "windows", is_ordered=True)
    moments = table[time].to_numpy()[np.flatnonzero(np.diff(rows, prepend=-1))]
    return Statistics(sums, "windows", is_ordered=True, times=np.asarray(moments))


def read_exact_translations(table: "DataFrame", lower: bool) -> Statistics:
    """Return whether each translation is its reference."""
    from rnnlab.metrics.translation import split_text

    pairs = zip(*translations_of(table), strict=True)
    hits = [split_text(one, lower) == split_text(other, lower) for one, other in pairs]
    return Statistics(with_ones(hits), "sentences")


def translations_of(table: "DataFrame") -> tuple[list[str], list[str]]:
    """Return translations and references."""
    return table["translation"].astype(str).tolist(), table["reference"].astype(str).tolist()


def forecast_score(kind: str) -> list[TargetScore]:
    """Return the mean of an error of forecasts."""
    return [TargetScore(partial(read_forecast_errors, kind=kind), mean_of)]


MEAN_SCORES: dict[tuple[str, str], list[TargetScore]] = {
    ("classification", "accuracy"): [TargetScore(read_hits, mean_of)],
    ("classification", "loss"): [TargetScore(read_class_losses, mean_of)],
    ("step_classification", "accuracy"): [TargetScore(read_step_hits, mean_of)],
    ("step_classification", "exact_match"): [TargetScore(read_exact_sequences, mean_of)],
    ("language_modeling", "loss"): [TargetScore(read_token_losses, mean_of)],
    ("language_modeling", "perplexity"): [TargetScore(read_token_losses, exp_of_mean)],
    ("language_modeling", "bits_per_character"): [TargetScore(read_token_losses, bits_of_mean)],
    ("translation", "exact_match"): [
        TargetScore(partial(read_exact_translations, lower=lower), mean_of)
        for lower in (False, True)
    ],
    **{("forecasting", name): forecast_score(name) for name in ("mse", "mae", "smape")},
}


def class_count_scores(name: str, tables: "Iterable[DataFrame]") -> Iterator[TargetScore]:
    """Yield F1, the mean of all classes and that of each class, or Matthews correlation."""
    keys = ("target", "prediction")
    classes = sorted(
        {str(x) for table in tables for key in keys for x in table[key].cat.categories}
    )
    if len(classes) > MAX_RESAMPLED_CLASSES:
        raise UntestableError(
            f"{len(classes):,} classes are too many; up to {MAX_RESAMPLED_CLASSES} are resampled"
        )
    read = partial(read_class_counts, classes=classes)
    if name == "mcc":
        yield TargetScore(read, matthews_correlation)
        return
    for positive in (None, *range(len(classes))):
        yield TargetScore(read, partial(f1_score, positive=positive))


def read_class_counts(table: "DataFrame", classes: Sequence[str]) -> Statistics:
    """Return target, prediction and hit of each row as indicators of the classes, (N, 3 C)."""
    labels = np.array(classes, dtype=object)
    target, prediction = (
        table[name].astype(str).to_numpy()[:, None] == labels for name in ("target", "prediction")
    )
    parts = [target, prediction, target & prediction]
    return Statistics(np.concatenate(parts, axis=1).astype(np.float64), "targets")


def f1_score(sums: NDArray[Any], positive: int | None) -> NDArray[Any]:
    """Return the F1 of a class, or the mean over classes that occur, of counts (..., 3 C)."""
    targets, predictions, correct = np.split(sums, 3, axis=-1)
    occurrences = targets + predictions
    scores = 2 * correct / np.maximum(occurrences, 1)
    if positive is not None:
        return np.asarray(scores[..., positive])
    return np.asarray(scores.sum(axis=-1) / (occurrences > 0).sum(axis=-1))


def matthews_correlation(sums: NDArray[Any]) -> NDArray[Any]:
    """Return the Matthews correlation of counts (..., 3 C)."""
    targets, predictions, correct = np.split(sums, 3, axis=-1)
    total = targets.sum(axis=-1)
    covariance = correct.sum(axis=-1) * total - (targets * predictions).sum(axis=-1)
    spreads = [total**2 - (part**2).sum(axis=-1) for part in (targets, predictions)]
    product = spreads[0] * spreads[1]
    return np.where(product > 0, covariance / np.sqrt(np.maximum(product, 1)), 0.0)


def bleu_scores(tables: "Iterable[DataFrame]") -> Iterator[TargetScore]:
    """Yield BLEU with each tokenizer that the metric may have, with and without case."""
    from rnnlab.metrics.translation import TOKENIZERS, bleu_metric

    references = translations_of(next(iter(tables)))[1]
    names = set[str]()
    for language in ("", *TOKENIZERS):
        for lower in (False, True):
            metric = bleu_metric(references, language, lower)
            name = f"{type(metric.tokenizer).__name__} {lower}"
            if name not in names:
                names.add(name)
                yield TargetScore(partial(read_ngram_counts, metric=metric), bleu_of_counts)


def read_ngram_counts(table: "DataFrame", metric: Any) -> Statistics:
    """Return correct and all n-grams, and both lengths, of each sentence, (N, 10)."""
    logger = logging.getLogger("sacrebleu")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it advises another score of a sentence, which is not used
    try:
        scores = [
            metric.sentence_score(one, [other])
            for one, other in zip(*translations_of(table), strict=True)
        ]
    finally:
        logger.setLevel(level)
    rows = [[*score.counts, *score.totals, score.sys_len, score.ref_len] for score in scores]
    return Statistics(np.array(rows, dtype=np.float64), "sentences")


def bleu_of_counts(sums: NDArray[Any]) -> NDArray[Any]:
    """Return BLEU of the sums of n-gram counts, (..., 10) -> (...)."""
    from sacrebleu.metrics import BLEU

    rows = sums.reshape(-1, sums.shape[-1]).astype(int).tolist()
    scores = [
        BLEU.compute_bleu(row[:4], row[4:8], row[8], row[9], smooth_method="exp").score
        for row in rows
    ]
    return np.array(scores).reshape(sums.shape[:-1])
