"""Data sets: LightningDataModules, one data set (or family) a file."""

from rnnlab.data.base import DataModule
from rnnlab.data.imdb import IMDBDataModule
from rnnlab.data.rotten_tomatoes import RottenTomatoesDataModule
from rnnlab.data.sine import SineDataModule
from rnnlab.data.sms_spam import SMSSpamDataModule
from rnnlab.data.text_classification import TextClassificationDataModule

__all__ = [
    "DataModule",
    "IMDBDataModule",
    "RottenTomatoesDataModule",
    "SMSSpamDataModule",
    "SineDataModule",
    "TextClassificationDataModule",
]
