"""A text to be continued: from lines to parallel streams of tokens."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnlab.config.types import NonNegativeInt, PositiveInt, Share
from rnnlab.data.base import SPLITS, Split
from rnnlab.data.baselines.ngrams import Bigram, count_tokens, mean_loss, unigram
from rnnlab.data.loaders.streams import (
    EVAL_STEPS,
    StreamLoader,
    StreamSize,
    write_stream,
)
from rnnlab.data.prepared import Prepared, PreparedDataModule, Source
from rnnlab.data.readers.files import check_encoding
from rnnlab.data.readers.lines import (
    LineRange,
    Lines,
    ProgressCallback,
    TextFile,
    describe_repairs,
    find_text_files,
    with_progress,
)
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.provenance import Provenance, SourceName
from rnnlab.data.text.ragged import RaggedArray
from rnnlab.data.text.tokenizers import SPECIALS, TOKENIZERS_VERSION, TokenKind, build_tokenizer
from rnnlab.data.text.vocabulary import MIN_VOCAB_SIZES, Vocabulary
from rnnlab.errors import ConfigError, DataError
from rnnlab.runtime.files import write_text
from rnnlab.spec import Batch, DataSpec

HELD_OUT: tuple[Split, ...] = ("val", "test")
CONTEXT = 15  # tokens shown before a target


@dataclass(frozen=True)
class Survey:
    """What a first reading of a text tells.

    Attributes:
        characters: line breaks included.
        empty: lines without any token.
        sha256: of the text.
    """

    characters: int
    empty: int
    sha256: str


def survey(lines: Lines, tick: ProgressCallback) -> Survey:
    """Read a text once from its beginning to its end; whatever is wrong with it is found here."""
    characters = empty = 0
    begins = True
    digest = hashlib.sha256()
    for line in with_progress(lines, tick):
        characters += len(line)
        empty += begins and not line.strip()
        begins = line.endswith("\n")
        digest.update(line.encode("utf-8", errors="replace"))
    return Survey(characters, empty, digest.hexdigest())


class LanguageModelingDataModule(PreparedDataModule):
    """A text, each token of which is predicted from all before it.

    Training reads `batch_size` parts of the text side by side, `seq_len` tokens at a time, and
    carries the state on; a gradient goes back within these tokens alone (truncated backpropagation
    through time). Validation and test read their text once from beginning to end and carry the
    state over all of it, so that a score depends on neither.

    A named data set adds where its text comes from.

    Args:
        source: auto | embedded | hub | local.
        path: a text file, or a folder with train.txt, valid.txt and test.txt; what is missing of
            the last two is cut from the end of the training text.
        encoding: of the files.
        tokens: words | characters | bpe (sub-words). With words the end of each line is <eos>;
            with the others a line break is a token like others.
        spaces: cut words at spaces alone, for text that was tokenised by its makers.
        lower: in lower case.
        vocab_size: most tokens that are told apart, <pad>, <unk>, <s> and <eos> included: the most
            frequent ones of the training split.
        seq_len: tokens that a gradient goes back.
        batch_size: parts of the training text that are read side by side, on each device.
        val_fraction: share of the text for validation, where the source has no such split.
        test_fraction: share for the test, where the source has no such split.
        bptt_jitter: most tokens that a training window begins earlier or later, drawn anew in each
            epoch, so that the gradient is not always cut at the same places; the learning rate of a
            step goes with the length of its window (Merity et al., 2018). 0 is off.
        seed: of what is drawn.
    """

    tasks = ("language_modeling",)
    version = 2
    published: ClassVar[Mapping[Split, int]] = {}  # tokens of each split, where they are known

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
        seed: NonNegativeInt = 0,
    ) -> None:
        super().__init__(source, path, batch_size, seed, shuffle=False)  # a text has one order
        if bptt_jitter and 2 * bptt_jitter >= seq_len:
            raise ConfigError(
                f"data.bptt_jitter={bptt_jitter}: must be less than half of data.seq_len="
                f"{seq_len}, so that windows follow each other; give at most {(seq_len - 1) // 2}"
            )
        if vocab_size < MIN_VOCAB_SIZES[tokens]:
            raise ConfigError(
                f"data.vocab_size={vocab_size}: data.tokens={tokens} needs at least "
                f"{MIN_VOCAB_SIZES[tokens]}, of which {len(SPECIALS)} are {', '.join(SPECIALS)}"
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

    # Where the text comes from; a named data set adds `embedded` and `hub`.

    def local(self) -> Source:
        """See PreparedDataModule; gives "train" and perhaps "val" and "test"."""
        files = find_text_files(self.local_path())
        sha256 = "+".join(file_sha256(file) for file in files.values())
        known = Provenance("local", str(self.path), sha256=sha256)
        kinds = "+".join(f"{split}{file.suffix}" for split, file in files.items())
        return Source(
            known, lambda: {s: TextFile(f, self.encoding) for s, f in files.items()}, kinds
        )

    # Preparing: lines to files of ids, once; the text is never whole in memory.

    def settings(self) -> dict[str, Any]:
        """See PreparedDataModule."""
        return {
            "version": TOKENIZERS_VERSION,
            "encoding": self.encoding,
            "tokens": [self.tokens, self.spaces, self.lower, self.vocab_size],
            "shares": self.shares,
        }

    def prepare(self, raw: Mapping[str, Lines], folder: Path) -> Prepared:
        """See PreparedDataModule."""
        with steps_shown() as step:
            found = {split: survey(raw[split], step(f"reading {split}")) for split in raw}
            notes = self._first_notes(raw, found)
            parts = self._split(raw, found["train"].characters, notes)
            total = sum(part.characters for part in found.values())
            vocabulary = self._fit(with_progress(parts["train"], step("counting tokens", total)))
            tick = step("encoding", total)
            made = {
                split: write_stream(folder, split, vocabulary, with_progress(parts[split], tick))
                for split in SPLITS
            }
        vocabulary.save(folder / "vocabulary.json")
        self._check_sizes(made, notes)
        sizes = {split: made[split].tokens for split in SPLITS}
        facts = {"sizes": sizes, "unknown": {split: made[split].unknown for split in SPLITS}}
        digests = "".join(part.sha256 for part in found.values())
        return Prepared(sizes, notes, facts, hashlib.sha256(digests.encode()).hexdigest())

    def _first_notes(self, raw: Mapping[str, Lines], found: Mapping[str, Survey]) -> list[str]:
        notes = [note for split in raw for note in describe_repairs(f"{split} text", raw[split])]
        if empty := sum(part.empty for part in found.values()):
            notes.append(f"{empty:,} empty lines were kept")
        return notes

    def _split(
        self, raw: Mapping[str, Lines], characters: int, notes: list[str]
    ) -> dict[str, Lines]:
        """Train, val and test; what the source has not is cut from the end of its training text."""
        parts, end = dict(raw), characters
        missing = [split for split in HELD_OUT if split not in raw]
        for split in reversed(missing):
            start = end - round(self.shares[split] * characters)
            parts[split] = LineRange(raw["train"], start, end)
            end = start
        if missing:
            parts["train"] = LineRange(raw["train"], 0, end)
            shares = " and ".join(f"{self.shares[split]:.0%} for {split}" for split in missing)
            notes.append(f"cut from the end of the training text: {shares}")
        return parts

    def _fit(self, lines: Iterator[str]) -> Vocabulary:
        """The vocabulary of the training split."""
        tokenizer = build_tokenizer(self.tokens, self.lower, self.spaces)
        return Vocabulary.fit(lines, self.vocab_size, tokenizer)

    def _check_sizes(self, made: Mapping[Split, StreamSize], notes: list[str]) -> None:
        for split, part in made.items():
            if not part.tokens:
                raise DataError(
                    f"the text leaves nothing for {split}: give a longer one, or raise "
                    f"data.{split}_fraction"
                )
            if self.tokens == "words" and self.published.get(split, part.tokens) != part.tokens:
                notes.append(
                    f"{split} has {part.tokens:,} tokens, but the published one has "
                    f"{self.published[split]:,}: scores are not comparable with published ones"
                )
        if any(part.unknown for part in made.values()):
            shares = ", ".join(f"{p.unknown / p.tokens:.2%} of {s}" for s, p in made.items())
            notes.append(f"<unk> stands for {shares}")
            if not made["train"].unknown:
                notes.append(
                    "training has no <unk>, so the network cannot learn what val and test have: "
                    "lower data.vocab_size"
                )

    def open(self, facts: Mapping[str, Any]) -> None:
        """See PreparedDataModule."""
        self.vocabulary = Vocabulary.load(self.folder / "vocabulary.json")
        self.ids = {split: RaggedArray.load(self.folder, split).values for split in SPLITS}
        self.sizes, self.unknown = dict(facts["sizes"]), dict(facts["unknown"])
        self.spec = self._spec(len(self.vocabulary))
        if left := self.sizes["train"] % self.batch_size:
            streams = f"{self.batch_size:,} streams are not read: {left:,}"
            note = f"training tokens at the end that do not fill {streams}"
            notes = [*self.provenance.notes, note]
            self.provenance = replace(self.provenance, notes=notes)

    def _spec(self, size: int) -> DataSpec:
        return DataSpec(output_size=size, num_tokens=size, token_kind=self.tokens)

    # What Lightning and the report ask for.

    def preview(self) -> DataSpec:
        """See DataModule."""
        return self._spec(MIN_VOCAB_SIZES[self.tokens])

    def lengths(self, split: Split) -> NDArray[Any]:
        """One step for each target, (N,); of training those that one device reads in an epoch."""
        left_out = self.sizes[split] % self.batch_size if split == "train" else 0
        return np.broadcast_to(np.int64(1), (self.sizes[split] - left_out,))

    def train_dataloader(self) -> StreamLoader:  # type: ignore[override]
        """Windows of `batch_size` streams; the tokens that do not fill them are not read."""
        ids, tokens = self.ids["train"], self.sizes["train"]
        sizes = self.batch_size, self.seq_len
        return StreamLoader(ids, tokens, *sizes, True, self.bptt_jitter, self.seed)

    def val_dataloader(self) -> StreamLoader:  # type: ignore[override]
        """The validation text, once, as one stream."""
        return self._whole("val")

    def test_dataloader(self) -> StreamLoader:  # type: ignore[override]
        """The test text, once, as one stream."""
        return self._whole("test")

    def predict_dataloader(self) -> StreamLoader:  # type: ignore[override]
        """The test text; `Batch.rows` says which target an output is of."""
        return self._whole("test")

    def sample(self, split: Split, count: int, steps: int) -> Batch:
        """See DataModule; the beginning of the text, one sequence."""
        loader = StreamLoader(self.ids[split], self.sizes[split], 1, steps, training=False)
        return loader.window(0)

    def _whole(self, split: Split) -> StreamLoader:
        return StreamLoader(self.ids[split], self.sizes[split], 1, EVAL_STEPS, training=False)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often training has each token, (V,)."""
        return count_tokens(self.ids["train"][1:], len(self.vocabulary))

    @cached_property
    def _bigram(self) -> Bigram:
        return Bigram(self.ids["train"], len(self.vocabulary))

    def baselines(self, split: Split) -> dict[str, dict[str, float]]:
        """Return the scores of a bigram and a unigram model; see rnnlab.data.baselines.ngrams."""
        shares = count_tokens(self.ids[split][1:], len(self.vocabulary)) / self.sizes[split]
        losses = {
            "bigram": mean_loss(self.ids[split], self._bigram),
            "unigram": float(-(shares * unigram(self.counts)).sum()),
        }
        return {name: self._scores(loss) for name, loss in losses.items()}

    def _scores(self, loss: float) -> dict[str, float]:
        scores = {"loss": loss, "perplexity": math.exp(loss)}
        if self.tokens == "characters":
            scores["bits_per_character"] = loss / math.log(2)
        return scores

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """A target and what stands before it."""
        pieces = self._pieces
        before = self.ids[split][max(index + 1 - CONTEXT, 1) : index + 1].tolist()
        context = self.vocabulary.tokenizer.separator.join(pieces[i] for i in before)
        return {"context": context, "target": pieces[int(self.ids[split][index + 1])]}

    @cached_property
    def _pieces(self) -> list[str]:
        return self.vocabulary.display_tokens()

    def input_names(self) -> list[str]:
        """See DataModule."""
        return self._pieces

    def output_names(self) -> list[str]:
        """See DataModule."""
        return self._pieces

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """See rnnlab.tasks.LanguageModeling."""
        unknown = {name: count / self.sizes[name] for name, count in self.unknown.items()}
        return {
            "pieces": self._pieces,
            "joint": self.vocabulary.tokenizer.separator,
            "decode": self.vocabulary.decode,
            "counts": self.counts,
            "unknown": unknown,
        }

    def save_processor(self, folder: Path) -> None:
        """Leave the vocabulary; rnnlab.data.text.vocabulary.Vocabulary.load reads it."""
        kept = (self.folder / "vocabulary.json").read_text(encoding="utf-8")
        write_text(folder / "vocabulary.json", kept)


@contextmanager
def steps_shown() -> Iterator[Callable[..., ProgressCallback]]:
    """Show on a terminal how far each step of a preparation is.

    Gives a function that begins a step and returns what is told its progress.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:

        def step(name: str, total: int | None = None) -> ProgressCallback:
            task = progress.add_task(name, total=total)
            return lambda count: progress.advance(task, count)

        yield step
