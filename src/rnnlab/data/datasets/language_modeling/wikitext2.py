"""WikiText-2 (Merity et al., 2017, https://arxiv.org/abs/1609.07843)."""

from rnnlab.data.language_modeling import LanguageModelingDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.readers.lines import TextRows
from rnnlab.data.sources.hub import load_from_hub
from rnnlab.data.sources.provenance import Provenance

HUB_NAME, HUB_CONFIG = "Salesforce/wikitext", "wikitext-2-v1"


class WikiText2DataModule(LanguageModelingDataModule):
    """Articles of Wikipedia that their authors call good: 33,278 words, <unk> and <eos> included.

    With words and a full vocabulary the counts of tokens are the published ones, where a blank line
    counts one <eos>.

    hub: `Salesforce/wikitext`, wikitext-2-v1.
    local: a folder with wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens, which may be
        compressed.
    """

    available_sources = ("hub", "local")
    published = {"train": 2_088_628, "val": 217_646, "test": 245_569}  # noqa: RUF012

    def hub(self) -> Source:
        """See PreparedDataModule."""
        return Source(Provenance("hub", f"{HUB_NAME} {HUB_CONFIG}"), read_hub)


def read_hub() -> dict[str, TextRows]:
    """The three splits on the hub; a row is a line, of which blank ones are empty."""
    names = {"train": "train", "val": "validation", "test": "test"}
    found = load_from_hub(HUB_NAME, list(names.values()), HUB_CONFIG)
    return {split: TextRows(found[name]["text"]) for split, name in names.items()}
