"""Data sets: LightningDataModules, one data set (or family) a file."""

from rnnlab.data.base import DataModule
from rnnlab.data.imdb import IMDBDataModule
from rnnlab.data.imdb_text import IMDBTextDataModule
from rnnlab.data.kjv import KJVDataModule
from rnnlab.data.ptb import PTBDataModule
from rnnlab.data.sine import SineDataModule
from rnnlab.data.text_classification import TextClassificationDataModule
from rnnlab.data.text_file import LanguageModelingDataModule
from rnnlab.data.wikitext2 import WikiText2DataModule

__all__ = [
    "DataModule",
    "IMDBDataModule",
    "IMDBTextDataModule",
    "KJVDataModule",
    "LanguageModelingDataModule",
    "PTBDataModule",
    "SineDataModule",
    "TextClassificationDataModule",
    "WikiText2DataModule",
]
