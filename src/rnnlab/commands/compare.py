"""Compare finished runs: which configuration is better, and how certain that is.

    rnnlab compare outputs/sine-*
    rnnlab compare outputs --by model,data.seq_len --metric test/mae --format md
    rnnlab compare outputs/sine-rnn/<run> outputs/sine-gru/<run> --seeds 10

Runs that differ only in their seeds, folds and paths are repeats of one configuration. The table
has their mean and spread (standard deviation), the best baseline, the cost, and a verdict on each
configuration against the one with the best mean; docs/compare.md explains it.

With --seeds the runs of two configurations that are missing are trained, with the same seeds for
both, until the answer is clear. Repeat an interrupted command to go on with it.

The exit status is 0 for any answer, 2 for an error, and 130 after Ctrl-C.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.commands import CommandParser, run_program
from rnnlab.config.program import join_command
from rnnlab.documents.output import publish
from rnnlab.errors import RunStopped

if TYPE_CHECKING:
    from rnnlab.comparison.result import RunComparison

OUTPUT_FORMATS = ("table", "csv", "md", "latex", "html", "json")


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandParser("compare", __doc__)
    parser.add_argument(
        "folders", nargs="+", help="folders of runs or searches, folders above them, or patterns"
    )
    parser.add_argument(
        "--by",
        default="",
        help="settings that distinguish configurations, with commas; default: all that differ",
    )
    parser.add_argument(
        "--metric", help="that decides; default: the monitored one, on the test split"
    )
    parser.add_argument(
        "--mode", choices=("min", "max"), help="which scores are better; default: known"
    )
    parser.add_argument("--format", choices=OUTPUT_FORMATS, default="table", help="default: table")
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="train two configurations up to N shared seeds, or until the answer is clear",
    )
    parser.add_argument("--dry-run", action="store_true", help="only list the runs of --seeds")
    options = parser.parse_args(arguments)
    if options.seeds is None and options.dry_run:
        parser.error("--dry-run lists the runs that --seeds trains: give --seeds, too")
    if options.seeds is not None and options.by:
        parser.error("--by merges configurations, and --seeds trains two: leave one out")
    return options


def main(arguments: Sequence[str]) -> None:
    """Compare runs, and print the comparison."""
    options = read_options(arguments)

    from rnnlab.comparison.compare import compare_runs
    from rnnlab.comparison.table import WRITERS, comparison_content, print_comparison

    if options.dry_run:
        list_runs(options)
        return
    if options.seeds is None:
        comparison = compare_runs(
            *options.folders, by=options.by, metric=options.metric, mode=options.mode
        )
    else:
        comparison = train_seeds(options, arguments)
    publish(comparison_content(comparison), comparison.notes)
    if options.format == "table":
        print_comparison(comparison)
        return
    for note in comparison.notes:
        print(f"note: {note}", file=sys.stderr)
    print(WRITERS[options.format](comparison))


def list_runs(options: argparse.Namespace) -> None:
    """Print the runs that --seeds trains at most."""
    from rnnlab.comparison.seed_runs import list_missing_runs

    runs = list_missing_runs(options.folders, options.seeds)
    for run in runs:
        print(run.describe())
    names = ("label", "seed", "folder", "is_started")
    publish({"runs": [{name: getattr(run, name) for name in names} for run in runs]})


def train_seeds(options: argparse.Namespace, arguments: Sequence[str]) -> "RunComparison":
    """Return the comparison of two configurations after training their missing seeds.

    Raises:
        RunStopped: it was interrupted; the message has the command that goes on.
    """
    from rnnlab.comparison.seed_runs import compare_with_seeds

    try:
        with redirect_stdout(sys.stdout if options.format == "table" else sys.stderr):
            return compare_with_seeds(
                options.folders, options.seeds, train_stored, options.metric, options.mode
            )
    except (RunStopped, KeyboardInterrupt):
        command = f"{join_command('compare', [])} {shlex.join(arguments)}"
        raise RunStopped(f"stopped; to go on: {command}") from None


def train_stored(config: dict[str, Any]) -> None:
    """Train a config of a run folder, which may name components alone."""
    from rnnlab.experiment.run import run
    from rnnlab.experiment.stored_config import check_stored_config

    check_stored_config(config, Path(config["resume"] or config["run_dir"]))
    run(config)


if __name__ == "__main__":
    run_program(main)
