"""Sentences of Rotten Tomatoes, positive or negative (Pang & Lee, 2005)."""

from rnnlab.data.prepared import Source
from rnnlab.data.sources.movie_reviews import movie_reviews
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.labelled_texts import read_hub
from rnnlab.data.text_classification import TextClassificationDataModule

HUB_NAME = "cornell-movie-review-data/rotten_tomatoes"
HUB_SPLITS = {"train": "train", "val": "validation", "test": "test"}


class RottenTomatoesDataModule(TextClassificationDataModule):
    """10,662 sentences of reviews, two classes (https://aclanthology.org/P05-1015).

    embedded: the 8,530 sentences of the hub's training split, as the package `movie-reviews` has
        them, split anew. Its scores are not comparable with those on the hub's test split.
    hub: 8,530 train, 1,066 validation, 1,066 test. A review gave several sentences, and the splits
        do not keep them together: its scores read somewhat high.
    local: labelled texts of yours.
    """

    available_sources = ("embedded", "hub", "local")

    def packaged(self) -> Source:
        """See PreparedDataModule."""
        return movie_reviews("rotten_tomatoes", "the training split alone, split anew")

    def hub(self) -> Source:
        """See PreparedDataModule."""
        return Source(Provenance("hub", HUB_NAME), lambda: read_hub(HUB_NAME, HUB_SPLITS))
