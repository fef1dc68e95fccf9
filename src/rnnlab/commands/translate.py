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
from typing import IO, TYPE_CHECKING, Any, TypeVar

from rnnlab.commands import CommandParser, run_program
from rnnlab.config.messages import advise_options, tolerant_output
from rnnlab.documents.output import prints_json, publish
from rnnlab.errors import ConfigError, DataError
from rnnlab.runtime.progress import announce_imports

if TYPE_CHECKING:
    from rnnlab.data.processors.translation import TranslationProcessor
    from rnnlab.metrics.translation import TranslationScores

LINE_END = re.compile(r"\r\n|\r|\n")
BYTE_ORDER_MARK = "\ufeff"
CHUNK_SIZE = 1_024  # sentences in memory

T = TypeVar("T")


def chunked(members: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most `size` members; reads no further ahead.

    >>> list(chunked("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(members)
    while chunk := list(islice(iterator, size)):
        yield chunk


def main(arguments: Sequence[str]) -> None:
    """Translate the sentences of the command line, a file or standard input, and print them."""
    options = build_parser().parse_args(arguments)
    inputs, references = check_all(read_sentences(options)), None
    if options.reference is not None:
        inputs, references = read_references(options, list(inputs))
    announce_imports(str(options.run_dir))
    from rnnlab import load

    run = load(options.run_dir, options.checkpoint)
    processor = run.translation_processor
    settings = {"n_best": options.n_best, "beam_size": options.beam_size}
    translations: list[str] = []
    rows: list[dict[str, Any]] = []
    counts = Counter[str]()
    with tolerant_output(), advise_options(settings):
        for chunk in chunked(inputs, 1 if _is_interactive(options) else CHUNK_SIZE):
            table = run.translate(chunk, **settings)
            counts.update(table.attrs["counts"])
            rows += number_translations(table, len(translations)) if prints_json() else ()
            print_translations(table, len(translations), options.n_best > 1)
            translations += map(as_one_line, table["translation"][table["rank"] == 1])
    notes = describe_counts(counts)
    scores = compare_with_references(processor, translations, references)
    for line in [*notes, *(scores.describe() if scores else ())]:
        print(line, file=sys.stderr)
    publish({"translations": rows, "scores": scores and scores.scores}, notes)


def number_translations(table: Any, first: int) -> list[dict[str, Any]]:
    """Return the rows of TrainedRun.translate, after `first` sentences, with their numbers."""
    numbers = first + (table["rank"] == 1).cumsum()
    columns = {"sentence": numbers, **{name: table[name] for name in ("rank", "score")}}
    columns["translation"] = table["translation"].map(as_one_line)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def print_translations(table: Any, first: int, with_scores: bool) -> None:
    """Print a line for each row of TrainedRun.translate, after `first` sentences."""
    numbers = first + (table["rank"] == 1).cumsum()
    columns = numbers, table["score"], table["translation"]
    for number, score, text in zip(*columns, strict=True):
        fields = [str(number), f"{score:.4f}"] if with_scores else []
        print(*fields, as_one_line(text), sep="\t", flush=True)


def as_one_line(text: str) -> str:
    """Return a translation in one line."""
    return LINE_END.sub(" ", text).strip()


def describe_counts(counts: Counter[str]) -> list[str]:
    """Return a note about unknown tokens, if there are some."""
    unknown, tokens = counts["unknown"], counts["tokens"]
    note = (
        f"note: {unknown:,} of {tokens:,} tokens of the sentences are not in the vocabulary: <unk>"
    )
    return [note] if unknown else []


def compare_with_references(
    processor: "TranslationProcessor", translations: Sequence[str], references: Sequence[str] | None
) -> "TranslationScores | None":
    """Return the scores of a run's report; None without references."""
    from rnnlab.metrics.translation import score_translations

    if references is None:
        return None
    hypotheses, references = (
        [processor.normalize(text) for text in texts] for texts in (translations, references)
    )
    language, lower = processor.languages[1], processor.lower
    return score_translations(hypotheses, references, language, lower)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = CommandParser("translate", __doc__)
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
    from rnnlab.data.processors.translation import MAX_BEAM_SIZE

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
        return iter([check_argument(text) for text in options.sentences])
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


def check_all(sentences: Iterable[str]) -> Iterator[str]:
    """Yield the sentences.

    Raises:
        DataError: one has more characters than a sentence of a data set may have.
    """
    from rnnlab.data.processors.translation import check_lengths

    for number, sentence in enumerate(sentences, start=1):
        yield from check_lengths([sentence], number)


def check_argument(text: str) -> str:
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
    from rnnlab.data.readers.files import check_file, read_lines

    try:
        check_file(path, allow_empty=True)
    except DataError as error:
        raise DataError(f"{option} {error}") from error
    if path.is_fifo():  # cannot be read again, to search the place of an invalid byte
        with path.open("rb") as stream:
            yield from read_stream(stream, str(path), encoding)
    else:
        with advise_encoding():
            yield from read_lines(path, encoding, allow_empty=True)


def read_stream(stream: IO[bytes], name: str, encoding: str) -> Iterator[str]:
    """Yield the lines of a stream as soon as they arrive.

    Raises:
        DataError: a line is not in this encoding, or holds a zero byte.
        ConfigError: there is no such encoding, or its line feed is not a single byte.
    """
    from rnnlab.data.readers.files import check_encoding

    with advise_encoding():
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
def advise_encoding() -> Iterator[None]:
    """Replace the setting of a data set in errors by the option of this command."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise type(error)(str(error).replace("data.encoding=", "--encoding ")) from error


if __name__ == "__main__":
    run_program(main)
