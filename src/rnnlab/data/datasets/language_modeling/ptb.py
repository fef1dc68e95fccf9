"""Penn Treebank, in the preparation of Mikolov et al. (2010)."""

from rnnlab.data.language_modeling import LanguageModelingDataModule, read_hub_lines
from rnnlab.data.prepared import Source
from rnnlab.data.sources.provenance import Provenance

NAME, CONFIG = "ptb_text_only", "penn_treebank"
PTB_REVISION = "refs/convert/parquet"  # the main revision is a script, which is not supported


class PTBDataModule(LanguageModelingDataModule):
    """Newspaper sentences in lower case, with N for numbers: 9,999 words and <eos>.

    With words and the full vocabulary the numbers of tokens equal the published ones, so
    perplexities are comparable with published results.

    hub: `ptb_text_only`.
    local: a folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt, optionally compressed.
    """

    available_sources = ("hub", "local")
    published_sizes = {"train": 929_589, "val": 73_760, "test": 82_430}  # noqa: RUF012

    def hub(self) -> Source:
        return Source(
            Provenance("hub", NAME), lambda: read_hub_lines(NAME, CONFIG, "sentence", PTB_REVISION)
        )
