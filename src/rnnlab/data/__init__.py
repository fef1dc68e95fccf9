"""Data sets: LightningDataModules, one data set (or family) a file."""

from rnnlab.data.base import DataModule
from rnnlab.data.csv_series import CsvSeriesDataModule
from rnnlab.data.ett import ETTDataModule
from rnnlab.data.imdb import IMDBDataModule
from rnnlab.data.prepared import PreparedDataModule
from rnnlab.data.sine import SineDataModule
from rnnlab.data.stocks import StocksDataModule
from rnnlab.data.text_classification import TextClassificationDataModule
from rnnlab.data.weather import WeatherDataModule

__all__ = [
    "CsvSeriesDataModule",
    "DataModule",
    "ETTDataModule",
    "IMDBDataModule",
    "PreparedDataModule",
    "SineDataModule",
    "StocksDataModule",
    "TextClassificationDataModule",
    "WeatherDataModule",
]
