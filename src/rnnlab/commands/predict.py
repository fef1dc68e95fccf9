"""Predict with a trained run: classes, translations or perplexities of texts, or forecasts.

    rnnlab predict outputs/imdb-gru/<run> reviews.csv --output answers.parquet
    rnnlab predict outputs/csv_series-gru/<run> sales.csv --steps 14
    rnnlab predict <run> - < texts.txt

The predictions are printed, or written to a file that gets its name when it is complete. Text
lines, CSV, TSV, JSON Lines and Parquet files are read, predicted and written in parts.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.commands import CommandParser, run_program
from rnnlab.config.messages import advise_options, tolerant_output
from rnnlab.documents.output import prints_json, publish
from rnnlab.runtime.progress import announce_imports

if TYPE_CHECKING:
    from rnnlab.data.processors.base import Processor

OPTIONS = ("steps", "batch_size", "n_best", "beam_size", "probabilities")  # of the processors


def main(arguments: Sequence[str]) -> None:
    """Predict new inputs, and print or write the predictions."""
    options = parse_options(arguments)
    if options.output:
        from rnnlab.data.table_writer import check_format

        check_format(options.output)

    announce_imports(str(options.run_dir))
    from rnnlab import load

    with advise_options(["device"]):
        run = load(options.run_dir, options.checkpoint, options.device, options.settings)
    settings = {name: value for name in OPTIONS if (value := getattr(options, name)) is not None}
    source = open_input(options.input, options.input_format, run.processor)
    with source as inputs, advise_options(OPTIONS):
        parts = run.predict_parts(inputs, **settings)
        if options.output or not sys.stdout.isatty():  # lines on a screen are progress enough
            parts = count_rows(parts)
        if prints_json() and not options.output:
            publish_parts(parts)
        else:
            write_parts(parts, options.output, printed_format(options))
    print_next_step(options.run_dir)


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandParser("predict", __doc__)
    parser.add_argument("run_dir", type=Path, help="folder of the run")
    parser.add_argument("input", help="file with the inputs, or - for the standard input")
    parser.add_argument(
        "--output",
        type=Path,
        help="file to write: .csv, .tsv, .jsonl or .parquet; default: print in the format of the "
        "input, CSV for other inputs",
    )
    parser.add_argument(
        "--input-format",
        help="format of the standard input, as the extension of a file: txt, csv, tsv, jsonl ...; "
        "default: txt for texts, csv for tables",
    )
    parser.add_argument(
        "--steps", type=int, help="steps to forecast; default: the horizon of the training"
    )
    parser.add_argument("--batch-size", type=int, help="texts at the same time; default: 64")
    parser.add_argument("--n-best", type=int, help="translations of each sentence; default: 1")
    parser.add_argument(
        "--probabilities",
        action=argparse.BooleanOptionalAction,
        help="add the probability of each class; default: yes",
    )
    parser.add_argument(
        "--beam-size", type=int, help="of translations; 1 is greedy; default: that of the run"
    )
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU, if any"
    )
    parser.add_argument(
        "settings",
        nargs="*",
        default=[],  # otherwise it is named among the required arguments
        metavar="data.<setting>=<value>",
        help="how the file is read, where it differs from that of the training, such as "
        "data.encoding=cp1252 or data.text_column=review",
    )
    return parser.parse_intermixed_args(arguments)


@contextmanager
def open_input(
    name: str, input_format: str | None, processor: "Processor"
) -> Iterator[Path | Iterable[str]]:
    """Return the path of the input; the standard input becomes texts or a temporary file.

    Raises:
        ConfigError: the format of a file is given.
    """
    from rnnlab.errors import ConfigError

    if name != "-":
        if input_format is not None:
            raise ConfigError("--input-format: is for the standard input; a file has an extension")
        yield Path(name)
        return
    suffix = f".{input_format.lstrip('.')}" if input_format else processor.stdin_suffix
    if suffix == ".txt":
        yield read_standard_input()
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"standard_input{suffix}"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def read_standard_input() -> Iterator[str]:
    """Yield the lines of the standard input, without their line breaks, as they arrive.

    Raises:
        DataError: a line is not UTF-8.
    """
    from rnnlab.errors import DataError

    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"standard input, line {number:,}: is not UTF-8 ({error})") from error
        yield text.rstrip("\r\n")


def printed_format(options: argparse.Namespace) -> str:
    """Return the format of the printed predictions: that of the input if it is a text format."""
    from rnnlab.data.table_writer import TEXT_FORMATS

    suffix = f".{options.input_format}" if options.input == "-" else Path(options.input).suffix
    return suffix.lower() if suffix.lower() in TEXT_FORMATS else ".csv"


def count_rows(parts: Iterator[Any]) -> Iterator[Any]:
    """Yield the parts; after a second show their rows and the rows per second on a terminal."""
    from rich.progress import TextColumn

    from rnnlab.runtime.clock import StageClock
    from rnnlab.runtime.progress import progress_bar

    rows, clock = 0, StageClock()
    with progress_bar(TextColumn("{task.description}")) as bar:
        task = bar.add_task("", visible=False)
        for part in parts:
            yield part
            rows += len(part)
            if (seconds := clock.elapsed()) > 1:
                speed = f"{rows:,} rows, {rows / seconds:,.0f} rows/s"
                bar.update(task, description=speed, visible=True)


def write_parts(parts: Iterator[Any], output: Path | None, printed_as: str = ".csv") -> None:
    """Write the parts of the predictions to a file, or print them; then the notes of the data."""
    from rnnlab.data.table_writer import TEXT_FORMATS, TableWriter

    notes: Sequence[str] = ()
    if output is None:
        write = TEXT_FORMATS[printed_as]
        with tolerant_output():
            for number, part in enumerate(parts):
                write(part, sys.stdout, number == 0)
                sys.stdout.flush()  # a reader may wait for this part
                notes = part.attrs.get("notes", ())
        print_notes(notes)
        return
    with TableWriter(output) as writer:
        for part in parts:
            writer.write(part)
            notes = part.attrs.get("notes", ())
    print_notes(notes)
    print(f"{output}: {writer.rows:,} rows", file=sys.stderr)
    publish({"output": output.absolute(), "rows": writer.rows, "predictions": None}, notes)


def publish_parts(parts: Iterator[Any]) -> None:
    """Publish the predictions, a row each."""
    from rnnlab.documents.contents import list_rows

    rows: list[dict[str, Any]] = []
    notes: Sequence[str] = ()
    for part in parts:
        rows += list_rows(part)
        notes = part.attrs.get("notes", ())
    print_notes(notes)
    publish({"output": None, "rows": len(rows), "predictions": rows}, notes)


def print_next_step(run_dir: Path) -> None:
    """Print the command to type next; not among the predictions, which may be piped."""
    from rnnlab.experiment.next_step import serve_command
    from rnnlab.report.console import print_next
    from rnnlab.runtime.console import PlainConsole

    print_next(serve_command(run_dir), PlainConsole(stderr=True))


def print_notes(notes: Sequence[str]) -> None:
    """Print how the inputs were repaired."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


if __name__ == "__main__":
    run_program(main)
