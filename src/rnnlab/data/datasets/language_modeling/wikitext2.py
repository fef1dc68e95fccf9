"""WikiText-2 (Merity et al., 2017, https://arxiv.org/abs/1609.07843)."""

from rnnlab.data.language_modeling import LanguageModelingDataModule, read_hub_lines
from rnnlab.data.prepared import Source
from rnnlab.data.sources.provenance import Provenance

NAME, CONFIG = "Salesforce/wikitext", "wikitext-2-v1"


class WikiText2DataModule(LanguageModelingDataModule):
    """Good and featured articles of Wikipedia: 33,278 words, including <unk> and <eos>.

    With words and the full vocabulary the numbers of tokens equal the published ones, which count
    one <eos> for a blank line.

    hub: `Salesforce/wikitext`, wikitext-2-v1.
    local: a folder with wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens, optionally
        compressed.
    """

    available_sources = ("hub", "local")
    published_sizes = {"train": 2_088_628, "val": 217_646, "test": 245_569}  # noqa: RUF012

    def hub(self) -> Source:
        return Source(
            Provenance("hub", f"{NAME} {CONFIG}"), lambda: read_hub_lines(NAME, CONFIG, "text")
        )
