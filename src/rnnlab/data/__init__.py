"""Data sets: LightningDataModules, one data set (or family) a file."""

from rnnlab.data.base import DataModule
from rnnlab.data.imdb import IMDBDataModule
from rnnlab.data.interface_strings import InterfaceStringsDataModule
from rnnlab.data.multi30k import Multi30kDataModule
from rnnlab.data.numbers import NumbersDataModule
from rnnlab.data.parallel_text import ParallelTextDataModule
from rnnlab.data.sine import SineDataModule
from rnnlab.data.text_classification import TextClassificationDataModule

__all__ = [
    "DataModule",
    "IMDBDataModule",
    "InterfaceStringsDataModule",
    "Multi30kDataModule",
    "NumbersDataModule",
    "ParallelTextDataModule",
    "SineDataModule",
    "TextClassificationDataModule",
]
