"""IMDB movie reviews, positive or negative (Maas et al., 2011, https://aclanthology.org/P11-1015)."""

from rnnlab.data.prepared import Source
from rnnlab.data.sources.movie_reviews import movie_reviews
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.labelled_texts import read_hub
from rnnlab.data.text_classification import TextClassificationDataModule

HUB_NAME = "stanfordnlp/imdb"


class IMDBDataModule(TextClassificationDataModule):
    """50,000 reviews, two classes.

    embedded: the 25,000 reviews of the official training half, as the package `movie-reviews` has
        them, split 20,000 / 2,500 / 2,500; no text stands in two splits. Its scores are not
        comparable with those on the official test half.
    hub: the official halves; validation is cut from training at random, which reads too
        high, since reviews of one movie stand on both sides.
    local: the official halves as train.csv and test.csv with the columns text, label and perhaps
        movie, by which validation is then cut; or any labelled texts of yours.
    """

    available_sources = ("embedded", "hub", "local")

    def packaged(self) -> Source:
        """See PreparedDataModule."""
        note = "the official training half alone, split anew: not the official test"
        return movie_reviews("imdb", note)

    def hub(self) -> Source:
        """See PreparedDataModule."""
        note = "validation is a random cut of training: reads too high"
        known = Provenance("hub", HUB_NAME, notes=[note])
        return Source(known, lambda: read_hub(HUB_NAME, {"train": "train", "test": "test"}))
