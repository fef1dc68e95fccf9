"""Processor of running text: the probability of its tokens, and what precedes a prompt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rnnlab.data.base import to_batch
from rnnlab.data.loaders.streams import EVAL_STEPS
from rnnlab.data.processors.base import Network, Processor, read_texts, take_options
from rnnlab.data.processors.new_lines import NewLines, open_lines
from rnnlab.data.processors.texts import (
    StoredVocabulary,
    TextCounts,
    check_batch_size,
    count_tokens,
    split_parts,
)
from rnnlab.spec import PADDING_ID, START_ID, Array, DataSpec, Ints

if TYPE_CHECKING:
    import pandas as pd

    from rnnlab.data.processors.base import Inputs, Parts


@dataclass(frozen=True, kw_only=True)
class LanguageModelingProcessor(Processor):
    """Processor of running text: tokenization, and the context before a prompt.

    Attributes:
        vocabulary: tokens and their tokenizer.
        lines_encoding: of files of texts.
        context: tokens at the end of the training text; see rnnlab.data.text.generation_context.
    """

    reading: ClassVar[Mapping[str, Sequence[str]]] = {"encoding": ["lines_encoding"]}
    stdin_suffix = ".txt"
    has_row_per_text = True
    vocabulary: StoredVocabulary
    context: tuple[int, ...]
    lines_encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if not all(0 <= token < len(self.vocabulary) for token in self.context):
            raise ValueError("context: has tokens that are not in the vocabulary")

    def sizes(self) -> dict[str, int]:
        return {"num_tokens": len(self.vocabulary), "output_size": len(self.vocabulary)}

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text as those of a training file with this content."""
        return self.vocabulary.encode_lines(split_lines(text))

    def predict(self, inputs: "Inputs", network: Network, **options: Any) -> "Parts":
        """Yield the perplexity of each line, in parts of some thousand.

        Args:
            inputs: lines of text, without their line breaks; or a file of them.
            network: that was trained on batches of this processor.
            options: `batch_size`, 64 by default.

        Yields:
            See `score`, of each line with the line break that ends it.

        Raises:
            ConfigError: an option is invalid, or the inputs are a table.
            DataError: the file cannot be read.
        """
        (batch_size,) = take_options(options, batch_size=64)
        counts = TextCounts()
        for lines in split_parts(read_texts(inputs, self.lines_encoding)):
            part = self.score([f"{line}\n" for line in lines], network, batch_size)
            part = part.assign(text=lines)
            part.attrs["notes"] = counts.add(lines, **part.attrs["counts"])
            yield part

    def read_targets(
        self, inputs: "Inputs", spec: DataSpec, batch_size: int, **options: Any
    ) -> NewLines:
        """Return a text as one stream, read as the test split is.

        Args:
            inputs: a file; or its lines, without their line breaks.
            spec: sizes of the training.
            batch_size: not used: the text is one sequence.
            options: none.

        Raises:
            ConfigError: the inputs are a table.
            DataError: the file cannot be read, or has no token.
        """
        take_options(options)
        lines, name = open_lines(inputs, self.lines_encoding)
        return NewLines(self.vocabulary, lines, name, self.context, spec)

    def score(self, texts: Sequence[str], network: Network, batch_size: int = 64) -> "pd.DataFrame":
        """Return the perplexity of texts, each read from its start, independently of the others.

        Returns:
            A row for each text: `text`; `tokens`, the number of its tokens, with <eos> for each
            line break (of words) and <unk>; `log_probability` of all of them, in nats; and
            `perplexity` of a token, which is undefined (NaN) for a text without tokens.
        """
        import pandas as pd

        check_batch_size(batch_size)
        ids = [self.encode(text) for text in texts]
        lengths = np.array([len(row) for row in ids], dtype=np.int64)
        log_probabilities = np.zeros(len(ids))
        for rows in split_by_windows(lengths, batch_size):
            members = [ids[row] for row in rows]
            log_probabilities[rows] = sum_log_probabilities(members, lengths[rows], network)
        with np.errstate(invalid="ignore", over="ignore"):
            perplexity = np.exp(-log_probabilities / np.where(lengths > 0, lengths, np.nan))
        columns = {"text": list(texts), "tokens": lengths, "log_probability": log_probabilities}
        table = pd.DataFrame({**columns, "perplexity": perplexity})
        table.attrs["counts"] = count_tokens(ids)
        table.attrs["notes"] = TextCounts().add(texts, **table.attrs["counts"])
        return table


def sum_log_probabilities(ids: Sequence[list[int]], lengths: Ints, network: Network) -> Array:
    """Return the log-probability of all tokens of each text, in nats, (B,).

    The texts are read in windows that carry the state, as in the test. A window goes on behind the
    end of a shorter text, which changes none of its tokens.
    """
    tokens = np.full((len(ids), 1 + int(lengths.max())), PADDING_ID, dtype=np.int64)
    tokens[:, 0] = START_ID
    for row, members in zip(tokens, ids, strict=True):
        row[1 : 1 + len(members)] = members
    totals = np.zeros(len(ids))
    rows = np.arange(len(ids))
    for start in range(0, tokens.shape[1] - 1, EVAL_STEPS):
        targets = tokens[:, start + 1 : start + 1 + EVAL_STEPS]
        inputs = tokens[:, start : start + targets.shape[1]]
        steps = np.full(len(ids), targets.shape[1])
        batch = to_batch(inputs, steps, targets, rows)._replace(continues=start > 0)
        values = network.answer(batch).double().numpy()  # (B, T)
        is_valid = np.arange(start, start + targets.shape[1]) < lengths[:, None]
        totals += np.where(is_valid, values, 0.0).sum(axis=1)
    return totals


def split_by_windows(lengths: Ints, batch_size: int) -> Iterator[Ints]:
    """Yield the rows of batches of texts with the same number of windows, at least one."""
    windows = -(-lengths // EVAL_STEPS)
    for count in np.unique(windows[windows > 0]):
        members = np.flatnonzero(windows == count)
        order = members[np.argsort(lengths[members], kind="stable")]
        yield from np.split(order, range(batch_size, len(order), batch_size))


def split_lines(text: str) -> list[str]:
    r"""Return the lines of a text, with line ends as in a file that is read for training.

    >>> split_lines("a\r\nb")
    ['a\n', 'b']
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *filter(None, lines[-1:])]
