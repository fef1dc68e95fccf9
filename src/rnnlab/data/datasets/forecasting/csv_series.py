"""Your own file with one or several time series."""

from rnnlab.data.forecasting import SeriesDataModule


class CsvSeriesDataModule(SeriesDataModule):
    """Series in one table with a row for each time (and series); see SeriesDataModule."""

    available_sources = ("local",)
