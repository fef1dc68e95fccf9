"""Data sets for translation: aligned sentences become batches of tokens."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.config.types import PositiveInt, Seed, Share
from rnnlab.data.base import ALL_ROWS, SPLITS, Rows, Split, to_batch
from rnnlab.data.loaders.splits import split_by_group
from rnnlab.data.prepared import Prepared, PreparedDataModule, Source
from rnnlab.data.processors.translation import TranslationProcessor
from rnnlab.data.readers.delimited import Delimiter, Quoting, TableFormat
from rnnlab.data.readers.files import check_file, file_format
from rnnlab.data.readers.sentence_pairs import (
    Pairs,
    find_split_files,
    read_aligned_files,
    read_pair_file,
)
from rnnlab.data.readers.tables import find_split_tables, is_table
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.provenance import Provenance, SourceName
from rnnlab.data.sources.split_names import SPLIT_NAMES, SplitNames, describe_unused
from rnnlab.data.text.pair_columns import PairColumns
from rnnlab.data.text.ragged import RaggedArray, RaggedWriter, TextStore
from rnnlab.data.text.sentence_pairs import SIDES, PairStore, PairWriter
from rnnlab.data.text.tokenizers import (
    TOKENIZERS_VERSION,
    TokenKind,
    build_tokenizer,
    describe_special_words,
)
from rnnlab.data.text.unknown_tokens import (
    SMALLER_TOKENS,
    TokenSettings,
    describe_rare_byte_pairs,
    describe_unknown_tokens,
    unknown_share,
)
from rnnlab.data.text.vocabulary import MIN_VOCAB_SIZES, Vocabulary
from rnnlab.errors import ConfigError, DataError
from rnnlab.runtime.files import expand_path
from rnnlab.runtime.progress import progress_bar
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID, Batch, DataSpec

TABLE_SETTINGS = ("source_column", "target_column", "delimiter", "quoting", "header")
FILE_SETTINGS = ("path", "target_path", "encoding", *TABLE_SETTINGS)
SPLIT_SETTINGS = ("val_fraction", "test_fraction", "split_seed")
PAIRS_IN_MEMORY = 5_000
# Byte-pair tokens contain the space before a word: with a space before the text, the first word has
# the same token as elsewhere.
PREFIXES = {"words": "", "characters": "", "bpe": " "}
SPACE_SYMBOL = "\u2423"  # a space token in a figure
TARGET_RATIO_QUANTILE = 0.999  # of target tokens per source token; limits the generated length


class ParallelTextDataModule(PreparedDataModule):
    """Sentence pairs. A named data set defines where its pairs come from.

    Source sentences that are equal to the network are never in two splits, such as those that
    differ in case only with `lower`. If the source has its own splits, training pairs
    with a source sentence of validation or test are removed and counted.

    Args:
        source, seed, shuffle: see PreparedDataModule.
        path: a folder with train.<source_language>, train.<target_language> and optionally val.*
            and test.*, see rnnlab.data.sources.split_names; or the file of the source sentences; or
            one file with source, tab, target per line; or a table; or a folder with tables train.*.
        target_path: file of the translations, aligned by line, if `path` is the file of the source
            sentences.
        source_language: name of the input language, and extension of its files.
        target_language: name of the output language, and extension of its files.
        source_column: name of the column with the sources, in a table; None for `source_language`.
        target_column: name of the column with the translations; None for `target_language`.
        tokens: words | characters | bpe.
        spaces: split words at spaces only, for text that is already tokenized.
        vocab_size: maximum number of tokens in the source vocabulary, including the four special
            tokens. The most frequent tokens of the training split are kept, and the others become
            <unk>; with bpe no token is unknown.
        target_vocab_size: maximum number of tokens in the target vocabulary; None for `vocab_size`.
        shared_vocabulary: use one vocabulary of `vocab_size` tokens for both sides.
        lower: convert both sides to lower case; the scores ignore case then.
        seq_len: maximum source length in tokens. Training pairs with a longer side are removed and
            counted. Longer sources of validation and test are truncated; their targets are not.
        batch_size: pairs per batch, on each device.
        batch_tokens: tokens of the longer side per batch, including padding, instead of
            `batch_size`; None for batches of `batch_size` pairs.
        val_fraction: share for validation if the source has no validation split.
        test_fraction: share for the test if the source has no test split.
        split_seed: seed of these splits; the seed of the run does not change evaluation targets.
        encoding: of the files.
        delimiter: separator of the cells; None for comma in a .csv file, and tab in others.
        quoting: see rnnlab.data.readers.delimited.TableFormat; in a file that is not a .csv file,
            quotation marks are characters unless it is standard.
        header: see rnnlab.data.readers.delimited.TableFormat; None in a file with tabs: the first
            line is a header if it has the names of the columns, and rejected if it may be one.
    """

    tasks = ("translation",)
    version = 3
    path_settings = ("path", "target_path")

    def __init__(
        self,
        source: SourceName = "auto",
        path: str | None = None,
        target_path: str | None = None,
        source_language: str = "source",
        target_language: str = "target",
        source_column: str | None = None,
        target_column: str | None = None,
        tokens: TokenKind = "bpe",
        spaces: bool = False,
        vocab_size: PositiveInt = 8_000,
        target_vocab_size: PositiveInt | None = None,
        shared_vocabulary: bool = False,
        lower: bool = False,
        seq_len: PositiveInt = 60,
        batch_size: PositiveInt = 64,
        batch_tokens: PositiveInt | None = None,
        val_fraction: Share = 0.1,
        test_fraction: Share = 0.1,
        split_seed: Seed = 0,
        encoding: str = "utf-8",
        delimiter: Delimiter | None = None,
        quoting: Quoting = "auto",
        header: bool | None = None,
        seed: Seed = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(source, path, batch_size, seed, shuffle)
        if shared_vocabulary and target_vocab_size not in (None, vocab_size):
            raise ConfigError(
                f"data.target_vocab_size={target_vocab_size}: with data.shared_vocabulary=true "
                "data.vocab_size is the size of the only vocabulary; set it to null"
            )
        self.vocab_sizes = {"source": vocab_size, "target": target_vocab_size or vocab_size}
        smallest = min(self.vocab_sizes.values())
        if smallest < MIN_VOCAB_SIZES[tokens]:
            raise ConfigError(
                f"data.vocab_size={smallest}: {tokens} need {MIN_VOCAB_SIZES[tokens]} or more"
            )
        if batch_tokens is not None and batch_tokens <= seq_len:
            raise ConfigError(
                f"data.batch_tokens={batch_tokens}: must be more than data.seq_len={seq_len}, so "
                "that every training pair fits into a batch"
            )
        if spaces and tokens != "words":
            raise ConfigError(f"data.spaces=true: needs data.tokens=words, not {tokens}")
        if source_column is not None and source_column == target_column:
            raise ConfigError(
                f"data.target_column={target_column}: is also the source column; name another one"
            )
        if target_path is not None and path is None:
            raise ConfigError("data.target_path: requires data.path=<file of the source sentences>")
        self.target_path = target_path
        self.languages = (source_language, target_language)
        self.columns = PairColumns(self.languages, source_column, target_column)
        self.tokens, self.spaces, self.lower = tokens, spaces, lower
        self.shared = shared_vocabulary
        self.seq_len, self.batch_tokens = seq_len, batch_tokens
        self.val_fraction, self.test_fraction = val_fraction, test_fraction
        self.split_seed, self.encoding = split_seed, encoding
        self.table_format = TableFormat(encoding, delimiter, quoting, header)

    # Sources; a named data set adds `packaged` and `hub`.

    def split_names(self) -> SplitNames:
        """Return the accepted file names of each split in a folder, without the language."""
        return SPLIT_NAMES

    def local(self) -> Source:
        """See PreparedDataModule; reads "all", or "train" and, if present, "val" and "test"."""
        files = self._local_files()
        sha256 = "+".join(file_sha256(file) for members in files.values() for file in members)
        formats = (f"{part}:{len(m)}{file_format(m[0])}" for part, m in files.items())
        name = " and ".join(str(path) for path in (self.path, self.target_path) if path)
        notes = self.describe_unused(chain(*files.values()))
        return Source(
            Provenance("local", name, sha256=sha256, notes=notes),
            lambda: {part: self._read_pairs(*files[part]) for part in files},
            format="+".join(formats),
        )

    def _read_pairs(self, source: Path, target: Path | None = None) -> Pairs:
        if target is None:
            return read_pair_file(source, self.columns, self.table_format)
        return read_aligned_files(source, target, self.encoding)

    def _local_files(self) -> dict[str, Sequence[Path]]:
        path = self.local_path()
        if self.target_path is not None:
            target_path = check_file(expand_path(self.target_path))
            return {"all": self._check_aligned(check_file(path), target_path)}
        if not path.is_dir():
            return {"all": [check_file(path)]}
        tables = find_split_tables(path)
        files = find_split_files(path, self.languages, self.split_names())
        if "train" in files:
            return {split: self._check_aligned(*members) for split, members in files.items()}
        if "train" in tables:
            return {split: [table] for split, table in tables.items()}
        source, target = self.languages
        names = ", ".join(sorted(file.name for file in path.iterdir())[:20]) or "nothing"
        raise DataError(
            f"{path}: expected train.{source} and train.{target} (optionally compressed), or "
            f"train.tsv, found {names}. data.source_language and data.target_language are the "
            "endings"
        )

    def _check_aligned(self, source: Path, target: Path) -> Sequence[Path]:
        """Return two files with a sentence in each line.

        Raises:
            ConfigError: they are the same file, one is a table, or a setting names a column.
        """
        if tables := [file.name for file in (source, target) if is_table(file)]:
            raise ConfigError(
                f"data.target_path={self.target_path}: with it both files have a sentence in each "
                f"line, but {tables[0]} is a table. Set data.path to a table with both columns, or "
                "rename the file to .txt"
            )
        if self.columns.settings:
            raise ConfigError(
                f"{' '.join(self.columns.settings)}: names a column of a table, but the sentences "
                f"are lines of {source.name} and {target.name}. Remove it, or set data.path to the "
                "table"
            )
        if source.samefile(target):
            setting = "target_language" if self.target_path is None else "target_path"
            raise ConfigError(
                f"data.{setting}: both sides are the file {target}; set it to that of the "
                "translations"
            )
        return source, target

    def describe_unused(self, files: Iterable[Path]) -> list[str]:
        """Return a note about files of the user's folder that are not read."""
        folder = self.local_path()
        return describe_unused(folder, files) if folder.is_dir() else []

    # Preparation: pairs become arrays, once.

    def settings(self) -> dict[str, Any]:
        return {
            "vocabulary": [TOKENIZERS_VERSION, self.tokens, self.vocab_sizes, self.shared],
            "reading": [asdict(self.table_format), asdict(self.columns), self.lower, self.spaces],
            "splits": [self.val_fraction, self.test_fraction, self.split_seed],
        }

    def prepare(self, raw: Mapping[str, Pairs], folder: Path) -> Prepared:
        notes: list[str] = []
        with progress_bar() as progress:
            key = build_tokenizer(self.tokens, self.lower, self.spaces).normalize
            parts = {p: store_pairs(raw[p], folder, p, key, notes, progress) for p in raw}
            rows = self._split(parts, notes)
            owners = {s: s if s in parts else find_largest_part(parts) for s in SPLITS}
            for split, members in rows.items():
                np.save(folder / f"{split}.rows.npy", members)
            self._encode(folder, owners, rows, progress)
        sizes = {split: len(members) for split, members in rows.items()}
        sha256 = "+".join(part.sha256 for part in parts.values())
        facts = {"owners": owners, "target_ratio": self._target_ratio(folder)}
        return Prepared(sizes, notes, facts, sha256)

    def _split(self, parts: Mapping[str, PairStore], notes: list[str]) -> dict[str, NDArray[Any]]:
        """Return the rows of train, val and test in their parts."""
        largest = parts[find_largest_part(parts)]
        shares = {"val": self.val_fraction, "test": self.test_fraction}
        sizes = {s: round(f * len(largest.groups)) for s, f in shares.items() if s not in parts}
        own_rows = {s: np.arange(len(parts[s].groups)) for s in shares if s in parts}
        available = remove_held_out(largest, [parts[split] for split in own_rows], notes)
        splits = split_by_group(largest.groups[available], sizes, self.split_seed)
        empty = [split for split, members in splits.items() if not len(members)]
        if empty:
            raise DataError(
                f"{largest.name}: {len(available):,} pairs leave none for {empty[0]}; use more "
                "pairs, or raise data.val_fraction and data.test_fraction"
            )
        rows = {**own_rows, **{split: available[members] for split, members in splits.items()}}
        return {split: rows[split] for split in SPLITS}

    def _encode(
        self,
        folder: Path,
        owners: Mapping[Split, str],
        rows: Mapping[Split, NDArray[Any]],
        progress: Any,
    ) -> None:
        """Fit the vocabularies on the training split, and write the ids of all splits."""

        def read_texts(split: Split, side: str) -> Iterator[list[str]]:
            store = TextStore(folder, f"{owners[split]}.{side}")
            for start in range(0, len(rows[split]), PAIRS_IN_MEMORY):
                members = rows[split][start : start + PAIRS_IN_MEMORY].tolist()
                yield [store[row] for row in members]

        vocabularies = self._fit({side: partial(read_texts, "train", side) for side in SIDES})
        processor = self._make_processor(vocabularies)
        bar = progress.add_task("encoding", total=2 * sum(map(len, rows.values())))
        for side, vocabulary in vocabularies.items():
            vocabulary.save(folder / f"{side}_vocabulary.json")
            end = [END_ID] if side == "target" else []
            for split in SPLITS:
                writer = RaggedWriter(folder, f"{split}.{side}")
                for texts in read_texts(split, side):
                    writer.write_all([ids + end for ids in processor.encode(side, texts)])
                    progress.advance(bar, len(texts))
                writer.close()

    def _make_processor(self, vocabularies: Mapping[str, Vocabulary]) -> TranslationProcessor:
        return TranslationProcessor(
            source_column=self.columns.names[0],
            target_column=self.columns.target,
            seq_len=self.seq_len,
            table_format=self.table_format,
            source_vocabulary=vocabularies["source"],
            target_vocabulary=vocabularies["target"],
            prefix=PREFIXES[self.tokens],
            languages=self.languages,
            lower=self.lower,
        )

    def _fit(
        self, chunks: Mapping[str, Callable[[], Iterator[list[str]]]]
    ) -> dict[str, Vocabulary]:
        """Return the vocabulary of each side; the chunks are its training texts."""

        def fit(sides: Sequence[str], size: int) -> Vocabulary:
            members = chain.from_iterable(chunk for side in sides for chunk in chunks[side]())
            texts = (PREFIXES[self.tokens] + text for text in members)
            tokenizer = build_tokenizer(self.tokens, self.lower, self.spaces)
            return Vocabulary.fit(texts, size, tokenizer)

        if self.shared:
            return dict.fromkeys(SIDES, fit(SIDES, self.vocab_sizes["source"]))
        return {side: fit([side], size) for side, size in self.vocab_sizes.items()}

    def _target_ratio(self, folder: Path) -> float:
        source, target = (RaggedArray.load(folder, f"train.{side}").lengths for side in SIDES)
        return max(1.0, float(np.quantile(target / source, TARGET_RATIO_QUANTILE)))

    def open(self, facts: Mapping[str, Any]) -> None:
        folder = self.folder
        self.ids = {
            (s, side): RaggedArray.load(folder, f"{s}.{side}") for s in SPLITS for side in SIDES
        }
        self.processor = self._make_processor(
            {side: Vocabulary.load(folder / f"{side}_vocabulary.json") for side in SIDES}
        )
        self.vocabularies = self.processor.vocabularies
        self._owners = facts["owners"]
        self.rows = {split: np.arange(len(self.ids[split, "source"].lengths)) for split in SPLITS}
        self.rows["train"] = self._select_short_pairs()
        self.spec = DataSpec(
            output_size=len(self.vocabularies["target"]),
            num_tokens=len(self.vocabularies["source"]),
            token_kind=self.tokens,
            target_ratio=facts["target_ratio"],
        )
        for side in SIDES:
            self.add_notes(*self._unknown_notes(side))
        tokens = chain.from_iterable(v.tokens for v in self.vocabularies.values())
        self.add_notes(*describe_special_words(tokens))

    def _unknown_notes(self, side: str) -> list[str]:
        """Return a note if much of one side is unknown to its vocabulary, or too rare to learn."""
        vocabulary = self.vocabularies[side]
        tokens = vocabulary.tokens
        ids = {split: self.ids[split, side].values for split in SPLITS}
        training = ids.pop("train")
        shares = {s: unknown_share(values, tokens, None, training) for s, values in ids.items()}
        has_own_size = side == "target" and not self.shared
        name = "data.target_vocab_size" if has_own_size else "data.vocab_size"
        smaller = SMALLER_TOKENS[self.tokens]
        settings = TokenSettings(self.tokens, smaller, self.vocab_sizes[side], name)
        subject = f"{side} tokens"
        return describe_unknown_tokens(
            shares, tokens, settings, subject
        ) or describe_rare_byte_pairs(training, vocabulary.display_tokens(), settings, subject)

    def _select_short_pairs(self) -> NDArray[Any]:
        """Return the training pairs within `seq_len`, and note how many texts are longer."""
        source, target = (self.ids["train", side].lengths for side in SIDES)
        longer_side = np.maximum(source, target - 1)
        rows = np.flatnonzero(longer_side <= self.seq_len)
        if not len(rows):
            raise DataError(
                f"data.seq_len={self.seq_len}: every training pair is longer; the shortest has "
                f"{longer_side.min()} tokens"
            )
        sizes = {**self.provenance.sizes, "train": len(rows)}
        self.provenance = replace(self.provenance, sizes=sizes)
        if num_removed := len(source) - len(rows):
            self.add_notes(
                f"{num_removed:,} training pairs of over {self.seq_len} tokens were left out"
            )
        lengths = np.concatenate([self.ids[split, "source"].lengths for split in SPLITS[1:]])
        if num_truncated := int((lengths > self.seq_len).sum()):
            self.add_notes(
                f"{num_truncated:,} sources of val and test were cut to {self.seq_len} tokens"
            )
        return rows

    # For Lightning and the report.

    def preview(self) -> DataSpec:
        sizes = self.vocab_sizes
        return DataSpec(sizes["target"], num_tokens=sizes["source"], token_kind=self.tokens)

    def lengths(self, split: Split) -> NDArray[Any]:
        """Return the length of each source after truncation, (N,)."""
        return np.minimum(self.ids[split, "source"].lengths[self.rows[split]], self.seq_len)

    def widths(self, split: Split) -> NDArray[Any]:
        """Return the length of each source, or of the longer side with `batch_tokens`, (N,)."""
        source = self.lengths(split)
        if self.batch_tokens is None:
            return source
        target = self.ids[split, "target"].lengths[self.rows[split]]
        longer_side: NDArray[Any] = np.maximum(source, target)
        return longer_side

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Return sources (B, T) and targets (B, U) as token ids, padded to the longest of each."""
        members = self.rows[split][rows]
        sources, lengths = self.ids[split, "source"].gather(members, self.seq_len, 1.0)
        targets = self.target_tokens(split, rows)
        return to_batch(sources.astype(np.int64), lengths, targets.astype(np.int64), rows)

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the scores of predicting tokens by their frequency in the training split."""
        size = self.spec.output_size
        counts = np.bincount(self.ids["train", "target"].values, minlength=size) + 1.0
        counts[[PADDING_ID, START_ID]] = 0
        tokens = self.target_tokens(split, rows)
        targets = np.bincount(tokens[tokens != PADDING_ID], minlength=size)
        with np.errstate(divide="ignore"):
            surprisal = -np.log(counts / counts.sum())
        present = targets > 0
        loss = float((targets[present] * surprisal[present]).sum() / targets.sum())
        counts[UNKNOWN_ID] = 0  # no choice is correct where the target is unknown
        accuracy = float(targets[counts.argmax()] / targets.sum())
        scores = {"loss": loss, "perplexity": float(np.exp(loss)), "accuracy": accuracy}
        return {"token frequency": scores}

    def target_tokens(self, split: Split, rows: Rows) -> NDArray[Any]:
        """Return the tokens of some targets, (B, U), padded to the longest of them."""
        members, target = self.rows[split][rows], self.ids[split, "target"]
        return target.gather(members, int(target.lengths[members].max()))[0]

    def original_texts(self, split: Split, side: str, rows: NDArray[Any]) -> list[str]:
        """Return the original texts of these targets."""
        part_rows = np.load(self.folder / f"{split}.rows.npy", mmap_mode="r")
        store = TextStore(self.folder, f"{self._owners[split]}.{side}")
        return [store[row] for row in part_rows[self.rows[split][rows]].tolist()]

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return a sentence and its translation."""
        row = np.array([index])
        source, target = (self.original_texts(split, side, row)[0] for side in SIDES)
        return {"text": source, "reference": target}

    def input_names(self) -> list[str]:
        return self.vocabularies["source"].display_tokens()

    def output_names(self) -> list[str]:
        return self.vocabularies["target"].display_tokens()

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return the inputs of the analysis; see rnnlab.tasks.Translation."""
        source, target = (self.vocabularies[side] for side in SIDES)
        ids, members = self.ids[split, "source"], self.rows[split][rows]

        def source_tokens(i: int) -> list[str]:
            tokens, _ = ids.gather(members[i : i + 1], self.seq_len, 1.0)
            return display_tokens(source, tokens[0].tolist())

        return {
            "rows": rows.tolist(),
            "sources": self.original_texts(split, "source", rows),
            "references": self.original_texts(split, "target", rows),
            "unknown_shares": {side: self._unknown_share(split, side, rows) for side in SIDES},
            "ceiling": [self._restore(split, row) for row in members],
            "normalize": self.processor.normalize,
            "detokenize": self.processor.decode,
            "source_tokens": source_tokens,
            "target_tokens": lambda tokens: display_tokens(target, tokens),
            "language": self.languages[1],
            "lower": self.lower,
        }

    def _unknown_share(self, split: Split, side: str, rows: NDArray[Any]) -> float:
        """Return the share of the tokens of some targets that are <unk>."""
        ids, members = self.ids[split, side], self.rows[split][rows]
        if not len(members):
            return 0.0
        tokens, _ = ids.gather(members, int(ids.lengths[members].max()))
        return float((tokens == UNKNOWN_ID).sum() / ids.lengths[members].sum())

    def _restore(self, split: Split, member: int) -> str:
        """Return the text of the target tokens of a pair, as a perfect network writes it."""
        ids = self.ids[split, "target"]
        tokens = ids.values[ids.offsets[member] : ids.offsets[member + 1]]
        return self.processor.decode(tokens.tolist())

    def baseline_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return `baselines`: the sources, of a system that copies them."""
        return {"baselines": {"copy the source": self.original_texts(split, "source", rows)}}

    def save_processor(self, folder: Path) -> None:
        """See DataModule."""
        self.processor.save(folder)


def find_largest_part(parts: Mapping[str, Any]) -> str:
    """Return the name of the part that missing splits are taken from."""
    return "all" if "all" in parts else "train"


def remove_held_out(
    largest: PairStore, held_out: list[PairStore], notes: list[str]
) -> NDArray[np.int64]:
    """Return the rows whose source sentence is in no held-out split.

    Raises:
        DataError: no row is left.
    """
    if not held_out:
        return np.arange(len(largest.groups))
    leaks = np.isin(largest.groups, np.concatenate([part.groups for part in held_out]))
    if leaks.all():
        raise DataError(f"{largest.name}: all source sentences are also in val or test")
    if leaks.any():
        notes.append(
            f"{leaks.sum():,} training pairs whose source is also in val or test were left out"
        )
    return np.flatnonzero(~leaks)


def store_pairs(
    pairs: Pairs,
    folder: Path,
    part: str,
    key: Callable[[str], str],
    notes: list[str],
    progress: Any,
) -> PairStore:
    """Write the usable pairs of one part; in val and test an unusable pair is an error.

    Sources with equal keys are equal to the network.
    """
    from rich.markup import escape

    is_strict = part in ("val", "test")
    writer = PairWriter(folder, part, pairs.name, pairs.unit, key, is_strict)
    bar = progress.add_task(f"reading {escape(pairs.name)}", total=None)
    for number, (source, target) in enumerate(pairs.read(), start=1):
        writer.write(number, source, target)
        if number % PAIRS_IN_MEMORY == 0:
            progress.advance(bar, PAIRS_IN_MEMORY)
    notes += pairs.notes
    return writer.close(notes)


def display_tokens(vocabulary: Vocabulary, ids: list[int]) -> list[str]:
    """Return tokens in readable form, without padding and with a visible symbol for spaces."""
    tokens = [vocabulary.tokens[i] for i in ids if i != PADDING_ID]
    texts = [vocabulary.tokenizer.display(token) for token in tokens]
    return [text if text.strip() else SPACE_SYMBOL for text in texts]
