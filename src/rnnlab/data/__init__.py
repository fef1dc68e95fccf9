"""Data sets: LightningDataModules, one data set (or family) a file, imported when asked for.

The names below are short cuts; the `_target_` of a YAML file may name any class by its module.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.data.base import DataModule as DataModule

HOMES = {  # class -> its module
    "AddingDataModule": "adding",
    "CopyingDataModule": "copying",
    "CsvSeriesDataModule": "csv_series",
    "DataModule": "base",
    "ETTDataModule": "ett",
    "IMDBDataModule": "imdb",
    "IMDBTextDataModule": "imdb_text",
    "InterfaceStringsDataModule": "interface_strings",
    "KJVDataModule": "kjv",
    "LanguageModelingDataModule": "text_file",
    "Multi30kDataModule": "multi30k",
    "NumbersDataModule": "numbers",
    "ParallelTextDataModule": "parallel_text",
    "PTBDataModule": "ptb",
    "PreparedDataModule": "prepared",
    "RottenTomatoesDataModule": "rotten_tomatoes",
    "SMSSpamDataModule": "sms_spam",
    "SineDataModule": "sine",
    "StocksDataModule": "stocks",
    "TextClassificationDataModule": "text_classification",
    "WeatherDataModule": "weather",
    "WikiText2DataModule": "wikitext2",
}


def __getattr__(name: str) -> Any:
    """A data set; so that `python -m rnnlab.data --help` waits for none of them."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(HOMES)
