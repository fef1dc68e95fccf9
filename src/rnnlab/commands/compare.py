"""Compare finished runs: which configuration is better, and how certain that is.

    rnnlab compare outputs/sine-*
    rnnlab compare outputs --by model,data.seq_len --metric test/mae --format md

Runs that differ only in their seeds, folds and paths are repeats of one configuration. The table
has their mean and spread (standard deviation), the best baseline, the cost, and a verdict on each
configuration against the one with the best mean; docs/compare.md explains it.
"""

import argparse
import sys
from collections.abc import Sequence

from rnnlab.config.messages import readable_errors

OUTPUT_FORMATS = ("table", "csv", "md", "latex", "html", "json")


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="rnnlab compare", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
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
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Compare runs, and print the comparison."""
    options = read_options(arguments)

    from rnnlab.comparison.compare import compare_runs
    from rnnlab.comparison.table import WRITERS, print_comparison

    comparison = compare_runs(
        *options.folders, by=options.by, metric=options.metric, mode=options.mode
    )
    if options.format == "table":
        print_comparison(comparison)
        return
    for note in comparison.notes:
        print(f"note: {note}", file=sys.stderr)
    print(WRITERS[options.format](comparison))


if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
