"""Multi30k: captions of pictures in several languages (Elliott et al., 2016, arXiv:1605.00459)."""

from typing import Literal

from rnnlab.config.types import NonNegativeInt, PositiveInt
from rnnlab.data.base import Split
from rnnlab.data.prepared import Source
from rnnlab.data.readers.sentence_pairs import Pairs, pairs_from_lists
from rnnlab.data.sources.hub import load_from_hub
from rnnlab.data.sources.provenance import Provenance, SourceName
from rnnlab.data.text.tokenizers import TokenKind
from rnnlab.data.translation import ParallelTextDataModule
from rnnlab.errors import ConfigError

HUB_NAME = "bentrevett/multi30k"
HUB_LANGUAGES = {"de", "en"}
HUB_SPLITS = {"train": "train", "val": "validation", "test": "test"}

Language = Literal["de", "en", "fr", "cs"]
TestSet = Literal["test_2016_flickr", "test_2017_flickr", "test_2017_mscoco"]


class Multi30kDataModule(ParallelTextDataModule):
    """29,000 pairs for training, 1,014 for validation, and three test sets.

    hub: German and English, with test_2016_flickr.
    local: a folder with train.de.gz, train.en.gz, val.de.gz ..., as its makers published it, in
        German, English, French and Czech.

    Args:
        source: auto | hub | local.
        path: of the folder.
        source_language: de | en | fr | cs.
        target_language: de | en | fr | cs.
        test_set: test_2016_flickr | test_2017_flickr | test_2017_mscoco.
        tokens: see ParallelTextDataModule, as all below.
        vocab_size: tokens of the source.
        target_vocab_size: tokens of the target; None for as many.
        shared_vocabulary: one vocabulary for both sides.
        lower: lower case alone.
        seq_len: longest source in tokens.
        batch_size: pairs in a batch, on each device.
        batch_tokens: tokens of a batch, in place of `batch_size`.
        encoding: of the files.
        seed: of the order of the batches.
        shuffle: draw the batches anew in each epoch.
    """

    available_sources = ("hub", "local")

    def __init__(
        self,
        source: SourceName = "auto",
        path: str | None = None,
        source_language: Language = "de",
        target_language: Language = "en",
        test_set: TestSet = "test_2016_flickr",
        tokens: TokenKind = "bpe",
        vocab_size: PositiveInt = 6_000,
        target_vocab_size: PositiveInt | None = None,
        shared_vocabulary: bool = False,
        lower: bool = True,
        seq_len: PositiveInt = 60,
        batch_size: PositiveInt = 64,
        batch_tokens: PositiveInt | None = None,
        encoding: str = "utf-8",
        seed: NonNegativeInt = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(
            source,
            path,
            None,
            source_language,
            target_language,
            tokens,
            vocab_size,
            target_vocab_size,
            shared_vocabulary,
            lower,
            seq_len,
            batch_size,
            batch_tokens,
            encoding=encoding,
            seed=seed,
            shuffle=shuffle,
        )
        if source_language == target_language:
            raise ConfigError(f"data.target_language={target_language}: is the source language too")
        self.test_set = test_set

    def stems(self) -> dict[Split, tuple[str, ...]]:
        """See ParallelTextDataModule."""
        return {"train": ("train",), "val": ("val",), "test": (self.test_set, "test")}

    def hub(self) -> Source:
        """See PreparedDataModule."""
        there = set(self.languages) == HUB_LANGUAGES and self.test_set == "test_2016_flickr"
        if not there:
            raise ConfigError(
                f"data.source=hub: {HUB_NAME} has German and English with test_2016_flickr, not "
                f"{'-'.join(self.languages)} with {self.test_set}; give the folder of the "
                "published files with data.path"
            )
        return Source(Provenance("hub", HUB_NAME), self._read_hub)

    def _read_hub(self) -> dict[str, Pairs]:
        halves = load_from_hub(HUB_NAME, list(HUB_SPLITS.values()))
        source, target = self.languages
        return {
            split: pairs_from_lists(
                f"{HUB_NAME} {name}",
                [text.strip() for text in halves[name][source]],
                [text.strip() for text in halves[name][target]],
            )
            for split, name in HUB_SPLITS.items()
        }
