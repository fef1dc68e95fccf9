"""Forecasts beyond the last row of series.

S series, V target variables, H horizon, Q quantiles, L levels of prediction intervals.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from rnnlab.data.processors.base import Network
from rnnlab.data.readers.dates import TimeKind
from rnnlab.data.readers.series import Series
from rnnlab.data.series.current_intervals import CurrentIntervals, current_intervals
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.data.series.history import BATCH_WINDOWS, History, make_batch, scale_history
from rnnlab.errors import ConfigError
from rnnlab.metrics.conformal import ConformalIntervals, interval_scale
from rnnlab.spec import Array, Batch, Ints


class Forecasts(NamedTuple):
    """Forecasts in the units of the file.

    Attributes:
        names: of the series, S.
        variables: names of the target variables, V.
        times: of the forecast steps of each series, (S, steps); see Series.local_times.
        time_kind: calendar | steps.
        values: (S, steps, V), or quantiles (S, steps, V, Q).
        blocks: how often the network was used; later blocks read the forecasts of earlier ones.
        ends: of the prediction intervals, (S, steps, V, L, 2); NaN after the first block, whose
            errors are not those of the validation.
        notes: which forecasts the intervals were calibrated on; empty without intervals.
    """

    names: Sequence[str]
    variables: Sequence[str]
    times: Ints
    time_kind: TimeKind
    values: Array
    blocks: int
    ends: Array
    notes: Sequence[str]


def forecast(
    features: SeriesFeatures,
    series: Series,
    network: Network,
    steps: int | None = None,
    intervals: ConformalIntervals | None = None,
) -> Forecasts:
    """Forecast the steps after the last row with a value of a target.

    Args:
        features: of the training.
        series: their history; later rows may have the columns that are known in advance.
        network: forecasts a batch, in the units of the reports.
        steps: to forecast; None for the horizon. More steps are forecast in blocks of the horizon,
            each of which reads the forecasts of the block before.
        intervals: prediction intervals of the validation; None for none.

    Raises:
        ConfigError: the network cannot forecast so many steps.
        DataError: a series is unknown or too short, or a column that is known in advance ends.
    """
    steps = features.horizon if steps is None else steps
    blocks = -(-steps // features.horizon)
    _check_blocks(features, steps, blocks)
    features.find_series(series.names)
    history = History.read(features, series, blocks * features.horizon, steps)
    current = current_intervals(features, series, network, intervals) if intervals else None
    parts = []
    for block in range(blocks):
        values = _forecast_block(features, history, network, block, current)
        begin = history.length + block * features.horizon
        median = network.quantiles.index(0.5) if network.quantiles else 0
        history.targets[:, begin : begin + features.horizon] = values[..., median]
        parts.append(values)
    values, ends = np.split(np.concatenate(parts, axis=1), [len(network.quantiles) or 1], axis=3)
    ends[:, features.horizon :] = np.nan
    return Forecasts(
        series.names,
        features.variables,
        history.local_times[:, history.length :][:, :steps],
        series.time_kind,
        values[:, :steps] if network.quantiles else values[:, :steps, :, 0],
        blocks,
        ends[:, :steps].reshape(*ends[:, :steps].shape[:3], -1, 2),
        [current.note] if current else [],
    )


def _check_blocks(features: SeriesFeatures, steps: int, blocks: int) -> None:
    if steps < 1:
        raise ConfigError(f"steps={steps}: must be at least 1")
    covariates = features.covariates[: len(features.covariates) - features.num_known]
    if blocks > 1 and covariates:
        raise ConfigError(
            f"steps={steps}: the network forecasts {features.horizon} steps; later ones would "
            f"need future values of {', '.join(covariates)}, which are covariates. Ask for at most "
            f"{features.horizon} steps, or train with a longer data.horizon"
        )


def _forecast_block(
    features: SeriesFeatures,
    history: History,
    network: Network,
    block: int,
    intervals: CurrentIntervals | None,
) -> Array:
    """Return the forecasts of a horizon in the units of the file, (S, H, V, K).

    The K values are the forecast or its quantiles, and the lower and upper end of each interval.
    """
    count, steps, num_variables = history.targets.shape
    width = 1 if features.independent else num_variables  # variables of a window
    series = np.repeat(np.arange(count), num_variables // width)
    columns = np.tile(np.arange(num_variables).reshape(-1, width), (count, 1))
    first = series * steps + history.length + block * features.horizon
    inputs = scale_history(features, history)
    parts = [
        _answer(
            network,
            make_batch(inputs, first[rows], series[rows], columns[rows]),
            intervals,
            series[rows],
            columns[rows],
        )
        for rows in np.split(np.arange(len(first)), range(BATCH_WINDOWS, len(first), BATCH_WINDOWS))
    ]
    values = torch.cat(parts).numpy()  # (windows, H, width, K)
    values = values.reshape(count, -1, features.horizon, width, values.shape[3])
    values = np.moveaxis(values, 1, 2)
    values = values.reshape(count, features.horizon, num_variables, values.shape[4])
    scale, index = features.scales.report, features.find_series(history.names)
    means, deviations = (part[index][:, None, :, None] for part in scale)
    forecasts: Array = values * deviations + means
    return forecasts


def _answer(
    network: Network,
    batch: Batch,
    intervals: CurrentIntervals | None,
    series: Ints,
    variables: Ints,
) -> torch.Tensor:
    """Return forecasts and the ends of their intervals, (B, H, V, K); see _forecast_block.

    `series` and `variables` are the positions of the series (B,) and variables (B, V).
    """
    forecasts = network.answer(batch)
    values = forecasts if network.quantiles else forecasts.unsqueeze(-1)
    if intervals is None:
        return values
    offsets = torch.from_numpy(np.moveaxis(intervals.offsets[series[:, None], variables], 1, 2))
    scale, ends = interval_scale(batch), intervals.intervals.ends
    return torch.cat([values, ends(forecasts, network.quantiles, scale, offsets).flatten(-2)], -1)
