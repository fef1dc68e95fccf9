"""IMDB movie reviews, positive or negative (Maas et al., 2011, https://aclanthology.org/P11-1015)."""

from rnnlab.data.prepared import Source
from rnnlab.data.sources.movie_reviews import movie_reviews
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.labelled_texts import read_hub_texts
from rnnlab.data.text_classification import TextClassificationDataModule

IMDB_HUB_NAME = "stanfordnlp/imdb"


class IMDBDataModule(TextClassificationDataModule):
    """50,000 reviews, two classes.

    embedded: the 25,000 reviews of the official training half in the package `movie-reviews`, split
        20,000 / 2,500 / 2,500 without equal texts in two splits. Scores are not comparable with
        those on the official test half.
    hub: the official halves. Validation is a random part of training, so that its score is too
        high: reviews of one movie are in both.
    local: the official halves as train.csv and test.csv with the columns text, label and
        optionally movie, which keeps reviews of a movie in one split; or your own labelled texts.
    """

    available_sources = ("embedded", "hub", "local")
    default_group = "movie"

    def packaged(self) -> Source:
        note = "only the official training half, split again: not the official test"
        return movie_reviews("imdb", note)

    def hub(self) -> Source:
        note = "validation is a random part of training: its score is too high"
        provenance = Provenance("hub", IMDB_HUB_NAME, notes=[note])
        return Source(
            provenance, lambda: read_hub_texts(IMDB_HUB_NAME, {"train": "train", "test": "test"})
        )
