"""Sentences and their translations: from aligned files to batches of tokens."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.config.types import NonNegativeInt, PositiveInt, Share
from rnnlab.data.base import SPLITS, Split
from rnnlab.data.loaders.buckets import BatchLoader, ShuffledOrder, SortedOrder
from rnnlab.data.loaders.splits import split_by_group
from rnnlab.data.prepared import Prepared, PreparedDataModule, Source
from rnnlab.data.readers.files import COMPRESSIONS, check_file, file_format
from rnnlab.data.readers.sentence_pairs import (
    Pairs,
    read_aligned_files,
    read_pair_file,
)
from rnnlab.data.readers.tables import Delimiter
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.provenance import Provenance, SourceName
from rnnlab.data.text.ragged import RaggedArray, RaggedWriter, TextStore
from rnnlab.data.text.sentence_pairs import PairStore, PairWriter, split_chunks
from rnnlab.data.text.tokenizers import TOKENIZERS_VERSION, TokenKind, build_tokenizer
from rnnlab.data.text.vocabulary import MIN_VOCAB_SIZES, Vocabulary
from rnnlab.errors import ConfigError, DataError
from rnnlab.spec import END_ID, PADDING_ID, START_ID, Batch, DataSpec

SIDES = ("source", "target")
CHUNK = 5_000  # pairs that are in memory at once
# A word is one piece wherever it stands, also where no space is before it.
BEFORE = {"words": "", "characters": "", "bpe": " "}
SPACE = "\u2423"  # a space as a picture shows it
LONG = 0.999  # quantile of target tokens per source token that bounds what may be written


class ParallelTextDataModule(PreparedDataModule):
    """Sentence pairs. A named data set adds where its pairs come from.

    Equal source sentences never stand on both sides of a split: where the source has splits of its
    own, such pairs are left out of training, and counted.

    Args:
        source: auto | embedded | hub | local. auto takes your file if `path` is given, else the hub
            if it was read before or can be reached, else the data of an installed package.
        path: a folder with train.<source_language>, train.<target_language> and perhaps val.* and
            test.*; or the file of the source sentences; or a file with source, tab, target a line.
        target_path: the file of the translations, line by line, where `path` is one file.
        source_language: name of the language that is read; the ending of its files.
        target_language: name of the language that is written; the ending of its files.
        tokens: words | characters | bpe.
        vocab_size: tokens of the source that are told apart, the four specials included: the most
            frequent ones of the training split, the rest is <unk>; with bpe nothing is unknown.
        target_vocab_size: the same of the target; None for as many.
        shared_vocabulary: one vocabulary of `vocab_size` tokens for both sides.
        lower: read and write lower case alone; the scores do not tell case apart then.
        seq_len: longest source in tokens. Training pairs with a longer side are left out and
            counted; a longer source of validation or test is cut, and its target stays whole.
        batch_size: pairs in a batch, on each device.
        batch_tokens: tokens of the longer side of a batch, padding included, in place of
            `batch_size`; None for batches of `batch_size` pairs.
        val_fraction: share for validation, where the source has no such split.
        test_fraction: share for the test, where the source has no such split.
        split_seed: of these splits; the run's seed has no say in what is evaluated.
        encoding: of the files.
        delimiter: of the cells of a CSV file; None for comma.
        seed: of the order of the batches.
        shuffle: draw the batches anew in each epoch.
    """

    tasks = ("translation",)
    version = 2

    def __init__(
        self,
        source: SourceName = "auto",
        path: str | None = None,
        target_path: str | None = None,
        source_language: str = "source",
        target_language: str = "target",
        tokens: TokenKind = "bpe",
        vocab_size: PositiveInt = 8_000,
        target_vocab_size: PositiveInt | None = None,
        shared_vocabulary: bool = False,
        lower: bool = False,
        seq_len: PositiveInt = 60,
        batch_size: PositiveInt = 64,
        batch_tokens: PositiveInt | None = None,
        val_fraction: Share = 0.1,
        test_fraction: Share = 0.1,
        split_seed: NonNegativeInt = 0,
        encoding: str = "utf-8",
        delimiter: Delimiter | None = None,
        seed: NonNegativeInt = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(source, path, batch_size, seed, shuffle)
        if shared_vocabulary and target_vocab_size not in (None, vocab_size):
            raise ConfigError(
                f"data.target_vocab_size={target_vocab_size}: with data.shared_vocabulary=true "
                "there is one vocabulary, of data.vocab_size; leave it null"
            )
        self.vocab_sizes = {"source": vocab_size, "target": target_vocab_size or vocab_size}
        if (least := MIN_VOCAB_SIZES[tokens]) > min(self.vocab_sizes.values()):
            raise ConfigError(
                f"data.vocab_size={min(self.vocab_sizes.values())}: {tokens} need {least} or more"
            )
        if batch_tokens is not None and batch_tokens <= seq_len:
            raise ConfigError(
                f"data.batch_tokens={batch_tokens}: must be more than data.seq_len={seq_len}, so "
                "that every training pair fits into a batch"
            )
        if target_path is not None and path is None:
            raise ConfigError("data.target_path: needs data.path=<the file of the sources>")
        self.target_path = target_path
        self.languages = (source_language, target_language)
        self.tokens, self.shared, self.lower = tokens, shared_vocabulary, lower
        self.seq_len, self.batch_tokens = seq_len, batch_tokens
        self.val_fraction, self.test_fraction = val_fraction, test_fraction
        self.split_seed, self.encoding, self.delimiter = split_seed, encoding, delimiter

    # Where pairs come from; a named data set adds `embedded` and `hub`.

    def stems(self) -> dict[Split, tuple[str, ...]]:
        """What the files of a folder may be called before the language."""
        return {"train": ("train",), "val": ("val", "valid", "dev"), "test": ("test",)}

    def local(self) -> Source:
        """See PreparedDataModule; gives "all", or "train" and perhaps "val" and "test"."""
        files = self._local_files()
        sha256 = "+".join(file_sha256(file) for members in files.values() for file in members)
        kind = "+".join(f"{p}:{len(m)}{file_format(m[0])}" for p, m in files.items())
        name = " and ".join(str(path) for path in (self.path, self.target_path) if path)
        known = Provenance("local", name, sha256=sha256)
        return Source(known, lambda: {part: self._pairs(*files[part]) for part in files}, kind)

    def _pairs(self, source: Path, target: Path | None = None) -> Pairs:
        if target is None:
            return read_pair_file(source, self.encoding, self.languages, self.delimiter)
        return read_aligned_files(source, target, self.encoding)

    def _local_files(self) -> dict[str, list[Path]]:
        path = self.local_path()
        if self.target_path is not None:
            return {"all": [check_file(path), check_file(Path(self.target_path).expanduser())]}
        if not path.is_dir():
            return {"all": [check_file(path)]}
        found = {split: self._find(path, stems) for split, stems in self.stems().items()}
        if not found["train"]:
            names = ", ".join(sorted(file.name for file in path.iterdir())[:20]) or "nothing"
            wanted = " and ".join(f"train.{language}" for language in self.languages)
            raise DataError(f"{path}: wanted {wanted} (perhaps compressed), found {names}")
        return {split: files for split, files in found.items() if files}

    def _find(self, folder: Path, stems: tuple[str, ...]) -> list[Path]:
        """The two files of a split; none where neither is there."""
        found = [self._find_side(folder, stems, language) for language in self.languages]
        missing = [name for name, file in zip(self.languages, found, strict=True) if not file]
        if len(missing) == 1:
            there = next(file for file in found if file)
            raise DataError(f"{there}: there is no file beside it with the ending .{missing[0]}")
        return [check_file(file) for file in found if file]

    def _find_side(self, folder: Path, stems: tuple[str, ...], language: str) -> Path | None:
        names = [f"{stem}.{language}{ending}" for stem in stems for ending in ("", *COMPRESSIONS)]
        found = [folder / name for name in names if (folder / name).exists()]
        if len(found) > 1:
            several = ", ".join(file.name for file in found)
            raise DataError(
                f"{folder}: which one is to be read, {several}? Leave one of them there"
            )
        return found[0] if found else None

    # Preparing: pairs to arrays, once.

    def settings(self) -> dict[str, Any]:
        """See PreparedDataModule."""
        return {
            "vocabulary": [TOKENIZERS_VERSION, self.tokens, self.vocab_sizes, self.shared],
            "reading": [self.encoding, self.delimiter, self.lower, self.languages],
            "splits": [self.val_fraction, self.test_fraction, self.split_seed],
        }

    def prepare(self, raw: Mapping[str, Pairs], folder: Path) -> Prepared:
        """See PreparedDataModule."""
        from rich.progress import Progress

        notes: list[str] = []
        with Progress(transient=True) as progress:
            parts = {part: store(raw[part], folder, part, notes, progress) for part in raw}
            rows = self._split(parts, notes)
            owners = {split: split if split in parts else whole_of(parts) for split in SPLITS}
            for split, members in rows.items():
                np.save(folder / f"{split}.rows.npy", members)
            self._encode(folder, owners, rows, progress)
        sizes = {split: len(members) for split, members in rows.items()}
        sha256 = "+".join(part.sha256 for part in parts.values())
        facts = {"owners": owners, "target_ratio": self._target_ratio(folder)}
        return Prepared(sizes, notes, facts, sha256)

    def _split(self, parts: Mapping[str, PairStore], notes: list[str]) -> dict[str, NDArray[Any]]:
        """Rows of train, val and test in their parts, whatever the source had."""
        whole = parts[whole_of(parts)]
        wanted = {"val": self.val_fraction, "test": self.test_fraction}
        sizes = {s: round(f * len(whole.groups)) for s, f in wanted.items() if s not in parts}
        own = {s: np.arange(len(parts[s].groups)) for s in wanted if s in parts}
        free = without_held_out(whole, [parts[split] for split in own], notes)
        cut = split_by_group(whole.groups[free], sizes, self.split_seed)
        empty = [split for split, members in cut.items() if not len(members)]
        if empty:
            raise DataError(
                f"{whole.name}: {len(free):,} pairs leave none for {empty[0]}; give more, or raise "
                "data.val_fraction and data.test_fraction"
            )
        rows = {**own, **{split: free[members] for split, members in cut.items()}}
        return {split: rows[split] for split in SPLITS}

    def _encode(
        self,
        folder: Path,
        owners: Mapping[Split, str],
        rows: Mapping[Split, NDArray[Any]],
        progress: Any,
    ) -> None:
        """Fit the vocabularies to the training split, and write all splits as their ids."""

        def texts(split: Split, side: str) -> Iterator[list[str]]:
            store = TextStore(folder, f"{owners[split]}.{side}")
            for members in split_chunks(rows[split], CHUNK):
                yield [self.before(store[row]) for row in members]

        known = self._fit({side: lambda side=side: texts("train", side) for side in SIDES})
        bar = progress.add_task("encoding", total=2 * sum(map(len, rows.values())))
        for side in SIDES:
            known[side].save(folder / f"{side}_vocabulary.json")
            end = [END_ID] if side == "target" else []
            for split in SPLITS:
                pieces = encoded(known[side], texts(split, side), end, progress, bar)
                writer = RaggedWriter(folder, f"{split}.{side}")
                for ids in pieces:
                    writer.write_all(ids)
                writer.close()

    def before(self, text: str) -> str:
        """A text as the vocabulary reads it."""
        return BEFORE[self.tokens] + (text.lower() if self.lower else text)

    def _fit(self, training: Mapping[str, Any]) -> dict[str, Vocabulary]:
        """The vocabulary of each side, from pieces of its training texts."""

        def fit(texts: Iterator[str], size: int) -> Vocabulary:
            return Vocabulary.fit(texts, size, build_tokenizer(self.tokens))

        if self.shared:
            both = (text for side in SIDES for piece in training[side]() for text in piece)
            return dict.fromkeys(SIDES, fit(both, self.vocab_sizes["source"]))
        return {
            side: fit((text for piece in training[side]() for text in piece), size)
            for side, size in self.vocab_sizes.items()
        }

    def _target_ratio(self, folder: Path) -> float:
        source, target = (RaggedArray.load(folder, f"train.{side}").lengths for side in SIDES)
        return max(1.0, float(np.quantile(target / source, LONG)))

    def open(self, facts: Mapping[str, Any]) -> None:
        """See PreparedDataModule."""
        folder = self.folder
        self.ids = {
            (s, side): RaggedArray.load(folder, f"{s}.{side}") for s in SPLITS for side in SIDES
        }
        self.vocabularies = {
            side: Vocabulary.load(folder / f"{side}_vocabulary.json") for side in SIDES
        }
        self._owners = facts["owners"]
        self.rows = {split: np.arange(len(self.ids[split, "source"].lengths)) for split in SPLITS}
        self.rows["train"] = self._short_enough()
        self.spec = DataSpec(
            output_size=len(self.vocabularies["target"]),
            num_tokens=len(self.vocabularies["source"]),
            token_kind=self.tokens,
            target_ratio=facts["target_ratio"],
        )

    def _short_enough(self) -> NDArray[Any]:
        """The training pairs of which no side has more than `seq_len` tokens; the rest is noted."""
        source, target = (self.ids["train", side].lengths for side in SIDES)
        kept = np.flatnonzero(np.maximum(source, target - 1) <= self.seq_len)
        if not len(kept):
            raise DataError(
                f"data.seq_len={self.seq_len}: every training pair is longer; the shortest has "
                f"{np.maximum(source, target - 1).min()} tokens"
            )
        cut = sum(int((self.ids[s, "source"].lengths > self.seq_len).sum()) for s in SPLITS[1:])
        notes = list(self.provenance.notes)
        if left_out := len(source) - len(kept):
            notes.append(f"{left_out:,} training pairs of over {self.seq_len} tokens were left out")
        if cut:
            notes.append(f"{cut:,} sources of val and test were cut to {self.seq_len} tokens")
        sizes = {**self.provenance.sizes, "train": len(kept)}
        self.provenance = replace(self.provenance, notes=notes, sizes=sizes)
        return kept

    # What Lightning and the report ask for.

    def preview(self) -> DataSpec:
        """See DataModule."""
        sizes = self.vocab_sizes
        return DataSpec(sizes["target"], num_tokens=sizes["source"], token_kind=self.tokens)

    def lengths(self, split: Split) -> NDArray[Any]:
        """Tokens that are read of each source, (N,)."""
        return np.minimum(self.ids[split, "source"].lengths[self.rows[split]], self.seq_len)

    def widths(self, split: Split) -> NDArray[Any]:
        """What batches are cut by: the source, or the longer side where tokens are budgeted."""
        source = self.lengths(split)
        if self.batch_tokens is None:
            return source
        longer: NDArray[Any] = np.maximum(
            source, self.ids[split, "target"].lengths[self.rows[split]]
        )
        return longer

    def train_dataloader(self) -> BatchLoader:
        """See DataModule."""
        widths = self.widths("train")
        order = ShuffledOrder(widths, self.batch_size, self.seed, self.shuffle, self.batch_tokens)
        return self._loader("train", order, training=True)

    def val_dataloader(self) -> BatchLoader:
        """See DataModule."""
        return self._evaluation("val")

    def test_dataloader(self) -> BatchLoader:
        """See DataModule."""
        return self._evaluation("test")

    def _evaluation(self, split: Split) -> BatchLoader:
        return self._loader(
            split, SortedOrder(self.widths(split), self.batch_size, self.batch_tokens)
        )

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Sources (B, T) and targets (B, U) as token ids, each padded to its longest."""
        members = self.rows[split][rows]
        sources, lengths = self.ids[split, "source"].gather(members, self.seq_len, 1.0)
        target = self.ids[split, "target"]
        targets, _ = target.gather(members, int(target.lengths[members].max()))
        return Batch(
            torch.from_numpy(sources).long(),
            torch.from_numpy(lengths),
            torch.from_numpy(targets).long(),
            torch.from_numpy(rows),
        )

    def baselines(self, split: Split) -> dict[str, dict[str, float]]:
        """Every target token by how often the training split has it, whatever stands before it."""
        size = self.spec.output_size
        counts = np.bincount(self.ids["train", "target"].values, minlength=size) + 1.0
        counts[[PADDING_ID, START_ID]] = 0
        seen = np.bincount(self.ids[split, "target"].values, minlength=size)
        with np.errstate(divide="ignore"):
            surprise = -np.log(counts / counts.sum())
        loss = float((seen[seen > 0] * surprise[seen > 0]).sum() / seen.sum())
        accuracy = float(seen[counts.argmax()] / seen.sum())
        scores = {"loss": loss, "perplexity": float(np.exp(loss)), "accuracy": accuracy}
        return {"token frequency": scores}

    def texts(self, split: Split, side: str) -> TextStore:
        """All texts of the part that a split was taken from; see `text`."""
        return TextStore(self.folder, f"{self._owners[split]}.{side}")

    def text(self, split: Split, side: str, rows: NDArray[Any]) -> list[str]:
        """The texts of these targets as they were given, uncut."""
        owned = np.load(self.folder / f"{split}.rows.npy", mmap_mode="r")
        store = self.texts(split, side)
        return [store[row] for row in owned[self.rows[split][rows]].tolist()]

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """A sentence and its translation."""
        row = np.array([index])
        source, target = (self.text(split, side, row)[0] for side in SIDES)
        return {"text": source, "reference": target}

    def input_names(self) -> list[str]:
        """See DataModule."""
        return self.vocabularies["source"].display_tokens()

    def output_names(self) -> list[str]:
        """See DataModule."""
        return self.vocabularies["target"].display_tokens()

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """What a translation is judged by."""
        source, target = (self.vocabularies[side] for side in SIDES)
        ids, members = self.ids[split, "source"], self.rows[split][rows]

        def source_tokens(i: int) -> list[str]:
            tokens, _ = ids.gather(members[i : i + 1], self.seq_len, 1.0)
            return pieces_of(source, tokens[0].tolist())

        return {
            "rows": rows.tolist(),
            "sources": self.text(split, "source", rows),
            "references": self.text(split, "target", rows),
            "detokenize": lambda tokens: target.decode(tokens).strip(),
            "source_tokens": source_tokens,
            "target_tokens": lambda tokens: pieces_of(target, tokens),
            "language": self.languages[1],
            "lower": self.lower,
        }

    def save_processor(self, folder: Path) -> None:
        """Leave both vocabularies."""
        for side in SIDES:
            name = f"{side}_vocabulary.json"
            copyfile(self.folder / name, folder / name)


def whole_of(parts: Mapping[str, Any]) -> str:
    """The part that missing splits are cut from."""
    return "all" if "all" in parts else "train"


def without_held_out(
    whole: PairStore, held_out: list[PairStore], notes: list[str]
) -> NDArray[np.int64]:
    """The rows whose source stands in no split that the source has of its own.

    Raises:
        DataError: there are none.
    """
    if not held_out:
        return np.arange(len(whole.groups))
    leaks = np.isin(whole.groups, np.concatenate([part.groups for part in held_out]))
    if leaks.all():
        raise DataError(f"{whole.name}: all source sentences stand in val or test too")
    if leaks.any():
        notes.append(
            f"{leaks.sum():,} training pairs whose source stands in val or test too were left out"
        )
    return np.flatnonzero(~leaks)


def store(pairs: Pairs, folder: Path, part: str, notes: list[str], progress: Any) -> PairStore:
    """Write the pairs of one part that can be used; in val and test every one must be."""
    writer = PairWriter(folder, part, pairs.name, strict=part in ("val", "test"))
    bar = progress.add_task(f"reading {pairs.name}", total=None)
    for line, (source, target) in enumerate(pairs.read(), start=1):
        writer.write(line, source, target)
        if line % CHUNK == 0:
            progress.advance(bar, CHUNK)
    return writer.close(notes)


def encoded(
    vocabulary: Vocabulary, pieces: Iterator[list[str]], end: list[int], progress: Any, bar: Any
) -> Iterator[list[list[int]]]:
    """The ids of some texts at a time, with what stands behind each of them."""
    for texts in pieces:
        yield [ids + end for ids in vocabulary.encode(texts)]
        progress.advance(bar, len(texts))


def pieces_of(vocabulary: Vocabulary, tokens: list[int]) -> list[str]:
    """How the tokens up to the end are called in a picture."""
    shown = []
    for token in tokens:
        if token != PADDING_ID:
            text = vocabulary.tokenizer.display(vocabulary.tokens[token])
            shown.append(text if text.strip() else SPACE)
    return shown
