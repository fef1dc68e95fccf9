"""Data sets: LightningDataModules, one data set (or family) a file, imported when asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.data.base import DataModule as DataModule

HOMES = {  # class -> its module
    "AddingDataModule": "adding",
    "CopyingDataModule": "copying",
    "DataModule": "base",
    "IMDBDataModule": "imdb",
    "SineDataModule": "sine",
    "TextClassificationDataModule": "text_classification",
}


def __getattr__(name: str) -> Any:
    """A data set; so that `python -m rnnlab.data --help` waits for none of them."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(HOMES)
