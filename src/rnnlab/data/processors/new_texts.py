"""New labelled texts as a test split, to score a trained classifier on them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.base import ALL_ROWS, DataModule, Rows, Split, to_batch
from rnnlab.data.readers.class_folders import find_class_folders, read_class_folders
from rnnlab.data.readers.tables import find_split_tables, open_inputs
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.labelled_texts import LabelledTexts
from rnnlab.data.text.ragged import RaggedArray, TruncationConfig
from rnnlab.data.text.text_columns import TextColumns
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.errors import DataError
from rnnlab.metrics.classification import class_scores
from rnnlab.runtime.files import expand_path
from rnnlab.spec import Batch, DataSpec, Ints

if TYPE_CHECKING:
    from rnnlab.data.processors.base import Inputs

TEXTS = 1000  # that are tokenized at once


class NewTexts(DataModule):
    """Labelled texts that a network was not trained on.

    Args:
        vocabulary: of the training.
        truncation: of the training.
        texts: at least one, none of them empty.
        targets: class of each text, (N,).
        spec: sizes of the training.
        batch_size: see DataModule.
        notes: repairs and omissions.
    """

    tasks = ("classification",)

    def __init__(
        self,
        vocabulary: Vocabulary,
        truncation: TruncationConfig,
        texts: LabelledTexts,
        targets: Ints,
        spec: DataSpec,
        batch_size: int,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(batch_size, seed=0, shuffle=False)
        self.texts, self.targets = texts.texts, targets
        self.truncation, self.spec = truncation, spec
        self.sequences = encode_ragged(vocabulary, texts.texts)
        sizes = {"test": len(targets)}
        self.provenance = Provenance("local", texts.name, notes=notes, sizes=sizes)

    def lengths(self, split: Split) -> NDArray[Any]:
        """Return the number of tokens of each text after truncation, (N,)."""
        lengths: Ints = np.minimum(self.sequences.lengths, self.truncation.seq_len)
        return lengths

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Return texts as token ids (B, T), padded to the longest."""
        tokens, lengths = self.truncation.gather(self.sequences, rows)
        return to_batch(tokens, lengths, self.targets[rows], rows)

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the scores of the class frequencies of training."""
        return {"majority": majority_scores(self.spec, self.targets[rows])}

    def missing_baselines(self) -> Mapping[str, str]:
        """See DataModule."""
        return {"linear": "is fitted to the training split, which the run does not keep"}

    def undefined_metrics(self, split: Split) -> Mapping[str, str]:
        """See DataModule."""
        return explain_undefined_auroc(self.spec, self.targets, "the file")

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return the complete text of a target."""
        return {"text": self.texts[index]}


def encode_ragged(vocabulary: Vocabulary, texts: Sequence[str]) -> RaggedArray:
    """Return the ids of texts, of which some at a time are lists of numbers."""
    parts, lengths = [], [0]
    for start in range(0, len(texts), TEXTS):
        ids = vocabulary.encode_texts(texts[start : start + TEXTS])
        parts += [np.array(row, dtype=np.int32) for row in ids]
        lengths += map(len, ids)
    return RaggedArray(np.concatenate(parts), np.cumsum(lengths, dtype=np.int64))


def read_labelled_texts(inputs: "Inputs", columns: TextColumns) -> LabelledTexts:
    """Return the labelled texts of a table or of a folder.

    Raises:
        DataError: the inputs cannot be read.
    """
    path = expand_path(inputs) if isinstance(inputs, str | Path) else None
    if path is None or not path.is_dir():
        return columns.read_table(open_inputs(inputs, columns.table_format))
    folders, tables = find_class_folders(path), find_split_tables(path)
    for split in ("test", "all"):
        if split in folders:
            return read_class_folders(folders[split], columns.encoding)
        if split in tables:
            return columns.read(tables[split])
    raise DataError(
        f"{path}: has neither a table of a test split, such as test.csv, nor a folder of .txt "
        "files for each class"
    )


def majority_scores(spec: DataSpec, targets: NDArray[Any]) -> dict[str, float]:
    """Return the scores of the class frequencies of training for some targets, (N,)."""
    frequencies = np.array(spec.class_counts) / sum(spec.class_counts)
    return class_scores(np.tile(frequencies, (len(targets), 1)), targets, spec.positive_class)


def explain_undefined_auroc(spec: DataSpec, targets: NDArray[Any], place: str) -> Mapping[str, str]:
    """Return the reason why the AUROC has no value, if all targets are of one class."""
    classes = np.unique(targets)
    if len(classes) > 1:
        return {}
    name = spec.label_names[int(classes[0])]
    return {"auroc": f"all {len(targets):,} texts of {place} are of class {name!r}"}
