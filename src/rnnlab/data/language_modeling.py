"""Data sets for language modelling: lines of text become parallel streams of tokens."""

import hashlib
import math
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnlab.config.types import NonNegativeInt, PositiveInt, Seed, Share
from rnnlab.data.base import ALL_ROWS, SPLITS, Rows, Split
from rnnlab.data.baselines.ngrams import Bigram, count_ids, mean_loss, unigram
from rnnlab.data.loaders.streams import EVAL_STEPS, StreamLoader, StreamSize, write_stream
from rnnlab.data.prepared import Prepared, PreparedDataModule, Source
from rnnlab.data.processors.language_modeling import LanguageModelingProcessor
from rnnlab.data.readers.files import check_encoding
from rnnlab.data.readers.lines import (
    Lines,
    ProgressCallback,
    TextFile,
    TextRange,
    TextRows,
    describe_repairs,
    find_cut,
    find_text_files,
    with_progress,
)
from rnnlab.data.sources.hub import HUB_SPLITS, load_from_hub
from rnnlab.data.sources.provenance import SourceName
from rnnlab.data.sources.split_names import describe_unused
from rnnlab.data.text.generation_context import select_context
from rnnlab.data.text.ragged import RaggedArray
from rnnlab.data.text.tokenizers import (
    SPECIALS,
    TOKENIZERS_VERSION,
    UNKNOWN_TOKEN,
    TokenKind,
    build_tokenizer,
    describe_special_words,
)
from rnnlab.data.text.unknown_tokens import (
    SMALLER_TOKENS,
    TokenSettings,
    describe_unknown_tokens,
    unknown_share,
)
from rnnlab.data.text.vocabulary import MIN_VOCAB_SIZES, Vocabulary
from rnnlab.errors import ConfigError, DataError
from rnnlab.runtime.progress import progress_bar
from rnnlab.spec import Batch, DataSpec

HELD_OUT: tuple[Split, ...] = ("val", "test")
CUT_TOLERANCE = 0.2  # of the smallest split: a cut is moved by so much to the start of a line
MIN_STABLE_TOKENS = 1_000  # of a split; a loss has a standard error of up to 0.1 nats there
MAX_RARE_SHARE = 0.5  # of unknown tokens; more are not rare words
MAX_ADVISED_SHARE = 0.3  # of a text for validation or test
SPARE = 1.2  # times as many tokens are advised as needed: a cut moves to the start of a line
NUM_CONTEXT_TOKENS = 15  # shown before a target


@dataclass(frozen=True)
class TextStatistics:
    """Numbers of characters, with line breaks, of empty lines and of <unk>, and checksum."""

    characters: int
    empty: int
    unknown: int
    sha256: str


def scan(lines: Lines, callback: ProgressCallback) -> TextStatistics:
    """Read a text once, and raise the errors of its reader before anything is written."""
    characters = empty = unknown = 0
    is_line_start = True
    digest = hashlib.sha256()
    for line in with_progress(lines, callback):
        characters += len(line)
        empty += is_line_start and not line.strip()
        unknown += line.count(UNKNOWN_TOKEN)
        is_line_start = line.endswith("\n")
        digest.update(line.encode("utf-8", errors="replace"))
    return TextStatistics(characters, empty, unknown, digest.hexdigest())


class LanguageModelingDataModule(PreparedDataModule):
    """A text whose tokens are predicted from all tokens before them.

    Training reads `batch_size` parts of the text in parallel, in windows of `seq_len` tokens, and
    carries the hidden state from window to window; gradients do not cross windows (truncated
    backpropagation through time). Validation and test read their text once from start to end with
    one hidden state, so their scores depend on neither setting.

    A named data set defines where its text comes from.

    Args:
        source: see PreparedDataModule.
        path: a text file, or a folder with train.txt, valid.txt and test.txt (see
            rnnlab.data.sources.split_names). A missing validation or test file is replaced by the
            end of the training text.
        encoding: of the files.
        tokens: words | characters | bpe (subwords). With words, <eos> ends each line; otherwise a
            line break is an ordinary token.
        spaces: split words at spaces only, for text that is already tokenized.
        lower: convert to lower case.
        vocab_size: maximum number of tokens in the vocabulary, including <pad>, <unk>, <s> and
            <eos>. The most frequent tokens of the training split are kept.
        seq_len: number of tokens that gradients flow back.
        batch_size: number of parts of the training text that are read in parallel, on each device.
        val_fraction: share of the text for validation if the source has no validation split.
        test_fraction: share of the text for the test if the source has no test split.
        bptt_jitter: maximum number of tokens by which the start of a training window moves in each
            epoch, so that gradients are not always truncated at the same positions. The learning
            rate of a step is proportional to the length of its window (Merity et al., 2018). 0
            turns it off.
        seed: of the random window starts.
    """

    tasks = ("language_modeling",)
    version = 3
    published_sizes: ClassVar[Mapping[Split, int]] = {}  # tokens of each split in the literature

    def __init__(
        self,
        source: SourceName = "auto",
        path: str | None = None,
        encoding: str = "utf-8",
        tokens: TokenKind = "words",
        spaces: bool = False,
        lower: bool = False,
        vocab_size: PositiveInt = 20_000,
        seq_len: PositiveInt = 35,
        batch_size: PositiveInt = 20,
        val_fraction: Share = 0.05,
        test_fraction: Share = 0.05,
        bptt_jitter: NonNegativeInt = 0,
        seed: Seed = 0,
    ) -> None:
        super().__init__(source, path, batch_size, seed, shuffle=False)  # a text has one order
        if bptt_jitter and 2 * bptt_jitter >= seq_len:
            raise ConfigError(
                f"data.bptt_jitter={bptt_jitter}: must be less than half of data.seq_len="
                f"{seq_len}, so that windows do not overlap; use at most {(seq_len - 1) // 2}"
            )
        if vocab_size < MIN_VOCAB_SIZES[tokens]:
            raise ConfigError(
                f"data.vocab_size={vocab_size}: data.tokens={tokens} needs at least "
                f"{MIN_VOCAB_SIZES[tokens]}, including {', '.join(SPECIALS)}"
            )
        if val_fraction + test_fraction >= 1:
            raise ConfigError(
                f"data.val_fraction={val_fraction} and data.test_fraction={test_fraction} leave "
                "nothing for training: lower them"
            )
        self.encoding = check_encoding(encoding)
        self.tokens, self.spaces, self.lower = tokens, spaces, lower
        self.vocab_size, self.seq_len, self.bptt_jitter = vocab_size, seq_len, bptt_jitter
        self.shares = {"val": val_fraction, "test": test_fraction}

    # Sources; a named data set adds `packaged` and `hub`.

    def local(self) -> Source:
        """See PreparedDataModule; reads "train" and, if present, "val" and "test"."""
        path = self.local_path()
        files = find_text_files(path)
        return self.file_source(
            files.values(),
            lambda: {split: TextFile(file, self.encoding) for split, file in files.items()},
            "+".join(f"{split}{file.suffix}" for split, file in files.items()),
            describe_unused(path, files.values()) if path.is_dir() else [],
        )

    # Preparation: lines become files of ids, once; the text is never in memory as a whole.

    def settings(self) -> dict[str, Any]:
        return {
            "version": TOKENIZERS_VERSION,
            "encoding": self.encoding,
            "tokens": [self.tokens, self.spaces, self.lower, self.vocab_size],
            "shares": self.shares,
        }

    def prepare(self, raw: Mapping[str, Lines], folder: Path) -> Prepared:
        with show_progress() as add_step:
            statistics = {split: scan(raw[split], add_step(f"reading {split}")) for split in raw}
            notes = self._reading_notes(raw, statistics)
            parts = self._split(raw, statistics["train"].characters, notes)
            total = sum(part.characters for part in statistics.values())
            counting = add_step("counting tokens", total)
            vocabulary = self._fit(with_progress(parts["train"], counting))
            encoding = add_step("encoding", total)
            lines = {split: with_progress(parts[split], encoding) for split in SPLITS}
            streams = {s: write_stream(folder, s, vocabulary, lines[s]) for s in SPLITS}
        vocabulary.save(folder / "vocabulary.json")
        self._check_sizes(streams, raw, notes)
        notes += self._unknown_notes(vocabulary, folder)
        notes += describe_special_words(vocabulary.tokens)
        sizes = {split: streams[split].tokens for split in SPLITS}
        facts = {"sizes": sizes, "unknown": {split: streams[split].unknown for split in SPLITS}}
        digests = "".join(part.sha256 for part in statistics.values())
        return Prepared(sizes, notes, facts, hashlib.sha256(digests.encode()).hexdigest())

    def _reading_notes(
        self, raw: Mapping[str, Lines], statistics: Mapping[str, TextStatistics]
    ) -> list[str]:
        notes = [note for split in raw for note in describe_repairs(f"{split} text", raw[split])]
        if empty := sum(part.empty for part in statistics.values()):
            notes.append(f"{empty:,} empty lines were kept")
        unknown = sum(part.unknown for part in statistics.values())
        if unknown and self.tokens == "words" and not self.spaces:
            notes.append(
                f"<unk> is in the text {unknown:,} times and read as text; if the text is already "
                "tokenized, set data.spaces=true: there it is the unknown token"
            )
        return notes

    def _split(
        self, raw: Mapping[str, Lines], characters: int, notes: list[str]
    ) -> dict[str, Lines]:
        """Return train, val and test; missing splits are the end of the training text."""
        missing = {split: self.shares[split] for split in HELD_OUT if split not in raw}
        if not missing:
            return dict(raw)
        sizes = [round(share * characters) for share in missing.values()]
        starts = [characters - sum(sizes[i:]) for i in range(len(sizes))]
        tolerance = int(CUT_TOLERANCE * min(sizes))
        cuts = [find_cut(raw["train"], start, tolerance) for start in starts]
        shares = " and ".join(f"{100 * part:.3g}% for {split}" for split, part in missing.items())
        where = "" if all(cut.starts_line for cut in cuts) else ", within long lines"
        notes.append(f"cut from the end of the training text{where}: {shares}")
        bounds = pairwise([0, *(cut.position for cut in cuts), None])
        ranges = [TextRange(raw["train"], start or 0, end) for start, end in bounds]
        return {**raw, **dict(zip(["train", *missing], ranges, strict=True))}

    def _fit(self, lines: Iterator[str]) -> Vocabulary:
        """Return the vocabulary of the training split."""
        tokenizer = build_tokenizer(self.tokens, self.lower, self.spaces)
        try:
            return Vocabulary.fit(lines, self.vocab_size, tokenizer)
        except DataError as error:
            raise DataError(f"{self._place()}{error}") from error

    def _place(self) -> str:
        """Return the beginning of an error about the text."""
        return f"{self.path}: " if self.path else ""

    def _check_sizes(
        self, streams: Mapping[Split, StreamSize], own_splits: Container[Split], notes: list[str]
    ) -> None:
        """Check that no split is empty, and note small ones; the source has `own_splits`."""
        total = sum(stream.tokens for stream in streams.values())
        for split, stream in streams.items():
            is_cut = split in HELD_OUT and split not in own_splits
            if not stream.tokens:
                more = f", or raise data.{split}_fraction" if is_cut else ""
                raise DataError(
                    f"{self._place()}the text leaves nothing for {split}: use a longer text{more}"
                )
            if split in HELD_OUT and stream.tokens < MIN_STABLE_TOKENS:
                advice = advise_share(split, total) if is_cut else ""
                notes.append(
                    f"{split} has too few tokens for a stable score, {stream.tokens:,} where "
                    f"{MIN_STABLE_TOKENS:,} are needed: use a longer text{advice}"
                )
            published_size = self.published_sizes.get(split, stream.tokens)
            if self.tokens == "words" and published_size != stream.tokens:
                notes.append(
                    f"{split} has {stream.tokens:,} tokens, but the published one has "
                    f"{published_size:,}: scores are not comparable with published ones"
                )

    def _unknown_notes(self, vocabulary: Vocabulary, folder: Path) -> list[str]:
        """Return notes on the shares of unknown tokens in the splits."""
        tokens = vocabulary.tokens
        ids = {split: RaggedArray.load(folder, split).values[1:] for split in SPLITS}
        shares = {s: unknown_share(part, tokens, None, ids["train"]) for s, part in ids.items()}
        if not any(shares.values()):
            return []
        settings = TokenSettings(self.tokens, SMALLER_TOKENS[self.tokens], self.vocab_size)
        notes = describe_unknown_tokens(shares, tokens, settings)
        if self.tokens == "bpe":
            return notes
        notes = notes or [
            "<unk> replaces " + ", ".join(f"{x:.2%} of {s}" for s, x in shares.items())
        ]
        if not shares["train"] and max(shares.values()) < MAX_RARE_SHARE:
            notes.append(
                "training has no <unk>, so the network cannot learn what val and test have: "
                "lower data.vocab_size"
            )
        return notes

    def open(self, facts: Mapping[str, Any]) -> None:
        self.ids = {split: RaggedArray.load(self.folder, split).values for split in SPLITS}
        self.vocabulary = Vocabulary.load(self.folder / "vocabulary.json")
        context = select_context(self.ids["train"], self.vocabulary.line_breaks())
        self.processor = LanguageModelingProcessor(
            vocabulary=self.vocabulary, context=tuple(context)
        )
        self.sizes, self.unknown = dict(facts["sizes"]), dict(facts["unknown"])
        self.spec = self._spec(len(self.vocabulary))
        if remainder := self.sizes["train"] % self.batch_size:
            streams = f"{self.batch_size:,} streams are not read: {remainder:,}"
            self.add_notes(f"training tokens at the end that do not fill {streams}")

    def _spec(self, size: int) -> DataSpec:
        return DataSpec(output_size=size, num_tokens=size, token_kind=self.tokens)

    # For Lightning and the report.

    def preview(self) -> DataSpec:
        return self._spec(MIN_VOCAB_SIZES[self.tokens])

    def lengths(self, split: Split) -> NDArray[Any]:
        """Return 1 for each target, (N,); in training, of those that are read in an epoch."""
        remainder = self.sizes[split] % self.batch_size if split == "train" else 0
        return np.broadcast_to(np.int64(1), (self.sizes[split] - remainder,))

    def train_dataloader(self) -> StreamLoader:
        """Return windows of `batch_size` streams; the tokens that do not fill them are not read."""
        ids, tokens = self.ids["train"], self.sizes["train"]
        sizes = self.batch_size, self.seq_len
        return StreamLoader(ids, tokens, *sizes, True, self.bptt_jitter, self.seed)

    def sample(self, split: Split, count: int, steps: int) -> Batch:
        """See DataModule; returns one sequence, the start of the text."""
        loader = StreamLoader(self.ids[split], self.sizes[split], 1, steps, training=False)
        return loader.window(0)

    def _evaluation_loader(self, split: Split) -> StreamLoader:
        return StreamLoader(self.ids[split], self.sizes[split], 1, EVAL_STEPS, training=False)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Frequency of each token in the training split, (V,)."""
        return count_ids(self.ids["train"][1:], len(self.vocabulary))

    @cached_property
    def _bigram(self) -> Bigram:
        return Bigram(self.ids["train"], len(self.vocabulary))

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the scores of a bigram and a unigram model; see rnnlab.data.baselines.ngrams.

        An evaluation reads the text from its beginning, so `rows` are the first tokens.
        """
        tokens = len(np.arange(self.sizes[split])[rows])
        ids = self.ids[split][: tokens + 1]
        shares = count_ids(ids[1:], len(self.vocabulary)) / tokens
        losses = {
            "bigram": mean_loss(ids, self._bigram),
            "unigram": float(-(shares * unigram(self.counts)).sum()),
        }
        return {name: self._scores(loss) for name, loss in losses.items()}

    def _scores(self, loss: float) -> dict[str, float]:
        scores = {"loss": loss, "perplexity": math.exp(loss)}
        if self.tokens == "characters":
            scores["bits_per_character"] = loss / math.log(2)
        return scores

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return a target and the tokens before it."""
        names, end = self._token_names, index + 1
        context = self.ids[split][max(end - NUM_CONTEXT_TOKENS, 1) : end].tolist()
        text = self.vocabulary.tokenizer.separator.join(names[i] for i in context)
        return {"context": text, "target": names[int(self.ids[split][end])]}

    @cached_property
    def _token_names(self) -> list[str]:
        return self.vocabulary.display_tokens()

    def input_names(self) -> list[str]:
        return self._token_names

    def output_names(self) -> list[str]:
        return self._token_names

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return the inputs of the analysis; see rnnlab.tasks.LanguageModeling."""
        unknown = {name: count / self.sizes[name] for name, count in self.unknown.items()}
        return {
            "tokens": self._token_names,
            "separator": self.vocabulary.tokenizer.separator,
            "decode": self.vocabulary.decode,
            "counts": self.counts,
            "unknown": unknown,
            "generation_context": self.processor.context,
        }

    def save_processor(self, folder: Path) -> None:
        """See DataModule."""
        self.processor.save(folder)


def advise_share(split: Split, total: int) -> str:
    """Return the setting that gives a split enough tokens of `total`, if a fair share does.

    >>> advise_share("val", 10_000), advise_share("val", 500)
    (', or set data.val_fraction=0.12', '')
    """
    share = math.ceil(100 * SPARE * MIN_STABLE_TOKENS / total) / 100
    return f", or set data.{split}_fraction={share}" if share <= MAX_ADVISED_SHARE else ""


@contextmanager
def show_progress() -> Iterator[Callable[..., ProgressCallback]]:
    """Show progress bars on a terminal; the context adds a bar and returns its callback."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with progress_bar(*columns) as progress:

        def add_step(name: str, total: int | None = None) -> ProgressCallback:
            task = progress.add_task(name, total=total)
            return lambda count: progress.advance(task, count)

        yield add_step


def read_hub_lines(
    name: str, config: str, column: str, revision: str | None = None
) -> dict[Split, Lines]:
    """Read the three splits of a text on the Hugging Face hub, a line per row."""
    dataset = load_from_hub(name, list(HUB_SPLITS.values()), config, revision)
    return {split: TextRows(dataset[hub_split][column]) for split, hub_split in HUB_SPLITS.items()}
