"""Forecasts beyond the last row of series.

S series, T steps that are read of each (the window, one step before it, and the steps to forecast),
V target variables, C covariates, H horizon, Q quantiles, L levels of prediction intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from rnnlab.data.base import to_batch
from rnnlab.data.processors.base import Network
from rnnlab.data.readers.dates import TimeKind, format_time
from rnnlab.data.readers.series import Series
from rnnlab.data.readers.time_steps import continue_times
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.data.series.inputs import SeriesInputs
from rnnlab.data.series.splits import observed_ends
from rnnlab.data.series.variables import SeriesVariables, static_features
from rnnlab.errors import ConfigError, DataError
from rnnlab.metrics.conformal import ConformalIntervals, interval_scale
from rnnlab.spec import Array, Batch, Ints

BATCH_WINDOWS = 1024


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
    """

    names: Sequence[str]
    variables: Sequence[str]
    times: Ints
    time_kind: TimeKind
    values: Array
    blocks: int
    ends: Array


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
        intervals: prediction intervals of the network; None for none.

    Raises:
        ConfigError: the network cannot forecast so many steps.
        DataError: a series is unknown or too short, or a column that is known in advance ends.
    """
    steps = features.horizon if steps is None else steps
    blocks = -(-steps // features.horizon)
    _check_blocks(features, steps, blocks)
    features.find_series(series.names)
    history = History.read(features, series, blocks * features.horizon, steps)
    parts = []
    for block in range(blocks):
        values = _forecast_block(features, history, network, block, intervals)
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


@dataclass(frozen=True)
class History:
    """The last steps of each series, and room for the steps to forecast.

    Attributes:
        names: of the series, S.
        length: steps before the first one to forecast.
        targets: in the units of the file, (S, T, V); NaN at the steps to forecast.
        covariates: (S, T, C); NaN at the steps to forecast, if they are not known.
        local_times: (S, T).
        static: (S, F).
    """

    names: Sequence[str]
    length: int
    targets: Array
    covariates: Array
    local_times: Ints
    static: Array

    @classmethod
    def read(cls, features: SeriesFeatures, series: Series, room: int, steps: int) -> "History":
        """Return the history before the last row with a value of a target.

        Args:
            features: of the training.
            series: all rows.
            room: steps to forecast, whole horizons.
            steps: the first ones of them that are wanted.

        Raises:
            DataError: a series is too short, or a known column ends within the steps.
        """
        length = features.seq_len + 1  # a difference needs the step before the window
        rows = _Rows.of(features, series)
        offsets = series.offsets.tolist()
        ends = observed_ends(series, rows.variables.observed)
        parts = [
            rows.take(features, place, length, room)
            for place in zip(offsets[:-1], ends.tolist(), offsets[1:], strict=True)
        ]
        targets, covariates, times = (np.stack(arrays) for arrays in zip(*parts, strict=True))
        static = static_features(series, features.static)
        history = cls(series.names, length, targets, covariates, times, static)
        history.check_known(features, series, steps)
        return history

    def check_known(self, features: SeriesFeatures, series: Series, steps: int) -> None:
        """Check that the file has the columns that are known in advance for all steps.

        Raises:
            DataError: one ends earlier.
        """
        known = self.covariates[:, self.length :, self.covariates.shape[2] - features.num_known :]
        for s, step, column in np.argwhere(np.isnan(known[:, :steps]))[:1]:
            name = features.covariates[len(features.covariates) - features.num_known + column]
            when = format_time(self.local_times[s, self.length + step], series.time_kind)
            raise DataError(
                f"series {self.names[s]!r}: the column {name!r} is known in advance, but has no "
                f"value for {when}, step {step + 1} of the forecast. Append rows with it, and "
                "leave their targets empty"
            )
        known[np.isnan(known)] = 0.0  # steps of the last block that are not wanted


class _Rows(NamedTuple):
    """All rows of the series, in the units of the file.

    Attributes:
        series: the series.
        variables: see SeriesVariables; a gap has the previous value.
        known: columns that are known in advance, (N, K); NaN where the file has no value.
    """

    series: Series
    variables: SeriesVariables
    known: Array

    @classmethod
    def of(cls, features: SeriesFeatures, series: Series) -> "_Rows":
        """Return the rows with the columns of the training."""
        names = features.columns.known
        known = np.where(series.is_observed(*names), series.column(*names), np.nan)
        return cls(series, features.select(series), known)

    def take(
        self, features: SeriesFeatures, place: tuple[int, int, int], length: int, room: int
    ) -> tuple[Array, Array, Ints]:
        """Return the targets (T, V), covariates (T, C) and local times (T,) of one series.

        `place` is its first step, the first one to forecast, and its end. The step before the
        window repeats the first one if the series begins there and no difference needs it.

        Raises:
            DataError: the series is too short.
        """
        begin, end, stop = place
        self.check_length(features, begin, end)
        past = np.maximum(np.arange(end - length, end), begin)
        future = np.arange(end, min(stop, end + room))
        filled = length + len(future)
        targets = np.full((length + room, len(features.variables)), np.nan)
        covariates = np.full((length + room, len(features.covariates)), np.nan)
        targets[:length] = self.variables.targets[past]
        covariates[:length] = self.variables.covariates[past]
        covariates[length:filled, len(features.covariates) - features.num_known :] = self.known[
            future
        ]
        steps = slice(begin, end + len(future))
        times = continue_times(
            self.series.times[steps],
            self.series.local_times[steps],
            self.series.time_kind,
            length + room - filled,
        )
        past_times, future_times = (self.series.local_times[rows] for rows in (past, future))
        return targets, covariates, np.concatenate([past_times, future_times, times])

    def check_length(self, features: SeriesFeatures, begin: int, end: int) -> None:
        """Check that a series has enough rows before the first step to forecast.

        Raises:
            DataError: it has not.
        """
        need = features.seq_len + int(features.scales.transform in ("difference", "log_return"))
        need = max(need, 2)  # one row does not show the time between two rows
        if end - begin < need:
            name = self.series.names[int(np.searchsorted(self.series.offsets, begin, "right")) - 1]
            raise DataError(
                f"series {name!r} has {end - begin:,} rows up to its last value of a target, but "
                f"the network reads {need:,} (data.seq_len={features.seq_len})"
            )


def _forecast_block(
    features: SeriesFeatures,
    history: History,
    network: Network,
    block: int,
    intervals: ConformalIntervals | None,
) -> Array:
    """Return the forecasts of a horizon in the units of the file, (S, H, V, K).

    The K values are the forecast or its quantiles, and the lower and upper end of each interval.
    """
    count, steps, num_variables = history.targets.shape
    width = 1 if features.independent else num_variables  # variables of a window
    series = np.repeat(np.arange(count), num_variables // width)
    columns = np.tile(np.arange(num_variables).reshape(-1, width), (count, 1))
    first = series * steps + history.length + block * features.horizon
    inputs = _scale_history(features, history)
    parts = [
        _answer(
            network,
            _make_batch(inputs, first[rows], series[rows], columns[rows]),
            intervals,
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
    network: Network, batch: Batch, intervals: ConformalIntervals | None, variables: Ints
) -> torch.Tensor:
    """Return forecasts and the ends of their intervals, (B, H, V, K); see _forecast_block.

    `variables` is the position of each variable among all of them, (B, V).
    """
    forecasts = network.answer(batch)
    values = forecasts if network.quantiles else forecasts.unsqueeze(-1)
    if intervals is None:
        return values
    ends = intervals.ends(forecasts, network.quantiles, interval_scale(batch), variables)
    return torch.cat([values, ends.flatten(-2)], dim=-1)


def _scale_history(features: SeriesFeatures, history: History) -> SeriesInputs:
    """Return what the network reads of the history and of the forecasts so far."""
    count, steps, num_variables = history.targets.shape
    variables = SeriesVariables(
        history.targets.reshape(-1, num_variables),
        np.ones((count * steps, num_variables), dtype=bool),
        list(features.variables),
        history.covariates.reshape(count * steps, -1),
        list(features.covariates),
        features.num_known,
    )
    offsets, times = np.arange(count + 1) * steps, history.local_times.reshape(-1)
    return features.inputs(history.names, offsets, times, variables, history.static)


def _make_batch(inputs: SeriesInputs, first: Ints, series: Ints, columns: Ints) -> Batch:
    """Return the windows before some steps as a batch without targets."""
    read = inputs.windows(first, series, columns)
    targets = np.full((len(first), inputs.horizon, columns.shape[1]), np.nan)
    batch = to_batch(read.values, np.full(len(first), inputs.seq_len), targets, first)
    return batch._replace(units=read.units, future=read.future)
