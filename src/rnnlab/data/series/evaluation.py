"""New series as a test split, to score a trained network on them.

S series, N steps of all of them, V target variables, M windows, H horizon.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rnnlab.data.baselines.forecasting import Forecast
from rnnlab.data.baselines.series import SeriesBaselines, SeriesSplits
from rnnlab.data.loaders.windows import Windows
from rnnlab.data.readers.dates import format_time
from rnnlab.data.readers.series import Series
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.data.series.history import rows_needed
from rnnlab.data.series.splits import observed_ends, parse_time
from rnnlab.data.series.variables import SeriesVariables, static_features
from rnnlab.data.series.windowed import WindowedSeries
from rnnlab.data.sources.provenance import Provenance
from rnnlab.errors import DataError
from rnnlab.spec import Array, DataSpec, Ints

NEEDS_TRAINING = "is fitted to the training split, which the run does not keep"


class NewSeries(WindowedSeries):
    """All windows of series that a network was not trained on, scaled as in training.

    Args:
        features: of the training.
        series: all rows; those after the last value of a target are not scored.
        source: path or name of the table, for errors.
        start: first time of the targets; see rnnlab.data.series.splits.parse_time.
        batch_size: see DataModule.

    Raises:
        ConfigError: `start` cannot be read.
        DataError: a series is unknown or too short, or there is nothing to score.
    """

    def __init__(
        self,
        features: SeriesFeatures,
        series: Series,
        source: str,
        start: str | int | None,
        batch_size: int,
    ) -> None:
        super().__init__(batch_size, seed=0, shuffle=False)
        self.processor, self.unit = features, "units of the scores"
        self.seq_len, self.horizon = features.seq_len, features.horizon
        self.times, self.local_times = series.times, series.local_times
        self.time_kind, self.series_names = series.time_kind, series.names
        self.unseen_starts = features.unseen_starts(series)
        variables = features.select(series)
        self.variables, static = variables.names, static_features(series, features.static)
        self.inputs = features.inputs(
            series.names, series.offsets, series.local_times, variables, static
        )
        windows = self._windows(series, variables, source, start)
        self.windows = {"train": windows, "test": windows}  # the baselines read "train" for sizes
        owners = np.searchsorted(series.offsets, windows.first, "right") - 1
        scales, index = features.scales.report, features.find_series(series.names)
        borders = [windows.first[np.searchsorted(owners, np.arange(len(series.names)))]]
        self.splits = SeriesSplits(
            self.windows,
            {"train": owners, "test": owners},
            series.offsets[:-1],
            borders,
            -scales.means[index] / scales.deviations[index],
            features.error_scale,
            features.independent,
        )

    def _windows(
        self, series: Series, variables: SeriesVariables, source: str, start: str | int | None
    ) -> Windows:
        """Return the windows with a value of a target."""
        gaps = None if variables.observed.all() else variables.observed
        first = self._first_targets(series, variables.observed)
        if start is not None:
            time = parse_time("start", start, series.time_kind)
            first = first[series.local_times[first] >= time]
        windows = Windows(self.inputs.scaled.targets, first, self.horizon, gaps)
        counts = windows.count_observed()  # (M, V)
        windows = windows.take(np.flatnonzero(counts.any(axis=1)))
        self._check(series, windows, source, start)
        return windows

    def _first_targets(self, series: Series, observed: Array) -> Ints:
        """Return the first step of all targets.

        Raises:
            DataError: a series is too short.
        """
        need = rows_needed(self.processor)
        ends, parts = observed_ends(series, observed), []
        for name, begin, end in zip(series.names, series.offsets[:-1], ends, strict=True):
            if end - begin < need + self.horizon:
                raise DataError(
                    f"series {name!r} has {end - begin:,} rows up to its last value of a target, "
                    f"but a score needs {need + self.horizon:,}: {need:,} that the network reads "
                    f"and {self.horizon:,} that it forecasts. Add the rows before them"
                )
            parts.append(np.arange(begin + need, end - self.horizon + 1))
        return np.concatenate(parts)

    def _check(
        self, series: Series, windows: Windows, source: str, start: str | int | None
    ) -> None:
        """Check that each series and each target has something to score.

        Raises:
            DataError: one has not.
        """
        last = format_time(series.local_times.max(), series.time_kind)
        after = "" if start is None else f" from {start} on (the last row is of {last})"
        owners = np.searchsorted(series.offsets, windows.first, "right") - 1
        missing = sorted(set(range(len(series.names))) - set(owners.tolist()))
        if missing:
            raise DataError(
                f"{source}: the series {series.names[missing[0]]!r} has no target to score{after}"
            )
        counts = windows.count_observed().sum(axis=0)
        for name, count in zip(self.variables, counts, strict=True):
            if not count:
                raise DataError(f"{source}: {name!r} has no value to score{after}")

    def finish(
        self, spec: DataSpec, naive_errors: Array, season: int | None, notes: Sequence[str]
    ) -> None:
        """Set the baselines and the facts of the data; `naive_errors` are those of training."""
        own_errors = np.full((len(self.series_names), len(self.variables)), np.nan)
        if len(naive_errors):
            own_errors = naive_errors[self.processor.find_series(self.series_names)]
        self.series_baselines = UntrainedBaselines(self.splits, season, own_errors)
        self.spec = spec
        sizes = {"test": self.size("test")}
        self.provenance = Provenance("local", "new rows", notes=notes, sizes=sizes)


class UntrainedBaselines(SeriesBaselines):
    """Baselines that need no training; the naive errors are those of the training of the network.

    Args:
        splits: windows of the new rows.
        season: see SeriesBaselines.
        naive_errors: of these series in training, (S, V).
    """

    def __init__(self, splits: SeriesSplits, season: int | None, naive_errors: Array) -> None:
        self._naive_errors = naive_errors
        super().__init__(splits, season, ridge_window=0, subtract_last=False)

    def check(self) -> Iterator[tuple[str, str]]:
        """See SeriesBaselines."""
        if self.season and self.season > self.splits.history:
            yield (
                "seasonal naive",
                f"the season of {self.season} steps is longer than the {self.splits.history:,} "
                "rows before the first target",
            )
        yield from ((name, NEEDS_TRAINING) for name in ("drift", "ridge"))

    def methods(self) -> dict[str, Callable[[str], Forecast]]:
        """See SeriesBaselines."""
        methods = super().methods()
        return {
            name: methods[name] for name in methods if name in ("persistence", "seasonal naive")
        }

    def naive_errors(self) -> Array:
        """See SeriesBaselines; those of the training."""
        return self._naive_errors
