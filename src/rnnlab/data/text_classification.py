"""Base class of the text classification data sets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from rnnlab.config.types import (
    Fraction,
    NonNegativeInt,
    PositiveInt,
    Seed,
    Share,
    TypedLabel,
    TypedName,
)
from rnnlab.data.base import ALL_ROWS, SPLITS, Rows, Split, to_batch
from rnnlab.data.baselines.linear import (
    LINEAR_VERSION,
    explain_missing_baseline,
    linear_probabilities,
)
from rnnlab.data.prepared import Prepared, PreparedDataModule, Source
from rnnlab.data.processors.classification import ClassificationProcessor
from rnnlab.data.processors.new_texts import explain_undefined_auroc, majority_scores
from rnnlab.data.readers.class_folders import (
    describe_unused_folders,
    find_class_folders,
    hash_folders,
    read_class_folders,
)
from rnnlab.data.readers.delimited import Delimiter, Quoting
from rnnlab.data.readers.files import check_file, file_format
from rnnlab.data.readers.tables import find_split_tables
from rnnlab.data.sources.cache import load_or_build
from rnnlab.data.sources.provenance import Provenance, SourceName
from rnnlab.data.sources.split_names import describe_unused
from rnnlab.data.text.label_splits import LabelSplits
from rnnlab.data.text.labelled_texts import (
    LabelledTexts,
    check_labels,
    drop_duplicate_texts,
    drop_empty,
    hash_texts,
    list_classes,
    normalize_text,
    remove_leakage,
)
from rnnlab.data.text.labels import (
    LabelMatching,
    check_training_labels,
    find_label,
    name_classes,
    note_untested_labels,
    unify_labels,
)
from rnnlab.data.text.ragged import (
    PaddedArray,
    RaggedArray,
    TextStore,
    save_texts,
)
from rnnlab.data.text.text_columns import TextColumns, describe_unlabelled
from rnnlab.data.text.tokenizers import CLASSIFICATION_TOKENIZERS, TOKENIZERS_VERSION, TextTokens
from rnnlab.data.text.unknown_tokens import (
    SMALLER_TEXT_TOKENS,
    TokenSettings,
    describe_unknown_tokens,
    unknown_share,
)
from rnnlab.data.text.vocabulary import NUM_CLASSIFICATION_SPECIALS, Vocabulary, encode_splits
from rnnlab.errors import ConfigError, DataError, unknown_name
from rnnlab.metrics.classification import class_scores
from rnnlab.runtime.files import write_text
from rnnlab.runtime.progress import progress_bar
from rnnlab.spec import Batch, DataSpec


class TextClassificationDataModule(PreparedDataModule):
    """Texts with one label each. A named data set adds its sources.

    Args:
        source, batch_size, seed, shuffle: see PreparedDataModule.
        path: a file; or a folder with train.* and test.* (and perhaps val.*), or with a folder of
            .txt files for each class, split (train/<class>/*.txt, test/<class>/*.txt) or not; see
            rnnlab.data.sources.split_names.
        text_column, label_column, group_column, encoding, delimiter, quoting, header: see
            TextColumns.
        label_matching: which writings of a label are one class: auto ("pos" and "pos ", 1 and 1.0,
            true and True; others that may be one are rejected) | exact (none) | loose (also
            without upper and lower case, 01 and 1, true and 1).
        class_names: label -> display name.
        positive_class: label or name of the class for F1, such as spam; None for the mean F1 of
            all classes.
        tokens: words | shapes | characters. words are lower-case, with ! and ?; shapes adds all
            punctuation, capitals and the lengths of numbers.
        drop_duplicates: before splitting, drop texts that differ in case and white space only.
        seq_len: longest sequence in tokens; the middle of a longer one is removed.
        head_fraction: share of seq_len for the beginning of a long text.
        vocab_size: number of tokens including <pad> and <unk>: the most frequent ones of the
            training split.
        val_fraction: share of validation if the source has no such split; with `folds`, of the
            texts outside the test fold.
        test_fraction: share of the test split if the source has none.
        stratify: give every split the same class frequencies.
        group_templates: with `stratify` or `folds`, keep texts that differ in numbers only in one
            split; without a group column.
        folds: number of stratified folds, one of which is the test split.
        fold: index of the test fold, 0..folds - 1; over all folds every text is tested once.
        split_seed: of these splits; the seed of the run does not affect the evaluation targets.
        linear_baseline: fit a linear model on n-grams of the tokens as a baseline; needs
            scikit-learn.

    Attributes:
        default_columns: names in the YAML files of the columns of text and label.
        default_group: column of the group if `group_column` is None and the table has it.
    """

    tasks = ("classification",)
    version = 4
    default_columns: ClassVar[tuple[str, ...]] = ("text", "label")
    default_group: ClassVar[str | None] = None

    def __init__(
        self,
        source: SourceName = "auto",
        path: str | None = None,
        text_column: TypedName = "text",
        label_column: TypedName = "label",
        group_column: TypedName | None = None,
        label_matching: LabelMatching = "auto",
        class_names: dict[TypedLabel, TypedLabel] | None = None,
        positive_class: TypedLabel | None = None,
        encoding: str = "utf-8",
        delimiter: Delimiter | None = None,
        quoting: Quoting = "auto",
        header: bool | None = None,
        tokens: TextTokens = "words",
        drop_duplicates: bool = False,
        seq_len: PositiveInt = 400,
        head_fraction: Fraction = 0.25,
        batch_size: PositiveInt = 64,
        vocab_size: PositiveInt = 20_000,
        val_fraction: Share = 0.1,
        test_fraction: Share = 0.1,
        stratify: bool = False,
        group_templates: bool = True,
        folds: Annotated[int, Ge(2)] | None = None,
        fold: NonNegativeInt = 0,
        split_seed: Seed = 0,
        linear_baseline: bool = True,
        seed: Seed = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(source, path, batch_size, seed, shuffle)
        if vocab_size < 3:
            raise ConfigError(f"data.vocab_size={vocab_size}: <pad> and <unk> already take two")
        if fold >= (folds or 1):
            choices = f"0..{folds - 1}" if folds else "0 without data.folds"
            raise ConfigError(f"data.fold={fold}: must be {choices}")
        self.columns = TextColumns(
            str(text_column),
            str(label_column),
            None if group_column is None else str(group_column),
            self.default_group,
            *(encoding, delimiter, quoting, header),
        )
        if path is None:
            self._check_no_columns("the texts of this source")
        self.label_matching: LabelMatching = label_matching
        self.class_names = {str(label): str(name) for label, name in (class_names or {}).items()}
        self.positive_class = None if positive_class is None else str(positive_class)
        self.token_kind, self.drop_duplicates = tokens, drop_duplicates
        self.seq_len, self.head_fraction, self.vocab_size = seq_len, head_fraction, vocab_size
        self.splits = LabelSplits(
            val_fraction, test_fraction, stratify, group_templates, folds, fold, split_seed
        )
        self.folds, self.linear_baseline = folds, linear_baseline

    # Sources; a named data set adds `packaged` and `hub`.

    def local(self) -> Source:
        """See PreparedDataModule; reads "all", or "train", "test" and optionally "val"."""
        path = self.local_path()
        folders = find_class_folders(path) if path.is_dir() else {}
        return self._class_folders(folders) if folders else self._tables(self._local_files())

    def _class_folders(self, parts: Mapping[str, Sequence[Path]]) -> Source:
        self._check_splits(
            parts, "folders train and test with a folder of .txt files for each class"
        )
        self._check_no_columns("texts in class folders")
        notes = describe_unused_folders(self.local_path(), parts)
        provenance = Provenance("local", str(self.path), sha256=hash_folders(parts), notes=notes)
        encoding = self.columns.encoding
        return Source(
            provenance,
            lambda: {s: read_class_folders(folders, encoding) for s, folders in parts.items()},
            "folders",
        )

    def _tables(self, files: Mapping[str, Path]) -> Source:
        formats = "+".join(map(file_format, files.values()))
        path = self.local_path()
        return self.file_source(
            files.values(),
            lambda: {s: self.columns.read(f, files.get("train")) for s, f in files.items()},
            formats,
            describe_unused(path, files.values()) if path.is_dir() else [],
        )

    def _local_files(self) -> dict[str, Path]:
        path = self.local_path()
        if not path.is_dir():
            return {"all": check_file(path)}
        files = find_split_tables(path)
        self._check_splits(files, "train.csv and test.csv (or .parquet ...)")
        return files

    def _check_splits(self, parts: Mapping[str, Any], layout: str) -> None:
        """Check that a folder has all data, or a train and a test split."""
        if "all" in parts or {"train", "test"} <= parts.keys():
            return
        path = self.local_path()
        names = ", ".join(sorted(file.name for file in path.iterdir())) or "nothing"
        raise DataError(
            f"{path}: expected {layout}, or a folder of .txt files for each class, found {names}"
        )

    def _check_no_columns(self, source: str) -> None:
        """Check that no setting names a column of a source that has none."""
        for setting, name in self.columns.roles.items():
            if name not in (*self.default_columns, self.default_group):
                raise ConfigError(
                    f"{setting}={name}: {source} have no columns. Drop the setting, or name your "
                    "table with data.path"
                )

    # Preparation: texts to arrays, once.

    def settings(self) -> dict[str, Any]:
        return {
            "tokens": [TOKENIZERS_VERSION, self.token_kind],
            "columns": asdict(self.columns),
            "drop_duplicates": self.drop_duplicates,
            "label_matching": self.label_matching,
            "splits": asdict(self.splits),
        }

    def prepare(self, raw: dict[str, LabelledTexts], folder: Path) -> Prepared:
        notes = [note for texts in raw.values() for note in texts.notes]
        parts = unify_labels(self._check_labels(raw), self.label_matching, notes)
        parts = {name: drop_empty(texts, notes) for name, texts in parts.items()}
        if self.drop_duplicates:
            parts = {name: drop_duplicate_texts(texts, notes) for name, texts in parts.items()}
        classes = list_classes(list(parts.values()))
        splits = self._remove_leakage(self._split(parts, notes), notes)
        check_training_labels(splits, parts.keys(), notes)
        if "test" in parts:
            note_untested_labels(splits, notes)
        self._save(folder, splits, classes)
        sizes = {split: len(splits[split].texts) for split in SPLITS}
        version = next(iter(raw.values())).version
        return Prepared(sizes, notes, {"classes": classes}, hash_texts(raw), version)

    def _check_labels(self, raw: dict[str, LabelledTexts]) -> dict[str, LabelledTexts]:
        advice = ""
        if self.path and "train" in raw:
            advice = describe_unlabelled(self.local_path() / raw["train"].name)
        return {
            split: check_labels(texts, advice if split != "train" else "")
            for split, texts in raw.items()
        }

    def _split(self, parts: dict[str, LabelledTexts], notes: list[str]) -> dict[str, LabelledTexts]:
        """Return train, val and test; groups and equal texts stay together."""
        texts = parts["all"] if "all" in parts else parts["train"]
        if self.folds and "all" not in parts:
            raise DataError(
                f"{self.path}: has a test split, so that data.folds={self.folds} is not possible. "
                "Use a single table, or set data.folds=null"
            )
        missing = [split for split in ("val", "test") if split not in parts]
        rows = self.splits.draw(texts, missing, notes) if missing else {}
        return {**parts, **{split: texts.take(indices) for split, indices in rows.items()}}

    def _remove_leakage(
        self, splits: dict[str, LabelledTexts], notes: list[str]
    ) -> dict[str, LabelledTexts]:
        """Drop training texts that the network cannot tell from a later one; see remove_leakage."""
        with progress_bar() as progress:
            total = sum(len(part.texts) for part in splits.values())
            task = progress.add_task("comparing the splits", total=total)

            def join_tokens(text: str) -> str:
                progress.advance(task)
                text = normalize_text(text) if self.drop_duplicates else text
                return "\0".join(CLASSIFICATION_TOKENIZERS[self.token_kind].tokenize(text))

            equal = f"for data.tokens={self.token_kind}"
            return remove_leakage(splits, notes, join_tokens, normalize_text, equal)

    def _save(self, folder: Path, splits: dict[str, LabelledTexts], classes: list[str]) -> None:
        texts = {split: splits[split].texts for split in SPLITS}
        total = sum(map(len, texts.values()))
        codes = {label: code for code, label in enumerate(classes)}
        with progress_bar() as progress:
            task = progress.add_task("tokenizing", total=total)
            tokenizer = CLASSIFICATION_TOKENIZERS[self.token_kind]
            report = partial(progress.advance, task)
            vocabulary = encode_splits(texts, tokenizer, folder, report)
        vocabulary.save(folder / "vocabulary.json")
        for split in SPLITS:
            labels = np.array([codes[label] for label in splits[split].labels])
            np.save(folder / f"{split}.labels.npy", labels)
            save_texts(folder, split, texts[split])

    def open(self, facts: Mapping[str, Any]) -> None:
        folder = self.folder
        self.tokens = {split: RaggedArray.load(folder, split) for split in SPLITS}
        names, unknown_keys = name_classes(facts["classes"], self.class_names)
        vocabulary = Vocabulary.load(folder / "vocabulary.json")
        self.processor = ClassificationProcessor(
            columns=self.columns,
            vocabulary=vocabulary.take(self.vocab_size),
            seq_len=self.seq_len,
            head_fraction=self.head_fraction,
            label_matching=self.label_matching,
            drop_duplicates=self.drop_duplicates,
            labels=tuple(facts["classes"]),
            classes=names,
        )
        truncation = self.processor.truncation
        self.inputs = {split: PaddedArray(self.tokens[split], truncation) for split in SPLITS}
        self.labels = {s: np.load(folder / f"{s}.labels.npy") for s in SPLITS}
        if unknown_keys:
            self.add_notes(f"data.class_names: no label is {', '.join(unknown_keys)}")
        counts = np.bincount(self.labels["train"], minlength=len(names))
        self.spec = DataSpec(
            len(names),
            num_tokens=len(self.processor.vocabulary),
            class_names=names,
            class_counts=tuple(counts.tolist()),
            positive_class=self._find_positive_class(facts["classes"], names),
        )
        self.add_notes(*self._unknown_notes())

    def _unknown_notes(self) -> list[str]:
        """Return a note if much of val or test is unknown to the vocabulary."""
        tokens, size = Vocabulary.load(self.folder / "vocabulary.json").tokens, self.vocab_size
        held_out = {split: self.tokens[split].values for split in SPLITS[1:]}
        shares = {split: unknown_share(ids, tokens, size) for split, ids in held_out.items()}
        smaller = SMALLER_TEXT_TOKENS[self.token_kind]
        return describe_unknown_tokens(
            shares, tokens, TokenSettings(self.token_kind, smaller, size)
        )

    def _find_positive_class(self, labels: Sequence[str], names: Sequence[str]) -> int | None:
        if self.positive_class is None:
            return None
        for choices in (names, labels):
            label = find_label(self.positive_class, choices)
            if label is not None:
                return list(choices).index(label)
        begin = f"data.positive_class={self.positive_class}: there is no such class; "
        raise DataError(unknown_name(begin, self.positive_class, names))

    # Interface to Lightning and the report.

    def preview(self) -> DataSpec:
        positive = None if self.positive_class is None else 1
        return DataSpec(output_size=2, num_tokens=self.vocab_size, positive_class=positive)

    def lengths(self, split: Split) -> NDArray[Any]:
        """Return the number of tokens of each text after truncation, (N,)."""
        return self.inputs[split].lengths

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Return texts as token ids (B, T), padded to the longest."""
        tokens, lengths = self.inputs[split].gather(rows)
        return to_batch(tokens, lengths, self.labels[split][rows], rows)

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the scores of the class frequencies of training, and of the linear model."""
        targets, positive = self.labels[split][rows], self.spec.positive_class
        linear = self.baseline_probabilities(split).items()
        return {
            "majority": majority_scores(self.spec, targets),
            **{name: class_scores(values[rows], targets, positive) for name, values in linear},
        }

    def baseline_probabilities(self, split: Split) -> dict[str, NDArray[Any]]:
        """Return the probabilities (N, classes) of the baselines that read the text."""
        if not self.linear_baseline or self._explain_missing_baseline():
            return {}
        key = {"linear": LINEAR_VERSION, "of": self.folder.name}
        return {"linear": np.load(load_or_build(key, self._fit_linear) / f"{split}.npy")}

    def _fit_linear(self, folder: Path) -> None:
        with progress_bar() as bar:
            task = bar.add_task("fitting the linear baseline, once", total=1.0)
            result = linear_probabilities(
                self.tokens,
                Vocabulary.load(self.folder / "vocabulary.json").tokens,
                self.labels["train"],
                self.spec.output_size,
                self.token_kind,
                lambda share: bar.update(task, completed=share),
            )
        for split, probabilities in result.items():
            np.save(folder / f"{split}.npy", probabilities)

    def _explain_missing_baseline(self) -> str:
        num_bytes = sum(TextStore(self.folder, split).num_bytes for split in SPLITS)
        return explain_missing_baseline(self.spec.output_size, num_bytes, self.token_kind)

    def missing_baselines(self) -> Mapping[str, str]:
        """See DataModule."""
        reason = self._explain_missing_baseline()
        return {"linear": reason} if self.linear_baseline and reason else {}

    def undefined_metrics(self, split: Split) -> Mapping[str, str]:
        """See DataModule."""
        return explain_undefined_auroc(self.spec, self.labels[split], split)

    def baseline_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return `baselines`: the probabilities of the linear model for these texts."""
        baselines = self.baseline_probabilities(split)
        return {"baselines": {name: values[rows] for name, values in baselines.items()}}

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return the complete text of a target."""
        return {"text": TextStore(self.folder, split)[index]}

    def vocabulary(self) -> list[str]:
        """Return the tokens of the vocabulary; tokens[i] has the id i + 2."""
        return self.processor.vocabulary.tokens[NUM_CLASSIFICATION_SPECIALS:]

    def original_lengths(self, split: Split) -> NDArray[Any]:
        """Return the number of tokens of each complete text, (N,)."""
        return self.tokens[split].lengths

    def input_names(self) -> list[str]:
        return ["<pad>", "<unk>", *self.vocabulary()]

    def save_processor(self, folder: Path) -> None:
        """See DataModule; also vocabulary.txt, one token per line, in the order of their ids."""
        self.processor.save(folder)
        lines = [token.replace("\n", "\\n") for token in self.vocabulary()]
        write_text(folder / "vocabulary.txt", "\n".join(lines))
