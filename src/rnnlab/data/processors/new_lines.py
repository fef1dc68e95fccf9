"""A new text as a test split, to score a trained language model on it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.base import ALL_ROWS, DataModule, Rows, Split
from rnnlab.data.loaders.streams import EVAL_STEPS, StreamLoader, write_stream
from rnnlab.data.processors.base import read_texts
from rnnlab.data.readers.lines import Lines, TextFile, TextRows, describe_repairs
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.ragged import RaggedArray
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.errors import DataError
from rnnlab.runtime.files import expand_path
from rnnlab.spec import Batch, DataSpec, Ints

if TYPE_CHECKING:
    from rnnlab.data.processors.base import Inputs


class NewLines(DataModule):
    """A running text that a network was not trained on; read with one state, as a test split is.

    Args:
        vocabulary: of the training.
        lines: the text.
        name: of the text, in errors.
        context: see LanguageModelingProcessor.
        spec: sizes of the training.

    Raises:
        DataError: the text cannot be read, or has no token.
    """

    tasks = ("language_modeling",)

    def __init__(
        self,
        vocabulary: Vocabulary,
        lines: Lines,
        name: str,
        context: tuple[int, ...],
        spec: DataSpec,
    ) -> None:
        super().__init__(1, seed=0, shuffle=False)
        self.vocabulary, self.context, self.spec = vocabulary, context, spec
        with tempfile.TemporaryDirectory() as folder:
            size = write_stream(Path(folder), "test", vocabulary, lines)
            self.ids: Ints = np.array(RaggedArray.load(Path(folder), "test").values)
        if not size.tokens:
            raise DataError(f"{name}: has no tokens, so there is nothing to score")
        notes = describe_repairs(name, lines)
        if size.unknown:
            notes.append(f"<unk> replaces {size.unknown / size.tokens:.2%} of the tokens")
        sizes = {"test": size.tokens}
        self.unknown_share = size.unknown / size.tokens
        self.provenance = Provenance("local", name, notes=notes, sizes=sizes)

    def lengths(self, split: Split) -> NDArray[Any]:
        """Return 1 for each target, (N,)."""
        return np.broadcast_to(np.int64(1), (self.provenance.sizes["test"],))

    def _evaluation_loader(self, split: Split) -> StreamLoader:
        tokens = self.provenance.sizes["test"]
        return StreamLoader(self.ids, tokens, 1, EVAL_STEPS, training=False)

    def sample(self, split: Split, count: int, steps: int) -> Batch:
        """See DataModule; returns one sequence, the start of the text."""
        tokens = self.provenance.sizes["test"]
        return StreamLoader(self.ids, tokens, 1, steps, training=False).window(0)

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """See DataModule; there are none without the training split."""
        return {}

    def missing_baselines(self) -> Mapping[str, str]:
        """See DataModule."""
        reason = "needs the training split, which the run does not keep"
        return {"bigram": reason, "unigram": reason}

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return a target."""
        return {"target": self.vocabulary.display_tokens()[int(self.ids[index + 1])]}

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return the inputs of the analysis; see rnnlab.analysis.language_modeling."""
        return {
            "tokens": self.vocabulary.display_tokens(),
            "separator": self.vocabulary.tokenizer.separator,
            "decode": self.vocabulary.decode,
            "unknown": {"test": self.unknown_share},
            "generation_context": self.context,
        }


def open_lines(inputs: "Inputs", encoding: str) -> tuple[Lines, str]:
    """Return a text and its name: a file, or lines without their line breaks."""
    if isinstance(inputs, str | Path):
        path = expand_path(inputs)
        return TextFile(path, encoding), str(path)
    return TextRows(list(read_texts(inputs))), "text"
