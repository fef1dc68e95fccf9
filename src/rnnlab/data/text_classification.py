"""Labelled texts: from a table to batches of tokens."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.data.base import DataModule, Split
from rnnlab.data.cache import cached, file_sha256, is_cached
from rnnlab.data.labelled_texts import (
    Columns,
    Texts,
    TextSource,
    check_labels,
    drop_empty,
    find_classes,
    load_text,
    purge,
    save_texts,
    texts_sha256,
)
from rnnlab.data.sources import Provenance, SourceName, hub_is_reachable
from rnnlab.data.splits import split_by_group
from rnnlab.data.tables import check_file, find_table, kind_of
from rnnlab.data.text import SPECIAL, TOKENS_VERSION, Ragged, index_tokens, keep_frequent
from rnnlab.errors import ConfigError, DataError
from rnnlab.report.files import write_text
from rnnlab.spec import Batch, DataSpec
from rnnlab.values import Fraction, NonNegativeInt, PositiveInt, Share

SPLITS: tuple[Split, ...] = ("train", "val", "test")
FORMAT_VERSION = 1  # raise it when what is cached changes


class TextClassificationDataModule(DataModule):
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
        super().__init__(batch_size, seed, shuffle)
        if source == "local" and path is None:
            raise ConfigError("data.source=local needs data.path=<your file or folder>")
        if path is not None and source not in ("auto", "local"):
            raise ConfigError(f"data.path is read by data.source=local, not {source}: drop one")
        if vocab_size < 3:
            raise ConfigError(f"data.vocab_size={vocab_size}: <pad> and <unk> alone take two")
        self.source, self.path = source, path
        self.columns = Columns(text_column, label_column, group_column, encoding)
        self.class_names = dict(class_names or {})
        self.seq_len, self.head_fraction, self.vocab_size = seq_len, head_fraction, vocab_size
        self.val_fraction, self.test_fraction = val_fraction, test_fraction
        self.split_seed = split_seed
        self.folder: Path | None = None
        self.choice_note = ""

    # Where texts come from; a named data set defines the first two.

    def embedded(self) -> TextSource:
        """The texts that come with an installed package."""
        raise ConfigError("data.source=embedded: this data set has no embedded copy")

    def hub(self) -> TextSource:
        """The texts on the Hugging Face hub."""
        raise ConfigError("data.source=hub: this data set is not on the hub")

    def local(self) -> TextSource:
        """The user's own file or files."""
        files = self._local_files()
        sha256 = "+".join(file_sha256(file) for file in files.values())
        known = Provenance("local", str(self.path), sha256=sha256)
        kinds = "+".join(kind_of(file) for file in files.values())
        return TextSource(known, lambda: {s: self.columns.read(f) for s, f in files.items()}, kinds)

    def _local_files(self) -> dict[str, Path]:
        path = Path(str(self.path)).expanduser()
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

    def choose(self) -> tuple[TextSource, str]:
        """The source to read, and what there is to say about the choice."""
        makers = {"embedded": self.embedded, "hub": self.hub, "local": self.local}
        if self.source != "auto":
            return makers[self.source](), ""
        if self.path is not None:
            return self.local(), ""
        hub = self.hub()
        if is_cached(self._key(hub)):
            return hub, "a cached copy of the hub's data"
        if hub_is_reachable():
            return hub, ""
        return self.embedded(), "the hub cannot be reached"

    # Preparing: texts to arrays, once.

    def prepare_data(self) -> None:
        """Read, split and tokenise, or find what was prepared before."""
        if self.folder is None:
            source, note = self.choose()
            self.folder = cached(self._key(source), lambda folder: self._build(source, folder))
            self.choice_note = note
            self.source_name = source.provenance.name

    def _key(self, source: TextSource) -> dict[str, Any]:
        known = source.provenance
        return {
            "versions": [FORMAT_VERSION, TOKENS_VERSION],
            "source": [known.source, known.version, known.sha256 or known.name, source.kind],
            "columns": asdict(self.columns),
            "splits": [self.val_fraction, self.test_fraction, self.split_seed],
        }

    def _build(self, source: TextSource, folder: Path) -> None:
        raw = source.read()
        notes = list(source.provenance.notes)
        parts = {name: drop_empty(check_labels(texts), notes) for name, texts in raw.items()}
        classes = find_classes(list(parts.values()))
        splits = purge(self._split(parts), notes)
        self._save(folder, splits, classes)
        sizes = {split: len(splits[split].texts) for split in SPLITS}
        sha256 = source.provenance.sha256 or texts_sha256(raw)
        known = replace(source.provenance, notes=notes, sizes=sizes, sha256=sha256)
        meta = {"provenance": known.plain(), "classes": classes}
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")

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

    def setup(self, stage: str | None = None) -> None:
        """Map what was prepared into memory."""
        if hasattr(self, "spec"):
            return
        self.prepare_data()
        folder = self.folder
        assert folder is not None
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        # The same bytes may have been prepared under another path.
        self.provenance = replace(Provenance(**meta["provenance"]), name=self.source_name)
        if self.choice_note:
            notes = [self.choice_note, *self.provenance.notes]
            self.provenance = replace(self.provenance, notes=notes)
        self.tokens = {split: Ragged.load(folder, split) for split in SPLITS}
        self.labels = {s: np.load(folder / f"{s}.labels.npy") for s in SPLITS}
        names = tuple(self.class_names.get(label, label) for label in meta["classes"])
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
            torch.from_numpy(keep_frequent(tokens, self.vocab_size)).long(),
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
        assert self.folder is not None
        return {"text": load_text(self.folder, split, index)}

    def vocabulary(self) -> list[str]:
        """The words that are told apart; words[i] has the id i + 2."""
        assert self.folder is not None
        words = (self.folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
        return words[: self.vocab_size - SPECIAL]

    def keep(self, folder: Path) -> None:
        """Leave the vocabulary, a word a line, in the order of their ids."""
        write_text(folder / "vocabulary.txt", "\n".join(self.vocabulary()))
