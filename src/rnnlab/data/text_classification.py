"""Labelled texts: from a table to batches of tokens."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.data.base import Split
from rnnlab.data.cache import file_sha256
from rnnlab.data.labelled_texts import (
    Columns,
    Texts,
    check_labels,
    drop_empty,
    find_classes,
    load_text,
    purge,
    save_texts,
    texts_sha256,
)
from rnnlab.data.prepared import Prepared, PreparedDataModule, Source
from rnnlab.data.sources import Provenance, SourceName
from rnnlab.data.splits import split_by_group
from rnnlab.data.tables import check_file, find_table, kind_of
from rnnlab.data.text import SPECIAL, TOKENS_VERSION, Ragged, index_tokens, keep_frequent
from rnnlab.errors import ConfigError, DataError
from rnnlab.report.files import write_text
from rnnlab.spec import Batch, DataSpec
from rnnlab.values import Fraction, NonNegativeInt, PositiveInt, Share

SPLITS: tuple[Split, ...] = ("train", "val", "test")


class TextClassificationDataModule(PreparedDataModule):
    """Texts with one label each. A named data set adds where its texts come from.

    Args:
        source: auto | embedded | hub | local. auto takes your file if `path` is given, else the hub
            if it was read before or can be reached, else the data of an installed package.
        path: a file, or a folder with train.* and test.* (and perhaps val.*).
        text_column: column with the text.
        label_column: column with the label.
        group_column: column of what must not be spread over splits, such as the movie; taken
            where it exists.
        class_names: label -> the name to show for it.
        encoding: of CSV, TSV and JSON files.
        seq_len: longest sequence in tokens; of a longer one the middle is cut out.
        head_fraction: share of seq_len kept of a long text's beginning.
        batch_size: texts in a batch, on each device.
        vocab_size: tokens that are told apart, <pad> and <unk> included: the most frequent ones of
            the training split.
        val_fraction: share for validation, where the source has no such split.
        test_fraction: share for the test, where the source has no such split.
        split_seed: of these splits; the run's seed has no say in what is evaluated.
        seed: of the order of the batches.
        shuffle: draw the batches anew in each epoch.
    """

    tasks = ("classification",)

    def __init__(
        self,
        source: SourceName = "auto",
        path: str | None = None,
        text_column: str = "text",
        label_column: str = "label",
        group_column: str | None = None,
        class_names: dict[str, str] | None = None,
        encoding: str = "utf-8",
        seq_len: PositiveInt = 400,
        head_fraction: Fraction = 0.25,
        batch_size: PositiveInt = 64,
        vocab_size: PositiveInt = 20_000,
        val_fraction: Share = 0.1,
        test_fraction: Share = 0.1,
        split_seed: NonNegativeInt = 0,
        seed: NonNegativeInt = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(source, path, batch_size, seed, shuffle)
        if vocab_size < 3:
            raise ConfigError(f"data.vocab_size={vocab_size}: <pad> and <unk> alone take two")
        self.columns = Columns(text_column, label_column, group_column, encoding)
        self.class_names = dict(class_names or {})
        self.seq_len, self.head_fraction, self.vocab_size = seq_len, head_fraction, vocab_size
        self.val_fraction, self.test_fraction = val_fraction, test_fraction
        self.split_seed = split_seed

    # Where texts come from; a named data set adds `embedded` and `hub`.

    def local(self) -> Source:
        """See PreparedDataModule; gives "all", or "train" and "test" and perhaps "val"."""
        files = self._local_files()
        sha256 = "+".join(file_sha256(file) for file in files.values())
        known = Provenance("local", str(self.path), sha256=sha256)
        kinds = "+".join(kind_of(file) for file in files.values())
        return Source(known, lambda: {s: self.columns.read(f) for s, f in files.items()}, kinds)

    def _local_files(self) -> dict[str, Path]:
        path = self.given_path()
        if not path.is_dir():
            return {"all": check_file(path)}
        found = {split: find_table(path, split) for split in SPLITS}
        files = {split: file for split, file in found.items() if file}
        if not {"train", "test"} <= files.keys():
            names = ", ".join(sorted(file.name for file in path.iterdir())) or "nothing"
            raise DataError(
                f"{path}: wanted train.csv and test.csv (or .parquet ...), found {names}"
            )
        return files

    # Preparing: texts to arrays, once.

    def settings(self) -> dict[str, Any]:
        """See PreparedDataModule."""
        return {
            "tokens": TOKENS_VERSION,
            "columns": asdict(self.columns),
            "splits": [self.val_fraction, self.test_fraction, self.split_seed],
        }

    def prepare(self, raw: dict[str, Texts], folder: Path) -> Prepared:
        """See PreparedDataModule."""
        notes: list[str] = []
        parts = {name: drop_empty(check_labels(texts), notes) for name, texts in raw.items()}
        classes = find_classes(list(parts.values()))
        splits = purge(self._split(parts), notes)
        self._save(folder, splits, classes)
        sizes = {split: len(splits[split].texts) for split in SPLITS}
        return Prepared(sizes, notes, {"classes": classes}, texts_sha256(raw))

    def _split(self, parts: dict[str, Texts]) -> dict[str, Texts]:
        """Train, val and test, whatever the source had; groups and equal texts stay together."""
        whole = parts["all"] if "all" in parts else parts["train"]
        wanted = {"val": self.val_fraction, "test": self.test_fraction}
        sizes = {s: round(f * len(whole.texts)) for s, f in wanted.items() if s not in parts}
        rows = split_by_group(whole.groups or whole.texts, sizes, self.split_seed)
        empty = [split for split, chosen in rows.items() if not len(chosen)]
        if empty:
            raise DataError(
                f"{whole.name}: {len(whole.texts):,} texts leave none for {empty[0]}; give more, "
                "or raise data.val_fraction and data.test_fraction"
            )
        return {**parts, **{split: whole.take(chosen) for split, chosen in rows.items()}}

    def _save(self, folder: Path, splits: dict[str, Texts], classes: list[str]) -> None:
        from rich.progress import Progress

        texts = {split: splits[split].texts for split in SPLITS}
        total = sum(map(len, texts.values()))
        codes = {label: code for code, label in enumerate(classes)}
        with Progress(transient=True) as progress:
            task = progress.add_task("tokenising", total=total)
            ragged, words = index_tokens(texts, lambda: progress.advance(task))
        (folder / "vocabulary.txt").write_text("\n".join(words), encoding="utf-8")
        for split in SPLITS:
            ragged[split].save(folder, split)
            labels = np.array([codes[label] for label in splits[split].labels])
            np.save(folder / f"{split}.labels.npy", labels)
            save_texts(folder, split, texts[split])

    def open(self, facts: Mapping[str, Any]) -> None:
        """See PreparedDataModule."""
        folder = self.folder
        self.tokens = {s: Ragged.load(folder, s).ready(self.vocab_size) for s in SPLITS}
        self.labels = {s: np.load(folder / f"{s}.labels.npy") for s in SPLITS}
        names = tuple(self.class_names.get(label, label) for label in facts["classes"])
        self.spec = DataSpec(len(names), num_tokens=self.vocab_size, class_names=names)

    # What Lightning and the report ask for.

    def preview(self) -> DataSpec:
        """See DataModule."""
        return DataSpec(output_size=2, num_tokens=self.vocab_size)

    def lengths(self, split: Split) -> NDArray[Any]:
        """Tokens that are read of each text, (N,)."""
        return np.minimum(self.tokens[split].lengths, self.seq_len)

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Texts as token ids (B, T), padded to the longest."""
        tokens, lengths = self.tokens[split].gather(rows, self.seq_len, self.head_fraction)
        return Batch(
            torch.from_numpy(keep_frequent(tokens, self.vocab_size).astype(np.int64)),
            torch.from_numpy(lengths),
            torch.from_numpy(self.labels[split][rows]),
            torch.from_numpy(rows),
        )

    def baselines(self, split: Split) -> dict[str, dict[str, float]]:
        """Always the most frequent class of the training split."""
        majority = np.bincount(self.labels["train"]).argmax()
        return {"majority": {"accuracy": float((self.labels[split] == majority).mean())}}

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """The text behind a target, uncut."""
        return {"text": load_text(self.folder, split, index)}

    def vocabulary(self) -> list[str]:
        """The words that are told apart; words[i] has the id i + 2."""
        words = (self.folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
        return words[: self.vocab_size - SPECIAL]

    def uncut_lengths(self, split: Split) -> NDArray[Any]:
        """Tokens of each whole text, (N,)."""
        return self.tokens[split].lengths

    def input_names(self) -> list[str]:
        """See DataModule."""
        return ["<pad>", "<unk>", *self.vocabulary()]

    def keep(self, folder: Path) -> None:
        """Leave the vocabulary, a word a line, in the order of their ids."""
        write_text(folder / "vocabulary.txt", "\n".join(self.vocabulary()))
