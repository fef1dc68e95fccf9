"""The Penn Treebank as a text, in the preparation of Mikolov et al. (2010)."""

from rnnlab.data.language_modeling import LanguageModelingDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.readers.lines import TextRows
from rnnlab.data.sources.hub import load_from_hub
from rnnlab.data.sources.provenance import Provenance

HUB_NAME, HUB_CONFIG = "ptb_text_only", "penn_treebank"
HUB_REVISION = "refs/convert/parquet"  # the data set itself is a script, which is no longer run


class PTBDataModule(LanguageModelingDataModule):
    """Newspaper sentences, in lower case, numbers as N, 9,999 words and <eos>.

    With words and a full vocabulary the counts of tokens are the published ones, and perplexities
    can be compared with published ones.

    hub: `ptb_text_only`.
    local: a folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt, which may be compressed.
    """

    available_sources = ("hub", "local")
    published = {"train": 929_589, "val": 73_760, "test": 82_430}  # noqa: RUF012

    def hub(self) -> Source:
        """See PreparedDataModule."""
        return Source(Provenance("hub", HUB_NAME), read_hub)


def read_hub() -> dict[str, TextRows]:
    """The three splits on the hub, a sentence a line."""
    names = {"train": "train", "val": "validation", "test": "test"}
    found = load_from_hub(HUB_NAME, list(names.values()), HUB_CONFIG, HUB_REVISION)
    return {split: TextRows(found[name]["sentence"]) for split, name in names.items()}
