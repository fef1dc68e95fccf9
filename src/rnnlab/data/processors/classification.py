"""Processor of texts with one label each: their classes and probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rnnlab.data.base import to_batch
from rnnlab.data.processors.base import Network, Processor, take_options
from rnnlab.data.processors.new_texts import NewTexts, read_labelled_texts
from rnnlab.data.processors.texts import (
    StoredVocabulary,
    TextColumn,
    TextCounts,
    check_batch_size,
    count_tokens,
    split_by_length,
)
from rnnlab.data.readers.delimited import TableFormat
from rnnlab.data.readers.tables import find_column, row_name
from rnnlab.data.text.labelled_texts import (
    LabelledTexts,
    check_labels,
    drop_duplicate_texts,
    drop_empty,
)
from rnnlab.data.text.labels import LabelMatching, match_class
from rnnlab.data.text.ragged import RaggedArray, TruncationConfig
from rnnlab.data.text.text_columns import TextColumns
from rnnlab.errors import DataError, unknown_name
from rnnlab.spec import DataSpec, Ints

if TYPE_CHECKING:
    from rnnlab.data.processors.base import Inputs, Parts

PREDICTION, PROBABILITY = "prediction", "probability"  # added columns


@dataclass(frozen=True, kw_only=True)
class ClassificationProcessor(Processor):
    """Processor of texts with one label each: tokenization and names of the classes.

    Attributes:
        columns: of tables, and how they are written.
        vocabulary: tokens and their tokenizer.
        seq_len, head_fraction, label_matching, drop_duplicates: see TextClassificationDataModule.
        labels: labels of the training, in the order of the outputs.
        classes: display names of the classes, in this order.
        lines_encoding: of files with one text in each line.
    """

    stdin_suffix = ".txt"
    has_row_per_text = True
    reading: ClassVar[Mapping[str, Sequence[str]]] = {
        "text_column": ["columns.text"],
        "label_column": ["columns.label"],
        "label_matching": ["label_matching"],
        "encoding": ["columns.encoding", "lines_encoding"],
        **{name: [f"columns.{name}"] for name in ("delimiter", "quoting", "header")},
    }
    columns: TextColumns
    vocabulary: StoredVocabulary
    seq_len: int
    head_fraction: float
    label_matching: LabelMatching
    drop_duplicates: bool
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    lines_encoding: str = "utf-8"

    @property
    def text_column(self) -> str:
        """Column of the texts."""
        return self.columns.text

    @property
    def table_format(self) -> TableFormat:
        """How a table is written."""
        return self.columns.table_format

    def token_names(self) -> list[str]:
        return self.vocabulary.display_tokens()

    @property
    def truncation(self) -> TruncationConfig:
        """Limits of vocabulary and length."""
        return TruncationConfig(len(self.vocabulary), self.seq_len, self.head_fraction)

    def sizes(self) -> dict[str, int]:
        return {**super().sizes(), "output_size": len(self.classes)}

    def predict(self, inputs: "Inputs", network: Network, **options: Any) -> "Parts":
        """Yield the class of each text, in parts of some thousand.

        Args:
            inputs: texts; a file with one text a line; or a table (of the formats of
                rnnlab.data.readers.tables, or of pandas) with the column of texts of the training.
            network: that was trained on batches of this processor.
            options: `batch_size`, 64 by default; `probabilities`: add the probability of each
                class, True by default.

        Yields:
            The columns of the table, or `text`; `prediction`, the name of the most likely class;
            `probability`, its probability; and `p(<class>)`, that of each class. A text without
            tokens is predicted as one unknown token.

        Raises:
            ConfigError: an option is invalid.
            DataError: the inputs cannot be read, or have a column with one of these names.
        """
        batch_size, probabilities = take_options(options, batch_size=64, probabilities=True)
        check_batch_size(batch_size)
        counts = TextCounts()
        for part, column in self.column.read(inputs):
            texts = part[column].tolist()
            ids = self.vocabulary.encode_texts(texts)
            values = self._run(ids, network, batch_size)
            best = values.argmax(axis=1)
            part[PREDICTION] = [self.classes[i] for i in best]
            part[PROBABILITY] = values[np.arange(len(best)), best]
            if probabilities:
                part[[f"p({name})" for name in self.classes]] = values
            part.attrs["notes"] = counts.add(texts, **count_tokens(ids))
            yield part

    def read_targets(
        self, inputs: "Inputs", spec: DataSpec, batch_size: int, **options: Any
    ) -> NewTexts:
        """Return labelled texts, read as in training.

        Args:
            inputs: a table, or its file, with the columns of text and label of the training; a
                folder with a table of the test split; or one with a folder of texts for each class.
            spec: sizes of the training.
            batch_size: targets in a batch.
            options: none.

        Raises:
            DataError: the inputs cannot be read, a row has no label, or one that was not in
                training.
        """
        take_options(options)
        texts, notes = check_labels(read_labelled_texts(inputs, self.columns)), list[str]()
        codes = self.encode_labels(texts)
        texts = drop_empty(texts, notes)
        if self.drop_duplicates:
            texts = drop_duplicate_texts(texts, notes)
        targets = np.array([codes[label] for label in texts.labels], dtype=np.int64)
        notes = [*texts.notes, *notes]
        return NewTexts(self.vocabulary, self.truncation, texts, targets, spec, batch_size, notes)

    def encode_labels(self, texts: LabelledTexts) -> dict[str, int]:
        """Return the class of each different label.

        Raises:
            DataError: one was not in training.
        """
        labels, names = self.labels, self.classes
        matches = {
            label: match_class(label, labels, names, self.label_matching)
            for label in dict.fromkeys(texts.labels)
        }
        for label, match in matches.items():
            if match is None:
                row = texts.labels.index(label)
                begin = (
                    f"{row_name(texts.name, row)}: the label {label!r} (a total of "
                    f"{texts.labels.count(label):,} rows) was not in training; "
                )
                end = ". Rename it, or remove its rows"
                raise DataError(unknown_name(begin, label, names, end))
        return {label: match for label, match in matches.items() if match is not None}

    @property
    def column(self) -> TextColumn:
        """The column of texts of tables."""
        setting = "data.text_column"
        new_columns = (PREDICTION, PROBABILITY, *(f"p({name})" for name in self.classes))
        find = partial(find_column, name=self.text_column, settings=setting)
        return TextColumn(
            self.table_format, find, self.text_column, setting, new_columns, self.lines_encoding
        )

    def _run(self, ids: list[list[int]], network: Network, batch_size: int) -> Any:
        """Return the probabilities (N, classes); texts of similar length are in one batch."""
        lengths = np.array([len(row) for row in ids], dtype=np.int64)
        values = np.concatenate([np.array(row, dtype=np.int32) for row in ids])
        sequences = RaggedArray(values, np.concatenate([[0], np.cumsum(lengths)]))
        groups = split_by_length(lengths, batch_size)
        parts = [network.answer(self.make_batch(sequences, rows)) for rows in groups]
        probabilities: Tensor = torch.cat(parts)
        return probabilities[torch.from_numpy(np.argsort(np.concatenate(groups)))].numpy()

    def make_batch(self, sequences: RaggedArray, rows: Ints) -> Any:
        """Return some sequences as a batch without targets."""
        tokens, lengths = self.truncation.gather(sequences, rows)
        return to_batch(tokens, lengths, np.zeros(len(rows), dtype=np.int64), rows)
