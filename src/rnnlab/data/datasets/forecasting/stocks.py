"""Daily stocks: returns, volatility or prices."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rnnlab.data.baselines.forecasting import (
    Forecast,
    constant_forecast,
    ewma,
    fit_har,
)
from rnnlab.data.baselines.series import SeriesBaselines, SeriesSplits
from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.data.loaders.windows import Windows
from rnnlab.data.prepared import Prepared, Source
from rnnlab.data.readers.dates import format_time
from rnnlab.data.readers.files import COMPRESSIONS, file_format
from rnnlab.data.readers.series import Series, join_series, read_series, series_of_table
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.readers.tables import TABLE_READERS, Table, is_table
from rnnlab.data.scaling import first_differences
from rnnlab.data.series.example import example_dates, wave
from rnnlab.data.series.processor import SeriesProcessor
from rnnlab.data.series.variables import SeriesVariables
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.packages import package_file, packaged_source
from rnnlab.data.sources.provenance import Provenance
from rnnlab.errors import ConfigError, DataError
from rnnlab.metrics.forecasting import divide
from rnnlab.spec import Array

if TYPE_CHECKING:
    import pandas as pd

PACKAGE, FILE = "bokeh_sampledata", "_data/stocks.csv.gz"
EWMA_DECAY, EWMA_DAYS = (0.94, 150)  # RiskMetrics, 1996; 0.94^150 = 0.01%
StockVariable = Literal["return", "volatility", "price"]


class StocksDataModule(SeriesDataModule):
    """Daily prices of many stocks, forecast by one network and split at the same dates.

    embedded: AAPL, IBM and MSFT, 2000 to 2013, from the package `bokeh-sampledata`; prices are
        adjusted for splits and dividends.
    local: a folder with a table for each stock, or one table with a column that names the stock
        (data.series_column); columns Date, High, Low, Close and Volume.

    The daily log return is hardly predictable. Its absolute value, the volatility, comes in
    clusters and is. Prices are forecast through their log returns and scored as prices.

    Args:
        forecast: return | volatility | price.
        close_column: column of the price.
        settings: see SeriesDataModule.
    """

    available_sources = ("embedded", "local")

    def __init__(
        self, forecast: StockVariable = "return", close_column: str = "Close", **settings: Any
    ) -> None:
        super().__init__(**settings)
        inputs = (self.columns.covariates, self.columns.known, self.columns.static)
        if self.columns.values or any(inputs):
            raise ConfigError(
                "data.target_columns: stocks have data.forecast=return | volatility | price; for "
                "your own columns choose data=csv_series"
            )
        if self.test_path:
            raise ConfigError("data.test_path: stocks are split by date; use data.test_from")
        if forecast == "price" and (self.transform, self.report_in) != ("log_return", "original"):
            raise ConfigError(
                "data.forecast=price: needs data.transform=log_return data.report_in=original"
            )
        if forecast != "price" and self.transform == "log_return":
            raise ConfigError(
                f"data.transform=log_return: a {forecast} is one already; choose none"
            )
        self.forecast, self.close_column = forecast, close_column

    # Sources.

    def packaged(self) -> Source:
        file = package_file(PACKAGE, FILE)
        return packaged_source("bokeh-sampledata", file, self._read_package, "stocks")

    def _read_package(self, file: Path) -> tuple[Series, list[str]]:
        return self._read_files([file], "Adj Close", "Ticker")

    def local(self) -> Source:
        path = self.local_path()
        files = [path]
        if path.is_dir():
            files = sorted(filter(is_table, path.iterdir()))
            if not files:
                raise DataError(
                    f"{path}: contains no table; choices: {', '.join(TABLE_READERS)}, each also "
                    f"with {', '.join(COMPRESSIONS)}"
                )
        sha256 = "+".join(file_sha256(file)[:16] for file in files)
        provenance = Provenance("local", str(self.path), sha256=sha256)
        series = None if path.is_dir() else self.columns.series
        formats = "+".join(["stocks", *map(file_format, files)])
        return Source(
            provenance, lambda: self._read_files(files, self.close_column, series), formats
        )

    def _read_files(
        self, files: Sequence[Path], close: str, series: str | None
    ) -> tuple[Series, list[str]]:
        """Read high, low, close and volume of each day of all stocks."""
        columns, notes = price_columns(replace(self.columns, series=series), close), list[str]()
        parts = [(ticker(file), read_series(file, columns, notes)) for file in files]
        return join_series(parts, keep_names=series is not None), notes

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "close": self.close_column}

    def prepare(self, raw: tuple[Series, list[str]], folder: Path) -> Prepared:
        """See PreparedDataModule; returns, ranges, turnover and prices from the second day on."""
        series, notes = raw
        features = stock_features(str(self.path or PACKAGE), series, notes)
        return super().prepare((features, notes), folder)

    def select_variables(self, series: Series) -> SeriesVariables:
        return select_stock_variables(series, self.forecast)

    def make_processor(self, *training: Any) -> SeriesProcessor:
        """See SeriesDataModule."""
        fields = vars(super().make_processor(*training))
        return StocksProcessor(**fields, forecast=self.forecast, close_column=self.close_column)

    def make_baselines(self, splits: SeriesSplits) -> SeriesBaselines:
        """See SeriesDataModule."""
        make = STOCK_BASELINES[self.forecast]
        return make(splits, self.season, self.ridge_window, self.transform == "last")


class ReturnBaselines(SeriesBaselines):
    """Also the random walk of prices, whose returns are zero."""

    headline = ("random walk", "seasonal naive")

    def methods(self) -> dict[str, Callable[[str], Forecast]]:
        """See SeriesBaselines."""
        return {"random walk": self.repeat_price, **super().methods()}

    def repeat_price(self, split: str) -> Forecast:
        """Return forecasts of zero."""
        windows = self.splits.windows[split]
        return constant_forecast(windows, np.zeros((len(windows), 1)))

    def naive_errors(self) -> Array:
        """See SeriesBaselines; the naive forecast of a return is an unchanged price."""
        parts = self.splits.train_parts()
        sizes = [np.where(observed, np.abs(part), 0.0).sum(axis=0) for part, observed in parts]
        return divide(np.stack(sizes), np.stack([observed.sum(axis=0) for _, observed in parts]))


class VolatilityBaselines(SeriesBaselines):
    """Also the usual forecasts of volatility, HAR and EWMA."""

    headline = ("HAR", "seasonal naive")

    def check(self) -> Iterator[tuple[str, str]]:
        """See SeriesBaselines."""
        yield from super().check()
        if self.splits.history <= EWMA_DAYS:
            reason = (
                f"it needs more than {EWMA_DAYS} training steps, and the shortest series has "
                f"{self.splits.history:,}"
            )
            yield from (("HAR", reason), ("EWMA", reason))

    def methods(self) -> dict[str, Callable[[str], Forecast]]:
        """See SeriesBaselines."""
        windows = self.splits.windows
        return {
            "HAR": lambda split: self.har(windows[split]),
            "EWMA": lambda split: ewma(windows[split], EWMA_DECAY, EWMA_DAYS),
            **super().methods(),
        }

    @cached_property
    def har(self) -> Callable[[Windows], Forecast]:
        """Heterogeneous autoregression, fitted once; see fit_har."""
        return fit_har(self.splits.train_windows(22))


STOCK_BASELINES: Mapping[StockVariable, type[SeriesBaselines]] = {
    "return": ReturnBaselines,
    "volatility": VolatilityBaselines,
    "price": SeriesBaselines,
}


@dataclass(frozen=True, kw_only=True)
class StocksProcessor(SeriesProcessor):
    """Processor of tables of prices; see StocksDataModule for the settings.

    The name of a stock is that of its table, unless a column has it.
    """

    forecast: StockVariable
    close_column: str

    def example_inputs(self) -> "pd.DataFrame":
        import pandas as pd

        columns = price_columns(self.columns, self.close_column)
        count = self.seq_len + 3
        prices = {name: wave(count, 100.0, 1.0) for name in (self.close_column, "Volume")}
        prices |= {"High": prices[self.close_column] + 1, "Low": prices[self.close_column] - 1}
        series = {columns.series: self.series[0]} if columns.series else {}
        table = pd.DataFrame({**example_dates(columns, count), **series, **prices})
        table.attrs["name"] = self.series[0]
        return table

    def read(self, table: Table, notes: list[str]) -> Series:
        """See SeriesProcessor."""
        columns = price_columns(self.columns, self.close_column)
        prices = series_of_table(table, columns, notes)
        names = prices.names if columns.series else [ticker(table.path)]
        return stock_features(str(table.path), replace(prices, names=names), notes)

    def select(self, series: Series) -> SeriesVariables:
        """See SeriesFeatures."""
        return select_stock_variables(series, self.forecast)


def price_columns(columns: SeriesColumns, close: str) -> SeriesColumns:
    """Return the columns of a table of prices."""
    values = ("High", "Low", close, "Volume")
    return replace(columns, date=columns.date or "Date", values=values)


def stock_features(source: str, series: Series, notes: list[str]) -> Series:
    """Return returns, ranges, turnovers and prices from the second day on.

    Args:
        source: path or name of the data in errors.
        series: high, low, close and volume of each day.
        notes: receives the number of highs and lows that are repaired.

    Raises:
        DataError: a price is not positive.
    """
    high, low, close, volume = series.values.T
    if (close <= 0).any():
        day = format_time(series.local_times[close <= 0][0], series.time_kind)
        raise DataError(f"{source}: a closing price of {day} is not positive")
    invalid = (high <= 0) | (low <= 0)
    if invalid.any():
        day = format_time(series.local_times[invalid][0], series.time_kind)
        notes.append(f"{invalid.sum():,} highs or lows of 0 read as the close ({day} ...)")
        high, low = np.where(high > 0, high, close), np.where(low > 0, low, close)
    starts = series.offsets[:-1]
    values = np.column_stack(
        [
            first_differences(np.log(close)[:, None], starts)[:, 0],
            np.log(np.maximum(high, low) / np.minimum(high, low)),
            first_differences(np.log1p(volume)[:, None], starts)[:, 0],
            close,
        ]
    )
    has_return = np.ones(len(values), dtype=bool)
    has_return[starts] = False  # the first day
    features = replace(
        series,
        values=values,
        observed=observed_features(series.observed),
        columns=["return", "range", "turnover", "price"],
    )
    return features.take_rows(has_return, series.offsets - np.arange(len(series.offsets)))


def select_stock_variables(series: Series, forecast: StockVariable) -> SeriesVariables:
    """Return the forecast variable and the covariates of the features of stocks."""
    name: str = forecast
    covariates = ["range", "turnover"]
    targets = series.column("return" if name == "volatility" else name)
    if name == "volatility":
        name, covariates, targets = "|return|", ["return", *covariates], np.abs(targets)
    mask = series.is_observed("price" if name == "price" else "return")
    return SeriesVariables(targets, mask, [name], series.column(*covariates), covariates, 0)


def observed_features(observed: Array) -> Array:
    """Return which returns, ranges, turnovers and prices need no filled value, (N, 4).

    `observed` is that of high, low, close and volume, (N, 4). A return needs the previous day too.
    """
    high, low, close, volume = observed.T
    changes = [np.append(False, days[:-1]) & days for days in (close, volume)]
    return np.column_stack([changes[0], high & low, changes[1], close])


def ticker(file: Path) -> str:
    """Return the name of a stock from that of its file.

    >>> ticker(Path("IBM_2006-01-01_to_2018-01-01.csv.xz"))
    'IBM'
    """
    plain = file.with_suffix("") if file.suffix.lower() in COMPRESSIONS else file
    return plain.stem.split("_")[0]
