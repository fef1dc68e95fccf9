"""Multi30k, image captions in several languages (Elliott et al., 2016, arXiv:1605.00459)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from rnnlab.config.types import PositiveInt
from rnnlab.data.prepared import Source
from rnnlab.data.readers.sentence_pairs import Pairs, pairs_from_lists
from rnnlab.data.sources.hub import HUB_SPLITS, load_from_hub
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.sources.split_names import SplitNames
from rnnlab.data.translation import SPLIT_SETTINGS, TABLE_SETTINGS, ParallelTextDataModule
from rnnlab.errors import ConfigError

MULTI30K = "bentrevett/multi30k"
HUB_LANGUAGES = {"de", "en"}

Language = Literal["de", "en", "fr", "cs"]
TestSet = Literal["test_2016_flickr", "test_2017_flickr", "test_2017_mscoco"]


class Multi30kDataModule(ParallelTextDataModule):
    """29,000 training pairs, 1,014 validation pairs, and three test sets.

    hub: German and English, with test_2016_flickr.
    local: a folder with train.de.gz, train.en.gz, val.de.gz ..., as the authors published it, in
        German, English, French and Czech.

    Args:
        source_language: de | en | fr | cs.
        target_language: de | en | fr | cs.
        test_set: test_2016_flickr | test_2017_flickr | test_2017_mscoco.
        vocab_size, lower, settings: see ParallelTextDataModule; `path` is the folder.
    """

    available_sources = ("hub", "local")
    fixed_settings = frozenset({*SPLIT_SETTINGS, *TABLE_SETTINGS, "target_path"})

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
            raise ConfigError(
                f"data.target_language={target_language}: is also the source language"
            )
        self.test_set = test_set

    def split_names(self) -> SplitNames:
        return {"train": ("train",), "val": ("val",), "test": (self.test_set, "test")}

    def describe_unused(self, files: Iterable[Path]) -> list[str]:
        """Return nothing: the published folder has further languages and test sets."""
        return []

    def hub(self) -> Source:
        if set(self.languages) != HUB_LANGUAGES or self.test_set != "test_2016_flickr":
            raise ConfigError(
                f"data.source=hub: {MULTI30K} has German and English with test_2016_flickr, not "
                f"{'-'.join(self.languages)} with {self.test_set}; set data.path to the "
                "folder of the published files"
            )
        return Source(Provenance("hub", MULTI30K), self._read_hub)

    def _read_hub(self) -> dict[str, Pairs]:
        dataset = load_from_hub(MULTI30K, list(HUB_SPLITS.values()))
        splits: dict[str, Pairs] = {}
        for split, name in HUB_SPLITS.items():
            source, target = ([*map(str.strip, dataset[name][side])] for side in self.languages)
            splits[split] = pairs_from_lists(f"{MULTI30K} {name}", source, target)
        return splits
