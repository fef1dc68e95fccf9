"""IMDB movie reviews (Maas et al., 2011) as text for language modelling."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rnnlab.config.types import Seed, TypedName
from rnnlab.data.base import SPLITS
from rnnlab.data.datasets.classification.imdb import IMDBDataModule
from rnnlab.data.language_modeling import HELD_OUT, LanguageModelingDataModule
from rnnlab.data.loaders.splits import split_by_group
from rnnlab.data.prepared import Prepared, Source
from rnnlab.data.readers.lines import Lines, TextRows
from rnnlab.data.text.labelled_texts import LabelledTexts, drop_empty, remove_leakage
from rnnlab.data.text.spooled_texts import number_texts

_LINE_BREAKS = re.compile(r"(?:<br\s*/?>|\s)+")


class IMDBTextDataModule(LanguageModelingDataModule):
    """Movie reviews, one per line; see IMDBDataModule for the sources.

    Validation, and the test if the source has no test split, are random samples of reviews.
    Reviews of one movie and equal texts are always in the same split.

    Args:
        text_column: column of the review.
        group_column: column of the movie; None for "movie", if the table has it.
        split_seed: seed of the splits.
        settings: see LanguageModelingDataModule; `path` is a table of reviews, or a folder with
            train.csv and test.csv (and optionally val.csv).
    """

    available_sources = ("embedded", "hub", "local")

    def __init__(
        self,
        text_column: TypedName = "text",
        group_column: TypedName | None = None,
        split_seed: Seed = 0,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.split_seed = split_seed
        self.reviews = IMDBDataModule(
            self.source, self.path, text_column, group_column=group_column, encoding=self.encoding
        )

    def packaged(self) -> Source:
        return self.reviews.packaged()

    def hub(self) -> Source:
        return self.reviews.hub()

    def local(self) -> Source:
        return self.reviews.local()

    def settings(self) -> dict[str, Any]:
        columns = asdict(self.reviews.columns)
        return {**super().settings(), "columns": columns, "split_seed": self.split_seed}

    def prepare(self, raw: Any, folder: Path) -> Prepared:
        notes = [note for texts in raw.values() for note in texts.notes]
        parts = {name: drop_empty(texts, notes) for name, texts in raw.items()}
        splits = remove_leakage({**parts, **self._draw_splits(parts)}, notes)
        lines = {split: to_lines(splits[split].texts) for split in SPLITS}
        result = super().prepare(lines, folder)
        return replace(result, notes=[*notes, *result.notes])

    def _draw_splits(self, parts: Mapping[str, LabelledTexts]) -> dict[str, LabelledTexts]:
        """Return train and the splits that the source does not have, divided by movie or text."""
        whole = parts["all"] if "all" in parts else parts["train"]
        count = len(whole.texts)
        sizes = {
            split: round(self.shares[split] * count) for split in HELD_OUT if split not in parts
        }
        rows = split_by_group(whole.groups or number_texts(whole.texts), sizes, self.split_seed)
        return {split: whole.take(members) for split, members in rows.items()}


def to_lines(texts: Sequence[str]) -> Lines:
    """Return each review as one line, with spaces for its line breaks."""
    return TextRows([_LINE_BREAKS.sub(" ", text) for text in texts])
