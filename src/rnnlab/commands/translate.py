"""Translate with the model of a finished run.

    rnnlab translate outputs/multi30k-lstm/<run> "ein mann schläft auf einem sofa."
    rnnlab translate <run> --input sentences.de > sentences.en
    cat sentences.de | rnnlab translate <run> --beam-size 10 --n-best 3
    rnnlab translate <run> --input test.de --reference test.en > written.en

Prints one translation per line, in the order of the sentences. With --n-best, a line has the number
of the sentence, the score and the text, separated by tabs. With --reference, exact matches, BLEU
and chrF are printed to standard error at the end. Unknown tokens of the sentences are counted.

Files are read as those of a data set: perhaps compressed, without a byte-order mark, and with a
sentence up to each line feed.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar

from rnnlab.config.messages import readable_errors, tolerant_output
from rnnlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rnnlab.layers.search import Hypothesis

BATCH_SIZE = 64  # sentences of one beam search ...
BATCH_BEAMS = 1_024  # ... and their beams, which fill the memory
MAX_BEAM_SIZE = 1_000
LINE_END = re.compile(r"\r\n|\r|\n")
BYTE_ORDER_MARK = "\ufeff"
CHUNK_SIZE = 1_024  # sentences in memory

T = TypeVar("T")


class Candidate(NamedTuple):
    """A translation, in one line.

    Attributes:
        score: log-probability divided by the length penalty; higher is better.
    """

    text: str
    score: float


class Translator:
    """Translator of sentences: the model of a run with its vocabularies.

    >>> Translator("outputs/multi30k-lstm/<run>")(["ein mann schläft."])  # doctest: +SKIP
    [[Candidate(text='a man is sleeping.', score=-1.9)]]

    Args:
        run_dir: folder of the run.
        checkpoint: best | last.

    Attributes:
        counts: numbers of "tokens" of all sentences so far, and of the "unknown" ones.

    Raises:
        ConfigError: there is no such run, or its task is not translation.
    """

    def __init__(self, run_dir: str | Path, checkpoint: str = "best") -> None:
        from rnnlab.config.schema import parse
        from rnnlab.data.text.vocabulary import Vocabulary
        from rnnlab.data.translation import ParallelTextDataModule
        from rnnlab.experiment.build import build_data
        from rnnlab.experiment.load import load_model
        from rnnlab.tasks import Translation

        self.model = load_model(run_dir, checkpoint)
        data = build_data(parse(self.model.hyper_parameters["config"]))  # reads no data
        task = self.model.task
        if not isinstance(task, Translation) or not isinstance(data, ParallelTextDataModule):
            raise ConfigError(
                f"{run_dir}: is a run of task={task.name}, which does not translate; give the "
                "folder of one of task=translation, such as data=multi30k"
            )
        self.task, self.before = task, data.normalize
        self.language, self.lower = data.languages[1], data.lower
        self.counts: Counter[str] = Counter()
        self.source, self.target = (
            Vocabulary.load(_require_file(Path(run_dir) / f"{side}_vocabulary.json"))
            for side in ("source", "target")
        )

    def __call__(
        self, sentences: Sequence[str], beam_size: int | None = None, n_best: int = 1
    ) -> list[list[Candidate]]:
        """Return the best translations of each sentence, the best first.

        Args:
            sentences: of any length, not truncated; an empty one has an empty translation. A line
                break is a space, as in a table of pairs.
            beam_size: None for that of the run.
            n_best: translations of each sentence, at most `beam_size`; the search may find fewer.
        """
        size = beam_size or self.task.beam_size
        if n_best > size:
            raise ConfigError(
                f"--n-best {n_best}: a beam of {size} holds no more than {size}; give "
                f"--beam-size {n_best} or more"
            )
        from rnnlab.data.text.pair_columns import join_lines
        from rnnlab.spec import UNKNOWN_ID

        texts = [join_lines(text) for text in sentences]
        ids = self.source.encode([self.before(text) for text in texts])
        self.counts["tokens"] += sum(map(len, ids))
        self.counts["unknown"] += sum(row.count(UNKNOWN_ID) for row in ids)
        results = [[Candidate("", 0.0)] for _ in texts]
        nonempty = [i for i, text in enumerate(texts) if text and ids[i]]
        order = sorted(nonempty, key=lambda i: len(ids[i]))
        for rows in chunked(order, max(1, min(BATCH_SIZE, BATCH_BEAMS // size))):
            best = self._search([ids[i] for i in rows], size, n_best)
            for i, hypotheses in zip(rows, best, strict=True):
                results[i] = [self._decode(hypothesis) for hypothesis in hypotheses]
        return results

    def _search(
        self, sources: Sequence[list[int]], beam_size: int, n_best: int
    ) -> "list[list[Hypothesis]]":
        import torch
        from torch.nn.utils.rnn import pad_sequence

        from rnnlab.spec import Batch

        lengths = torch.tensor([len(tokens) for tokens in sources])
        inputs = pad_sequence([torch.tensor(tokens) for tokens in sources], batch_first=True)
        no_targets = inputs[:, :0]
        batch = Batch(inputs, lengths, no_targets, torch.arange(len(sources)))
        with torch.inference_mode():
            return self.task.search(self.model.encode(batch), beam_size, n_best)

    def _decode(self, hypothesis: "Hypothesis") -> Candidate:
        text = LINE_END.sub(" ", self.target.decode(hypothesis.tokens.tolist())).strip()
        return Candidate(text, hypothesis.score)


def chunked(members: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most `size` members; reads no further ahead.

    >>> list(chunked("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(members)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _require_file(file: Path) -> Path:
    if not file.is_file():
        raise ConfigError(f"{file}: is missing; a run of task=translation leaves it in its folder")
    return file


def main(arguments: Sequence[str]) -> None:
    """Translate the sentences of the command line, a file or standard input, and print them."""
    options = build_parser().parse_args(arguments)
    inputs, references = check_lengths(read_sentences(options)), None
    if options.reference is not None:
        inputs, references = read_references(options, list(inputs))
    translator = Translator(options.run_dir, options.checkpoint)
    translations: list[str] = []
    with tolerant_output():
        for chunk in chunked(inputs, 1 if _is_interactive(options) else CHUNK_SIZE):
            for candidates in translator(chunk, options.beam_size, options.n_best):
                translations.append(candidates[0].text)
                print_candidates(candidates, len(translations), options.n_best > 1)
    for line in describe_translations(translator, translations, references):
        print(line, file=sys.stderr)


def print_candidates(candidates: Sequence[Candidate], number: int, with_scores: bool) -> None:
    """Print the translations of one sentence, a line each."""
    for text, score in candidates:
        fields = [str(number), f"{score:.4f}"] if with_scores else []
        print(*fields, text, sep="\t", flush=True)


def describe_translations(
    translator: Translator, translations: Sequence[str], references: Sequence[str] | None
) -> list[str]:
    """Return the number of unknown tokens, and the scores of a run's report, a line each."""
    from rnnlab.metrics.translation import score_translations

    unknown, tokens = (translator.counts[name] for name in ("unknown", "tokens"))
    note = (
        f"note: {unknown:,} of {tokens:,} tokens of the sentences are not in the vocabulary: <unk>"
    )
    lines = [note] if unknown else []
    if references is not None:
        language, lower = translator.language, translator.lower
        normalize = translator.target.tokenizer.normalize
        hypotheses = [normalize(text) for text in translations]
        references = [normalize(text) for text in references]
        lines += score_translations(hypotheses, references, language, lower).describe()
    return lines


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="rnnlab translate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run_dir", help="folder of a finished run of task=translation")
    parser.add_argument("sentences", nargs="*", help="to translate; default: standard input")
    parser.add_argument("--input", metavar="FILE", type=Path, help="one sentence per line")
    parser.add_argument(
        "--reference", metavar="FILE", type=Path, help="reference translations, to compute scores"
    )
    parser.add_argument("--encoding", default="utf-8", help="of the files; default: utf-8")
    parser.add_argument("--beam-size", type=_count, help="1 is greedy; default: that of the run")
    parser.add_argument(
        "--n-best", type=_count, default=1, help="translations of each sentence (1)"
    )
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best", help="(best)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_BEAM_SIZE:
        message = f"must be a whole number from 1 to {MAX_BEAM_SIZE:,}, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _is_interactive(options: argparse.Namespace) -> bool:
    """Return whether a person types the sentences and waits for each translation."""
    return not options.sentences and options.input is None and sys.stdin.isatty()


def read_sentences(options: argparse.Namespace) -> Iterator[str]:
    """Return the sentences of the command line, of a file, or of standard input."""
    if options.sentences and options.input is not None:
        raise ConfigError(
            f"--input {options.input}: sentences were given too; leave one of them out"
        )
    if options.sentences:
        return iter([check_text(text) for text in options.sentences])
    if options.input is not None:
        return read_file(options.input, options.encoding, "--input")
    return read_stream(sys.stdin.buffer, "standard input", options.encoding)


def read_references(
    options: argparse.Namespace, sentences: list[str]
) -> tuple[Iterator[str], list[str]]:
    """Return the sentences and their reference translations.

    Raises:
        DataError: there are no sentences, or the numbers of lines differ.
    """
    references = list(read_file(options.reference, options.encoding, "--reference"))
    if not sentences:
        raise DataError(
            f"{options.input or 'standard input'}: contains no sentences, so there is nothing to "
            f"compare with --reference {options.reference}"
        )
    if len(references) != len(sentences):
        raise DataError(
            f"--reference: {options.reference} has {len(references):,} lines for "
            f"{len(sentences):,} sentences; line i of one must be the translation of line i of the "
            "other"
        )
    return iter(sentences), references


def check_lengths(sentences: Iterable[str]) -> Iterator[str]:
    """Yield the sentences.

    Raises:
        DataError: one has more characters than a sentence of a data set may have.
    """
    from rnnlab.data.text.sentence_pairs import MAX_CHARACTERS

    for number, sentence in enumerate(sentences, start=1):
        if len(sentence) > MAX_CHARACTERS:
            raise DataError(
                f"sentence {number:,}: has {len(sentence):,} characters; divide it into sentences "
                f"of at most {MAX_CHARACTERS:,}, one per line"
            )
        yield sentence


def check_text(text: str) -> str:
    """Return a sentence of the command line unchanged.

    Raises:
        ConfigError: it has bytes that are not text.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ConfigError(f"{text!a}: holds bytes that are not text in the encoding of the shell")
    return text


def read_file(path: Path, encoding: str, option: str) -> Iterator[str]:
    """Yield the lines of a file, as `rnnlab.data.readers.files` reads them; it may be empty.

    Raises:
        DataError: the file, which `option` names, cannot be read.
        ConfigError: there is no such encoding.
    """
    from rnnlab.data.readers.files import read_lines

    if path.is_fifo():  # cannot be read again, to search the place of an invalid byte
        with path.open("rb") as stream:
            yield from read_stream(stream, str(path), encoding)
    else:
        with advise_options(option):
            yield from read_lines(path, encoding, allow_empty=True)


def read_stream(stream: IO[bytes], name: str, encoding: str) -> Iterator[str]:
    """Yield the lines of a stream as soon as they arrive.

    Raises:
        DataError: a line is not in this encoding, or holds a zero byte.
        ConfigError: there is no such encoding, or its line feed is not a single byte.
    """
    from rnnlab.data.readers.files import check_encoding

    with advise_options("--input"):
        if "\n".encode(check_encoding(encoding)) != b"\n":
            raise ConfigError(f"data.encoding={encoding}: not of {name}; write it to a file")
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}, line {number:,}: is not {encoding}: {error.reason}. Convert it to UTF-8, "
                "or name its encoding, such as --encoding cp1252"
            ) from error
        if "\0" in text:
            raise DataError(f"{name}, line {number:,}: holds a zero byte. Is it a text?")
        if number == 1:
            text = text.removeprefix(BYTE_ORDER_MARK)
        yield text.removesuffix("\n").removesuffix("\r")


@contextmanager
def advise_options(option: str) -> Iterator[None]:
    """Replace the settings of a data set in errors by the options of this command."""
    try:
        yield
    except (ConfigError, DataError) as error:
        advice = str(error).replace("data.encoding=", "--encoding ").replace("data.path", option)
        raise type(error)(advice) from error


if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
