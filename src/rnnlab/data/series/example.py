"""An example of the rows that a network of series reads."""

from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.spec import Array

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE_START = np.datetime64("2024-01-01")
EXAMPLE_NUMBER = 20_000  # first step of dates that are numbers; a day for most of their formats


def make_example_rows(features: SeriesFeatures) -> "pd.DataFrame":
    """Return rows of the first series, as many as the network reads, with waves as values.

    With columns that are known in advance, rows of the horizon follow, without targets.
    """
    import pandas as pd

    columns, past = features.columns, features.seq_len + 2
    future = features.horizon if columns.known else 0
    cells: dict[str, Any] = example_dates(columns, past + future)
    if columns.series:
        cells[columns.series] = [features.series[0]] * (past + future)
    for column in features.static:
        value = column.mean if column.categories is None else column.categories[0]
        cells.setdefault(column.name, [value] * (past + future))
    targets = np.full((past + future, len(features.variables)), np.nan)
    targets[:past] = example_targets(features, past)
    cells |= dict(zip(features.variables, targets.T, strict=True))
    means, deviations = (part[0] for part in features.scales.covariates)
    for name, mean, deviation in zip(features.covariates, means, deviations, strict=True):
        cells[name] = wave(past + future, mean, deviation)
    return pd.DataFrame(cells)


def example_dates(columns: SeriesColumns, count: int) -> dict[str, Any]:
    """Return the column of dates, a day apart; empty without one.

    Dates in several columns have no example.
    """
    if columns.date is None:
        return {}
    days = (EXAMPLE_START + np.arange(count)).astype(object)
    if columns.date_format is None:
        return {columns.date: [day.isoformat() for day in days]}
    if "%" in columns.date_format:
        return {columns.date: [day.strftime(columns.date_format) for day in days]}
    return {columns.date: (EXAMPLE_NUMBER + np.arange(count)).tolist()}


def example_targets(features: SeriesFeatures, count: int) -> Array:
    """Return values of the targets in the units of the file, (count, V)."""
    scales = features.scales
    if scales.transform in ("none", "last"):
        means, deviations = (part[0] for part in scales.inputs)
    else:  # the scale is that of changes
        means, deviations = (np.full(len(features.variables), x) for x in (100.0, 1.0))
    pairs = zip(means, deviations, strict=True)
    values = np.stack([wave(count, mean, deviation) for mean, deviation in pairs], axis=1)
    report_means, report_deviations = (part[0] for part in scales.report)
    targets: Array = (values * report_deviations + report_means).round(4)
    return targets


def wave(count: int, mean: float, deviation: float) -> Array:
    """Return a wave of seven steps around a mean, (count,)."""
    values: Array = (mean + deviation * np.sin(2 * np.pi * np.arange(count) / 7)).round(4)
    return values
