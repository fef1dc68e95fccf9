"""Predict with a trained run: classes of texts, or forecasts of a table.

    rnnlab predict outputs/imdb-gru/<run> reviews.csv --output answers.parquet
    rnnlab predict outputs/csv_series-gru/<run> sales.csv --steps 14
    rnnlab predict <run> - < texts.txt

The predictions are printed as CSV, or written to a file.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.messages import readable_errors, tolerant_output

if TYPE_CHECKING:
    from rnnlab.inference.trained_run import TrainedRun


def main(arguments: Sequence[str]) -> None:
    """Predict new inputs, and print or write the predictions."""
    options = parse_options(arguments)
    if options.output:
        from rnnlab.data.table_writer import check_format

        check_format(options.output)

    from rnnlab import load

    run = load(options.run_dir, options.checkpoint)
    settings = {
        name: value
        for name in ("steps", "batch_size", "probabilities")
        if (value := getattr(options, name)) is not None
    }
    with open_input(options.input, run) as inputs:
        write_parts(run.predict_parts(inputs, **settings), options.output)


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="rnnlab predict", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run_dir", type=Path, help="folder of the run")
    parser.add_argument("input", help="file with the inputs, or - for the standard input")
    parser.add_argument(
        "--output", type=Path, help="file to write: .csv, .jsonl or .parquet; default: print CSV"
    )
    parser.add_argument(
        "--steps", type=int, help="steps to forecast; default: the horizon of the training"
    )
    parser.add_argument("--batch-size", type=int, help="texts at the same time; default: 64")
    parser.add_argument(
        "--probabilities",
        action=argparse.BooleanOptionalAction,
        help="add the probability of each class; default: yes",
    )
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    return parser.parse_args(arguments)


@contextmanager
def open_input(name: str, run: "TrainedRun") -> Iterator[Path]:
    """Return the path of the input; the standard input becomes a temporary file."""
    if name != "-":
        yield Path(name)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"standard_input{run.processor.stdin_suffix}"
        path.write_bytes(sys.stdin.buffer.read())
        yield path


def write_parts(parts: Iterator[Any], output: Path | None) -> None:
    """Write the parts of the predictions to a file, or print them; print the notes of the data."""
    from rnnlab.data.table_writer import TableWriter, write_csv

    if output is None:
        with tolerant_output():
            for number, part in enumerate(parts):
                print_notes(part)
                write_csv(part, sys.stdout, number == 0)
        return
    with TableWriter(output) as writer:
        for part in parts:
            print_notes(part)
            writer.write(part)
    print(f"{output}: {writer.rows:,} rows", file=sys.stderr)


def print_notes(part: Any) -> None:
    """Print how the inputs were repaired."""
    for note in part.attrs.get("notes", ()):
        print(f"note: {note}", file=sys.stderr)


if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
