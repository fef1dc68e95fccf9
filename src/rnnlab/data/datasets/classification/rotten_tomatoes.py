"""Sentences of Rotten Tomatoes, positive or negative (Pang & Lee, 2005)."""

from rnnlab.data.prepared import Source
from rnnlab.data.sources.hub import HUB_SPLITS
from rnnlab.data.sources.movie_reviews import movie_reviews
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.labelled_texts import read_hub_texts
from rnnlab.data.text_classification import TextClassificationDataModule

ROTTEN_TOMATOES_HUB_NAME = "cornell-movie-review-data/rotten_tomatoes"


class RottenTomatoesDataModule(TextClassificationDataModule):
    """10,662 sentences of reviews, two classes (https://aclanthology.org/P05-1015).

    embedded: the 8,530 sentences of the hub's training split, as the package `movie-reviews` has
        contains them, split again. Scores are not comparable with those on the hub's test split.
    hub: 8,530 train, 1,066 validation, 1,066 test. Sentences of one review are in several splits,
        so that scores are somewhat too high.
    local: your own labelled texts.
    """

    available_sources = ("embedded", "hub", "local")

    def packaged(self) -> Source:
        return movie_reviews("rotten_tomatoes", "only the training split, split again")

    def hub(self) -> Source:
        return Source(
            Provenance("hub", ROTTEN_TOMATOES_HUB_NAME),
            lambda: read_hub_texts(ROTTEN_TOMATOES_HUB_NAME, HUB_SPLITS),
        )
