"""Daily stock prices: their returns, their volatility, or the prices themselves."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.base import Split
from rnnlab.data.baselines.forecasting import Forecast, constant, ewma, fit_har
from rnnlab.data.forecasting import SeriesDataModule, SeriesVariables
from rnnlab.data.loaders.windows import Windows
from rnnlab.data.prepared import Prepared, Source
from rnnlab.data.readers.files import COMPRESSIONS, file_format
from rnnlab.data.readers.series import Series, SeriesColumns, as_date, joined, read_series
from rnnlab.data.scaling import differences
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.packages import package_file, package_version
from rnnlab.data.sources.provenance import Provenance
from rnnlab.errors import ConfigError, DataError

PACKAGE, FILE = "bokeh_sampledata", "_data/stocks.csv.gz"
EWMA_DECAY, EWMA_DAYS = 0.94, 150  # RiskMetrics, 1996; 0.94^150 = 0.01% is left of what is before
Wanted = Literal["return", "volatility", "price"]


class StocksDataModule(SeriesDataModule):
    """Many stocks, one network for all; split at the same dates in all of them.

    embedded: AAPL, IBM and MSFT, 2000 to 2013, as the package `bokeh-sampledata` has them, with
        prices adjusted for splits and dividends.
    local: a folder with a CSV for each stock, or one CSV with a column that names the stock
        (data.series_column); columns Date, High, Low, Close and Volume.

    The log return of a day is what hardly anyone can forecast; its absolute value, the volatility,
    goes in waves and can be. Prices are forecast through their log returns, and scored as prices.

    Args:
        forecast: return | volatility | price.
        close_column: column of the price.
        settings: see SeriesDataModule.
    """

    available_sources = ("embedded", "local")

    def __init__(
        self, forecast: Wanted = "return", close_column: str = "Close", **settings: Any
    ) -> None:
        super().__init__(**settings)
        if self.target_columns or self.covariate_columns:
            raise ConfigError(
                "data.target_columns: stocks have data.forecast=return | volatility | price; for "
                "columns of your own choose data=csv_series"
            )
        if forecast == "price" and (self.transform, self.report_in) != ("log_return", "original"):
            raise ConfigError(
                "data.forecast=price needs data.transform=log_return data.report_in=original"
            )
        if forecast != "price" and self.transform == "log_return":
            raise ConfigError(
                f"data.transform=log_return: a {forecast} is one already; choose none"
            )
        self.forecast, self.close_column = forecast, close_column

    # Where prices come from.

    def packaged(self) -> Source:
        """See PreparedDataModule."""
        file = package_file(PACKAGE, FILE)
        version = package_version("bokeh-sampledata")
        known = Provenance("embedded", "bokeh-sampledata", version, file_sha256(file))
        return Source(known, lambda: self._read_files([file], "Adj Close", "Ticker"), "stocks")

    def local(self) -> Source:
        """See PreparedDataModule."""
        path = self.local_path()
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file_format(file) == ".csv")
            if not files:
                raise DataError(f"{path}: there is no .csv file, also not compressed")
        sha256 = "+".join(file_sha256(file)[:16] for file in files)
        known = Provenance("local", str(self.path), sha256=sha256)
        series = None if path.is_dir() else self.columns.series
        return Source(known, lambda: self._read_files(files, self.close_column, series), "stocks")

    def _read_files(
        self, files: list[Path], close: str, series: str | None
    ) -> tuple[Series, list[str]]:
        """All stocks: High, Low, Close and Volume of each day."""
        date = self.columns.date or "Date"
        columns = SeriesColumns(
            date,
            ("High", "Low", close, "Volume"),
            series,
            self.columns.delimiter,
            self.columns.encoding,
            self.columns.date_format,
            self.columns.missing_values,
            self.columns.missing,
            self.columns.duplicates,
        )
        notes: list[str] = []
        parts = [(ticker(file), read_series(file, columns, notes)) for file in files]
        return joined(parts, keep_names=series is not None), notes

    def settings(self) -> dict[str, Any]:
        """See PreparedDataModule."""
        return {**super().settings(), "close": self.close_column}

    def prepare(self, raw: tuple[Series, list[str]], folder: Path) -> Prepared:
        """See PreparedDataModule: returns, ranges, turnover and prices, from the second day on."""
        series, notes = raw
        high, low, close, volume = series.values.T
        if (close <= 0).any():
            day = as_date(series.times[close <= 0][0])
            raise DataError(f"{self.path or PACKAGE}: a closing price of {day} is not positive")
        wrong = (high <= 0) | (low <= 0)
        if wrong.any():
            first = as_date(series.times[wrong][0])
            notes = [*notes, f"{wrong.sum():,} highs or lows of 0 read as the close ({first} ...)"]
            high, low = np.where(high > 0, high, close), np.where(low > 0, low, close)
        starts = series.offsets[:-1]
        values = np.column_stack(
            [
                differences(np.log(close)[:, None], starts)[:, 0],
                np.log(np.maximum(high, low) / np.minimum(high, low)),
                differences(np.log1p(volume)[:, None], starts)[:, 0],
                close,
            ]
        )
        kept = np.ones(len(values), dtype=bool)
        kept[starts] = False  # the first day has no return
        offsets = series.offsets - np.arange(len(series.offsets))
        columns = ["return", "range", "turnover", "price"]
        made = Series(values[kept], series.times[kept], offsets, columns, series.names)
        return super().prepare((made, notes), folder)

    def select_variables(self, series: Series) -> SeriesVariables:
        """See SeriesDataModule."""
        name: str = self.forecast
        covariates = ["range", "turnover"]
        targets = series.column("return" if name == "volatility" else name)
        if name == "volatility":
            name, covariates, targets = "|return|", ["return", *covariates], np.abs(targets)
        return SeriesVariables(targets, [name], series.column(*covariates), covariates)

    # Baselines.

    @property
    def headline_baselines(self) -> tuple[str, ...]:  # type: ignore[override]
        """See SeriesDataModule."""
        special = {"return": "random walk", "volatility": "HAR", "price": "persistence"}
        return (special[self.forecast], "seasonal naive")

    def baseline_forecasts(self, split: Split) -> dict[str, Forecast]:
        """See SeriesDataModule; with the usual forecasts of returns and of volatility."""
        windows = self.windows[split]
        forecasts = super().baseline_forecasts(split)
        if self.forecast == "return":
            zeros = np.zeros((len(windows), 1), dtype=np.float32)
            return {"random walk": constant(windows, zeros), **forecasts}
        if self.forecast == "volatility" and self.history > EWMA_DAYS:
            special = {"HAR": self.har(windows), "EWMA": ewma(windows, EWMA_DECAY, EWMA_DAYS)}
            return {**special, **forecasts}
        return forecasts

    @cached_property
    def har(self) -> Callable[[Windows], Forecast]:
        """Heterogeneous autoregression, fitted once; see fit_har."""
        return fit_har(self.train_windows(22))

    def naive_errors(self) -> NDArray[Any]:
        """See SeriesDataModule; the naive forecast of a return is an unchanged price."""
        if self.forecast != "return":
            return super().naive_errors()
        ranges = zip(self._starts, self._borders[0], strict=True)
        return np.stack([np.abs(self.targets[begin:end]).mean(axis=0) for begin, end in ranges])


def ticker(file: Path) -> str:
    """The name of a stock, from that of its file.

    >>> ticker(Path("IBM_2006-01-01_to_2018-01-01.csv.xz"))
    'IBM'
    """
    name = file.name
    for ending in (*COMPRESSIONS, ".csv"):
        name = name.removesuffix(ending)
    return name.split("_")[0]
