"""Multi30k: captions of pictures in several languages (Elliott et al., 2016, arXiv:1605.00459)."""

from typing import Any, Literal

from rnnlab.config.types import PositiveInt
from rnnlab.data.base import Split
from rnnlab.data.prepared import Source
from rnnlab.data.readers.sentence_pairs import Pairs, pairs_from_lists
from rnnlab.data.sources.hub import load_from_hub
from rnnlab.data.sources.provenance import Provenance
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
        source_language: de | en | fr | cs.
        target_language: de | en | fr | cs.
        test_set: test_2016_flickr | test_2017_flickr | test_2017_mscoco.
        vocab_size: see ParallelTextDataModule.
        lower: see ParallelTextDataModule.
        settings: see ParallelTextDataModule; `path` is the folder.
    """

    available_sources = ("hub", "local")
    fixed_settings = frozenset({"target_path", "val_fraction", "test_fraction", "split_seed"})

    def __init__(
        self,
        source_language: Language = "de",
        target_language: Language = "en",
        test_set: TestSet = "test_2016_flickr",
        vocab_size: PositiveInt = 6_000,
        lower: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(
            source_language=source_language,
            target_language=target_language,
            vocab_size=vocab_size,
            lower=lower,
            **settings,
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
