"""Export the network of a run to ONNX or torch.export, with a check that it computes the same.

    rnnlab export outputs/imdb-gru/<run> --format onnx
    rnnlab export outputs/sine-gru/<run> --format onnx-step --output sine_stream
    rnnlab export <run> --format onnx --quantize int8

onnx reads whole sequences, onnx-step one step with the state as input and output, and torch is a
program of torch.export. The folder also has processor.json, export.json and an example, which needs
neither torch nor rnnlab.
"""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.commands import CommandParser, run_program
from rnnlab.config.program import find_python
from rnnlab.documents.output import publish
from rnnlab.runtime.imports import import_lightning
from rnnlab.runtime.progress import announce_imports

if TYPE_CHECKING:
    from rnnlab.exports.export import Export


def main(arguments: Sequence[str]) -> None:
    """Export a network and print what was written."""
    options = parse_export_options(arguments)
    announce_imports(str(options.run_dir))
    import_lightning()

    from rnnlab import load
    from rnnlab.exports.export import export_run

    run = load(options.run_dir, options.checkpoint)
    export = export_run(run, options.format, options.output, options.quantize == "int8")
    print_export(export)
    publish({"format": options.format, **vars(export)}, export.notes)


def parse_export_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandParser("export", __doc__)
    parser.add_argument("run_dir", type=Path, help="folder of the run")
    parser.add_argument("--format", choices=("onnx", "onnx-step", "torch"), default="onnx")
    parser.add_argument(
        "--output", type=Path, help="new folder; default: export/<format> in the run's folder"
    )
    parser.add_argument(
        "--quantize", choices=("int8",), help="weights of 8 bits; prints the loss in score"
    )
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    return parser.parse_args(arguments)


def print_export(export: "Export") -> None:
    """Print the folder, its check, its notes and the next step."""
    from rnnlab.report.console import print_next

    size = sum(file.stat().st_size for file in export.folder.rglob("*") if file.is_file())
    print(f"{export.folder}: {size / 1e6:,.1f} MB")
    print(f"equal to the network to {export.difference:.1g} on shapes that it has not seen")
    for note in export.notes:
        print(note)
    if export.example:
        print_next(f"{shlex.quote(find_python())} {export.example}")


if __name__ == "__main__":
    run_program(main)
