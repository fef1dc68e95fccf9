"""A CSV file of yours with one or several series."""

from rnnlab.data.forecasting import SeriesDataModule


class CsvSeriesDataModule(SeriesDataModule):
    """Series in one CSV file: a row for each time (and series); see SeriesDataModule."""

    available_sources = ("local",)
