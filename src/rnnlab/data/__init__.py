"""Data sets: LightningDataModules, one data set (or family) a file."""

from rnnlab.data.base import DataModule
from rnnlab.data.imdb import IMDBDataModule
from rnnlab.data.sine import SineDataModule
from rnnlab.data.text_classification import TextClassificationDataModule

__all__ = ["DataModule", "IMDBDataModule", "SineDataModule", "TextClassificationDataModule"]
