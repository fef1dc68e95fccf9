"""New sentence pairs as a test split, to score a trained network on them."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.base import ALL_ROWS, DataModule, Rows, Split, to_batch
from rnnlab.data.processors.new_texts import encode_ragged
from rnnlab.data.readers.delimited import TableFormat
from rnnlab.data.readers.sentence_pairs import (
    Pairs,
    pairs_from_lists,
    read_aligned_files,
    read_pair_file,
)
from rnnlab.data.readers.tables import find_column, open_inputs
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.pair_columns import COLUMN_SETTINGS, PairColumns, find_name, join_lines
from rnnlab.data.text.ragged import RaggedArray, TextStore
from rnnlab.data.text.sentence_pairs import SIDES, PairWriter
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.errors import ConfigError
from rnnlab.runtime.files import expand_path
from rnnlab.spec import END_ID, UNKNOWN_ID, Batch, DataSpec, Ints

if TYPE_CHECKING:
    from rnnlab.data.processors.base import Inputs


class NewPairs(DataModule):
    """Sentence pairs that a network was not trained on.

    Args:
        vocabularies: of the training, of "source" and "target".
        prefix: of each text.
        language: of the targets.
        lower: case is ignored.
        seq_len: longer sources are cut to so many tokens; None for all of them.
        pairs: see Pairs; an unusable pair is an error.
        spec: sizes of the training.
        batch_size: see DataModule.

    Raises:
        DataError: the pairs cannot be read, one is empty or too long, or there are none.
    """

    tasks = ("translation",)

    def __init__(
        self,
        vocabularies: Mapping[str, Vocabulary],
        prefix: str,
        language: str,
        lower: bool,
        seq_len: int | None,
        pairs: Pairs,
        spec: DataSpec,
        batch_size: int,
    ) -> None:
        super().__init__(batch_size, seed=0, shuffle=False)
        self.vocabularies, self.language, self.lower = vocabularies, language, lower
        self.spec, notes = spec, list[str]()
        self.texts = read_texts_of_pairs(pairs, notes)
        self.ids = {
            side: encode_ragged(vocabularies[side], [prefix + text for text in self.texts[side]])
            for side in SIDES
        }
        self.seq_len = seq_len or int(self.ids["source"].lengths.max())
        sizes = {"test": len(self.texts["source"])}
        self.provenance = Provenance("local", pairs.name, notes=notes, sizes=sizes)

    def lengths(self, split: Split) -> NDArray[Any]:
        """Return the length of each source after truncation, (N,)."""
        lengths: Ints = np.minimum(self.ids["source"].lengths, self.seq_len)
        return lengths

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Return sources (B, T) and targets (B, U) as token ids, padded to the longest of each."""
        sources, lengths = self.ids["source"].gather(rows, self.seq_len, 1.0)
        target = self.ids["target"]
        tokens, sizes = target.gather(rows, int(target.lengths[rows].max()), 1.0)
        targets = np.pad(tokens.astype(np.int64), ((0, 0), (0, 1)))
        targets[np.arange(len(rows)), sizes] = END_ID
        return to_batch(sources.astype(np.int64), lengths, targets, rows)

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """See DataModule; there are none without the training split."""
        return {}

    def baseline_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return `baselines`: the sources, of a system that copies them."""
        return {"baselines": {"copy the source": self._texts("source", rows)}}

    def missing_baselines(self) -> Mapping[str, str]:
        """See DataModule."""
        return {"token frequency": "needs the training split, which the run does not keep"}

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return the inputs of the analysis; see rnnlab.analysis.translation."""
        target = self.vocabularies["target"]
        return {
            "rows": rows.tolist(),
            "sources": self._texts("source", rows),
            "references": self._texts("target", rows),
            "unknown_shares": {side: share_of_unknown(self.ids[side]) for side in SIDES},
            "normalize": target.tokenizer.normalize,
            "detokenize": lambda tokens: target.decode(tokens).strip(),
            "language": self.language,
            "lower": self.lower,
        }

    def _texts(self, side: str, rows: NDArray[Any]) -> list[str]:
        return [self.texts[side][row] for row in rows]

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return a sentence and its translation."""
        return {"text": self.texts["source"][index], "reference": self.texts["target"][index]}


def share_of_unknown(ids: RaggedArray) -> float:
    """Return the share of the tokens that are <unk>."""
    return float((ids.values == UNKNOWN_ID).mean()) if len(ids.values) else 0.0


def read_texts_of_pairs(pairs: Pairs, notes: list[str]) -> dict[str, list[str]]:
    """Return the texts of each side.

    Raises:
        DataError: a pair cannot be used, or there are none.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = PairWriter(folder, "test", pairs.name, pairs.unit, str, strict=True)
        for number, (source, target) in enumerate(pairs.read(), start=1):
            writer.write(number, source, target)
        count = len(writer.close(notes).groups)
        stores = {side: TextStore(folder, f"test.{side}") for side in SIDES}
        notes += pairs.notes
        return {side: [store[row] for row in range(count)] for side, store in stores.items()}


def open_pairs(
    inputs: "Inputs", reference: "Inputs | None", columns: PairColumns, table_format: TableFormat
) -> Pairs:
    """Return the pairs of a file, of two files, or of a pandas table.

    Args:
        inputs: a table, its file, or the file of the sources.
        reference: the file of the translations, line by line; None for a table.
        columns: with both sides.
        table_format: of tables.

    Raises:
        ConfigError: the inputs are something else.
        DataError: they have no such columns.
    """
    if isinstance(inputs, str | Path):
        path = expand_path(inputs)
        if reference is None:
            return read_pair_file(path, columns, table_format)
        if isinstance(reference, str | Path):
            return read_aligned_files(path, expand_path(reference), table_format.encoding)
    if reference is not None:
        raise ConfigError("reference: is the file of the translations of a file of sentences")
    table = open_inputs(inputs, table_format)
    names = [header_name(table.header, name) for name in columns.names]
    places = [find_column(table, name, COLUMN_SETTINGS) for name in names]
    (cells,) = table.pieces(places, max(1, len(inputs)))  # type: ignore[arg-type]
    sources, targets = ([join_lines(str(cell)) for cell in column] for column in cells)
    return pairs_from_lists(str(table.path), sources, targets)


def header_name(header: list[str], name: str) -> str:
    """Return the name of a column as the header has it, perhaps in another case."""
    place = find_name(header, name)
    return name if place is None else header[place]
