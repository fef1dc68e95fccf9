"""Processor of series: forecasts of new rows, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rnnlab.data.processors.base import Network, PlainArray, Processor, take_options
from rnnlab.data.readers.series import Series, series_of_table
from rnnlab.data.readers.tables import Table, open_inputs
from rnnlab.data.series.evaluation import NewSeries
from rnnlab.data.series.example import make_example_rows
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.data.series.forecast import Forecasts, forecast
from rnnlab.errors import ConfigError, DataError
from rnnlab.metrics.conformal import ConformalIntervals
from rnnlab.spec import DataSpec

if TYPE_CHECKING:
    import pandas as pd

    from rnnlab.data.processors.base import Inputs, Parts


SAME_NAMES = (  # of settings of the reading and of attributes of SeriesColumns
    *("encoding", "delimiter", "quoting", "header", "decimal", "thousands", "strip_signs"),
    *("date_columns", "date_format", "day_first", "time_zone"),
    *("missing_values", "missing", "duplicates"),
)


@dataclass(frozen=True, kw_only=True)
class SeriesProcessor(SeriesFeatures, Processor):
    """See SeriesFeatures.

    Attributes:
        naive_errors: see SeriesBaselines.naive_errors, (S, V); empty for a generated series.
        season: steps of a season, for the seasonal naive forecast; None for no season.
        intervals: prediction intervals of the tested weights; None before they are calibrated.
    """

    reading: ClassVar[Mapping[str, Sequence[str]]] = {
        "date_column": ["columns.date"],
        "series_column": ["columns.series"],
        **{name: [f"columns.{name}"] for name in SAME_NAMES},
    }
    naive_errors: PlainArray = field(default_factory=lambda: np.zeros((0, 1)))
    season: int | None = None
    intervals: ConformalIntervals | None = None

    def sizes(self) -> dict[str, int]:
        return {"horizon": self.horizon, "input_size": len(self.input_names)}

    def uncalibrate(self) -> "SeriesProcessor":
        return replace(self, intervals=None)

    def example_inputs(self) -> "pd.DataFrame":
        return make_example_rows(self)

    def open_table(self, inputs: "Inputs") -> Table:
        """Return a table; an array has the target columns and then the covariates.

        Raises:
            ConfigError: the inputs are neither a file, nor a table or an array of this width.
            DataError: the file cannot be opened or parsed.
        """
        import pandas as pd

        if isinstance(inputs, np.ndarray):
            names = [*self.variables, *self.covariates]
            array = inputs[:, None] if inputs.ndim == 1 else inputs
            if array.ndim != 2 or array.shape[1] != len(names):
                raise ConfigError(
                    f"an array of shape {inputs.shape} is no table with the {len(names)} columns "
                    f"{', '.join(names)}"
                )
            inputs = pd.DataFrame(array, columns=names)
        return open_inputs(inputs, self.columns.table_format)

    def read(self, table: Table, notes: list[str]) -> Series:
        """Return the series of a table with the columns of the training; see read_series."""
        return series_of_table(table, self.columns, notes)

    def predict(self, inputs: "Inputs", network: Network, **options: Any) -> "Parts":
        """Yield forecasts of the steps after the last row with a value of a target.

        Args:
            inputs: a file, or a table, with the columns of the training; or an array, if it has no
                dates; see open_table. Rows after the last value of a target hold columns that are
                known in advance.
            network: that was trained on batches of this processor.
            options: `steps` to forecast, by default the horizon of the training. More steps are
                forecast in blocks of the horizon; each one reads the forecasts of the one before.

        Yields:
            A row for each series, target and step: `series` (if there is a column of them), the
            date or the number of the step, `target`, `step` (from 1), `block` (from 1), `forecast`
            in the units of the file, and `q0.1` ... for a network of quantiles. `lower_90` and
            `upper_90` are the ends of a prediction interval of 90%; empty after the first block,
            and where the validation was too small.

        Raises:
            ConfigError: the network cannot forecast so many steps.
            DataError: the rows cannot be read, a series is unknown or too short, or a value is too
                large for the network.
        """
        (steps,) = take_options(options, steps=None)
        notes: list[str] = []
        series = self.read(self.open_table(inputs), notes)
        forecasts = forecast(self, series, network, steps, self.intervals)
        check_forecasts(forecasts)
        notes += forecasts.notes
        frame = self._to_frame(forecasts, network)
        frame.attrs["notes"] = notes
        yield frame

    def read_targets(
        self, inputs: "Inputs", spec: DataSpec, batch_size: int, **options: Any
    ) -> NewSeries:
        """Return the windows of new rows, which are scaled as in training.

        The targets are all steps that have enough rows before them to fill a window.

        Args:
            inputs: a file, or a table, with the columns of the training.
            spec: sizes of the training.
            batch_size: targets in a batch.
            options: `start`: first date of the targets, such as 2024-01-31, or the number of a
                step in a file without dates; None for all of them.

        Raises:
            ConfigError: the date cannot be read.
            DataError: the rows cannot be read, a series is unknown or too short.
        """
        (start,) = take_options(options, start=None)
        notes: list[str] = []
        table = self.open_table(inputs)
        series = self.read(table, notes)
        data = NewSeries(self, series, str(table.path), start, batch_size)
        data.finish(spec, self.naive_errors, self.season, notes)
        data.intervals = self.intervals
        return data

    def _to_frame(self, forecasts: Forecasts, network: Network) -> "pd.DataFrame":
        """Return forecasts as a table; see predict."""
        import pandas as pd

        count, steps, num_variables = forecasts.values.shape[:3]
        calendar = forecasts.time_kind == "calendar"
        times = np.asarray(forecasts.times)
        shape = (count, num_variables, steps)
        step = np.broadcast_to(np.arange(1, steps + 1), shape)
        columns: dict[str, Any] = {}
        if self.columns.series:
            names = np.array(forecasts.names, dtype=object)
            columns["series"] = np.broadcast_to(names[:, None, None], shape)
        columns["date" if calendar else "row"] = np.broadcast_to(
            (times.astype("datetime64[us]") if calendar else times)[:, None], shape
        )
        targets = np.array(forecasts.variables, dtype=object)
        columns["target"] = np.broadcast_to(targets[None, :, None], shape)
        columns["step"], columns["block"] = step, (step - 1) // self.horizon + 1
        values = np.moveaxis(forecasts.values, 1, 2)  # (S, V, steps) or (S, V, steps, Q)
        levels = network.quantiles
        columns["forecast"] = values[..., levels.index(0.5)] if levels else values
        columns |= {f"q{level:g}": values[..., i] for i, level in enumerate(levels)}
        if self.intervals:
            columns |= self.intervals.columns(np.moveaxis(forecasts.ends, 1, 2))
        return pd.DataFrame({name: values.reshape(-1) for name, values in columns.items()})


def check_forecasts(forecasts: Forecasts) -> None:
    """Raise DataError if a forecast is not a finite number."""
    is_valid = np.isfinite(forecasts.values).reshape(len(forecasts.names), -1).all(axis=1)
    if not is_valid.all():
        raise DataError(
            f"the forecast of series {forecasts.names[int(is_valid.argmin())]!r} is not a finite "
            "number: its last rows have a value that is too far from those of the training"
        )
