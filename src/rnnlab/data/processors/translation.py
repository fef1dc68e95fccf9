"""Processor of sentence pairs: translations of new sentences, with their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from rnnlab.data.base import to_batch
from rnnlab.data.processors.base import Network, Processor, take_options
from rnnlab.data.processors.new_pairs import NewPairs, open_pairs
from rnnlab.data.processors.texts import (
    StoredVocabulary,
    TextColumn,
    TextCounts,
    check_batch_size,
    count_tokens,
    split_by_length,
)
from rnnlab.data.readers.delimited import TableFormat
from rnnlab.data.readers.tables import Table, find_column
from rnnlab.data.text.pair_columns import PairColumns, find_name, join_lines
from rnnlab.data.text.sentence_pairs import MAX_CHARACTERS
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.errors import ConfigError, DataError
from rnnlab.spec import PADDING_ID, DataSpec

if TYPE_CHECKING:
    from rnnlab.data.processors.base import Inputs, Parts

SOURCE_SETTING = "data.source_column"
NEW_COLUMNS = ("rank", "translation", "score")
MAX_BEAM_SIZE = 1_000
BATCH_BEAMS = 1_024  # hypotheses of a batch of sentences, which fill the memory


class Candidate(NamedTuple):
    """A translation.

    Attributes:
        score: log-probability divided by the length penalty; higher is better.
    """

    text: str
    score: float


@dataclass(frozen=True, kw_only=True)
class TranslationProcessor(Processor):
    """Processor of sentence pairs: tokenization of both languages.

    Attributes:
        source_column: name of the column with the sentences, of tables.
        table_format: of tables.
        source_vocabulary, target_vocabulary: tokens and their tokenizers.
        prefix: of each text, which the vocabularies expect.
        languages: of source and target.
        lower: the vocabularies are in lower case, so that scores ignore case.
        target_column: name of the column with the translations; None for the target language.
        lines_encoding: of files with one sentence in each line, whose translations are wanted.
        seq_len: tokens to which sources of an evaluation are cut; None for all of them.
    """

    stdin_suffix = ".txt"
    has_row_per_text = True
    reading: ClassVar[Mapping[str, Sequence[str]]] = {
        "source_column": ["source_column"],
        "target_column": ["target_column"],
        "encoding": ["table_format.encoding", "lines_encoding"],
        **{name: [f"table_format.{name}"] for name in ("delimiter", "quoting", "header")},
    }
    source_column: str
    table_format: TableFormat
    source_vocabulary: StoredVocabulary
    target_vocabulary: StoredVocabulary
    prefix: str
    languages: tuple[str, str]
    lower: bool
    target_column: str | None = None
    seq_len: int | None = None
    lines_encoding: str = "utf-8"

    @property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """The vocabulary of each side."""
        return {"source": self.source_vocabulary, "target": self.target_vocabulary}

    def encode(self, side: str, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of texts of one side."""
        return self.vocabularies[side].encode([self.prefix + text for text in texts])

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of target tokens."""
        return self.target_vocabulary.decode(tokens).strip()

    def normalize(self, text: str) -> str:
        """Return a target text in the form in which translations are compared."""
        return self.target_vocabulary.tokenizer.normalize(text)

    def sizes(self) -> dict[str, int]:
        return {**super().sizes(), "output_size": len(self.target_vocabulary)}

    def predict(self, inputs: "Inputs", network: Network, **options: Any) -> "Parts":
        """Yield the translations of sentences, in parts of some thousand.

        Args:
            inputs: sentences; a file with one sentence a line; or a table (of the formats of
                rnnlab.data.readers.tables, or of pandas) with the column of sources of the
                training, or with one column.
            network: that was trained on batches of this processor.
            options: `n_best`, `beam_size` and `batch_size`; see `translate`.

        Yields:
            The columns of the table, or `text`; with `n_best` above 1 a row for each translation
            and its `rank` from 1; `translation`; and `score`.

        Raises:
            ConfigError: an option is invalid.
            DataError: the inputs cannot be read, have a column with one of these names, or a
                sentence is too long.
        """
        names = {"n_best": 1, "beam_size": None, "batch_size": 64}
        n_best, beam_size, batch_size = take_options(options, **names)
        find = partial(find_source_column, name=self.source_column)
        first, text_counts = 1, TextCounts()
        column = TextColumn(
            *(self.table_format, find, self.source_column, SOURCE_SETTING, NEW_COLUMNS),
            self.lines_encoding,
        )
        for part, name in column.read(inputs):
            texts = check_lengths(part[name].tolist(), first)
            first += len(texts)
            candidates, counts = self.translate(texts, network, n_best, beam_size, batch_size)
            rows = np.repeat(np.arange(len(part)), [len(members) for members in candidates])
            table = part.iloc[rows].reset_index(drop=True)
            if n_best > 1:
                table["rank"] = [i for members in candidates for i in range(1, len(members) + 1)]
            table["translation"] = [one.text for members in candidates for one in members]
            table["score"] = [one.score for members in candidates for one in members]
            table.attrs["notes"] = text_counts.add(texts, **counts)
            yield table

    def read_targets(
        self, inputs: "Inputs", spec: DataSpec, batch_size: int, **options: Any
    ) -> NewPairs:
        """Return sentence pairs, read as in training; longer sources are cut as in the test.

        Args:
            inputs: a table, or its file, with the columns of the training; lines of a sentence, a
                tab and its translation; or the file of the sentences, one a line.
            spec: sizes of the training.
            batch_size: targets in a batch.
            options: `reference`: the file of the translations, one a line.

        Raises:
            ConfigError: the inputs are something else.
            DataError: they cannot be read, or a pair is empty or too long.
        """
        (reference,) = take_options(options, reference=None)
        names = zip((self.source_column, self.target_column), self.languages, strict=True)
        named = [None if name == language else name for name, language in names]
        columns = PairColumns(self.languages, *named)
        pairs = open_pairs(inputs, reference, columns, self.table_format)
        settings = self.prefix, self.languages[1], self.lower, self.seq_len
        return NewPairs(self.vocabularies, *settings, pairs, spec, batch_size)

    def translate(
        self,
        sentences: Sequence[str],
        network: Network,
        n_best: int = 1,
        beam_size: int | None = None,
        batch_size: int = 64,
    ) -> tuple[list[list[Candidate]], dict[str, int]]:
        """Return the best translations of each sentence, the best first.

        Args:
            sentences: of any length, not truncated; an empty one has an empty translation. A line
                break is a space, as in a table of pairs.
            network: that was trained on batches of this processor.
            n_best: translations of each sentence, at most `beam_size`; the search may find fewer.
            beam_size: None for that of the training.
            batch_size: sentences of one search, fewer with large beams.

        Returns:
            The translations, and the numbers of `tokens` of the sentences and of `unknown` ones.

        Raises:
            ConfigError: an option is invalid.
            DataError: a sentence is longer than those of a data set.
        """
        check_batch_size(batch_size)
        beam_size = network.beam_size if beam_size is None else beam_size
        check_beams(n_best, beam_size)
        texts = [join_lines(text) for text in check_lengths(sentences)]
        ids = self.encode("source", texts)
        results = [[Candidate("", 0.0)] for _ in texts]
        nonempty = np.array([i for i, text in enumerate(texts) if text and ids[i]], dtype=np.int64)
        lengths = np.array([len(ids[i]) for i in nonempty], dtype=np.int64)
        size = max(1, min(batch_size, BATCH_BEAMS // beam_size))
        for places in split_by_length(lengths, size) if len(nonempty) else []:
            rows = nonempty[places]
            best = self._search([ids[i] for i in rows], network, n_best, beam_size)
            for i, candidates in zip(rows, best, strict=True):
                results[i] = candidates
        return results, count_tokens(ids)

    def _search(
        self, ids: list[list[int]], network: Network, n_best: int, beam_size: int
    ) -> list[list[Candidate]]:
        if network.search is None:
            raise ConfigError("this network cannot search for translations")
        lengths = np.array([len(row) for row in ids])
        inputs = np.full((len(ids), lengths.max()), PADDING_ID, dtype=np.int64)
        for row, values in zip(inputs, ids, strict=True):
            row[: len(values)] = values
        batch = to_batch(inputs, lengths, inputs[:, :0], np.arange(len(ids)))
        best = network.search(batch, beam_size, n_best)
        return [[Candidate(self.decode(tokens), score) for tokens, score in row] for row in best]


def find_source_column(table: Table, name: str) -> int:
    """Return the place of the column of sentences: the named one, or the only one.

    Raises:
        DataError: there is no such column.
    """
    place = find_name(table.header, name)
    if place is None and len(table.header) == 1:
        return 0
    header_name = name if place is None else table.header[place]
    return find_column(table, header_name, SOURCE_SETTING)


def check_beams(n_best: int, beam_size: int) -> None:
    """Raise ConfigError if the number of translations or beams is out of range."""
    for name, value in (("n_best", n_best), ("beam_size", beam_size)):
        if not isinstance(value, int) or not 1 <= value <= MAX_BEAM_SIZE:
            raise ConfigError(f"{name}={value}: must be a whole number from 1 to {MAX_BEAM_SIZE:,}")
    if n_best > beam_size:
        raise ConfigError(
            f"n_best={n_best}: a beam of {beam_size} holds no more than {beam_size}; give "
            f"beam_size={n_best} or more"
        )


def check_lengths(sentences: Sequence[str], first: int = 1) -> Sequence[str]:
    """Return sentences unchanged; `first` is the number of the first one in errors.

    Raises:
        DataError: one has more characters than a sentence of a data set may have.
    """
    for number, sentence in enumerate(sentences, start=first):
        if len(sentence) > MAX_CHARACTERS:
            raise DataError(
                f"sentence {number:,}: has {len(sentence):,} characters; divide it into sentences "
                f"of at most {MAX_CHARACTERS:,}, one per line"
            )
    return sentences
