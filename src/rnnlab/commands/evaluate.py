"""Score the model of a finished run again, or on new data.

    rnnlab evaluate outputs/imdb-gru/<run>
    rnnlab evaluate outputs/imdb-gru/<run> --data more_reviews.csv
    rnnlab evaluate outputs/csv_series-gru/<run> --data sales.csv --start 2024-07-01
    rnnlab evaluate outputs/multi30k-gru/<run> --data new.de --reference new.en

Without --data the test split of the run is read and scored again, and the scores are compared with
its report; the exit status is 1 if one differs. With --data a file with targets is scored, which
has the columns of the training; the data of the training is not needed.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.commands import CommandParser, run_program
from rnnlab.config.messages import advise_options
from rnnlab.documents.output import publish
from rnnlab.errors import ConfigError, ExitStatus
from rnnlab.report.folder import RunFolder
from rnnlab.runtime.imports import import_lightning
from rnnlab.runtime.progress import announce_imports

if TYPE_CHECKING:
    from rnnlab.inference.trained_run import TrainedRun

TARGET_OPTIONS = ("start", "reference")  # of the processors
TOLERANCE = 1e-6  # relative difference of equal scores


def main(arguments: Sequence[str]) -> None:
    """Print the scores; exit with 1 if those of the test split differ from the report."""
    options = parse_evaluation(arguments)
    folder = RunFolder(options.run_dir)
    settings = {
        name: value for name in TARGET_OPTIONS if (value := getattr(options, name)) is not None
    }
    for name in settings if options.data is None else ():
        raise ConfigError(f"--{name}: is about targets of a new file: give it with --data <file>")
    if options.settings and options.data is None:
        raise ConfigError(
            f"{' '.join(options.settings)}: is about a new file: give it with --data <file>"
        )
    if options.data is not None:
        with advise_options(TARGET_OPTIONS):
            evaluate_file(folder, options.data, options.settings, **settings)
        return
    evaluation = load_tested(folder).evaluate()
    scores = evaluation.scores
    report_scores = {name: folder.read_report()["scores"][name] for name in scores}
    print_scores(report_scores, scores)
    different = differing(report_scores, scores)
    content = {"scores": scores, "report_scores": report_scores, "differing": different}
    publish(content, evaluation.notes)
    for note in evaluation.notes:
        print(f"note: {note}")
    if different:
        sys.exit(ExitStatus.DIFFERENT)
    from rnnlab.experiment.next_step import next_command
    from rnnlab.report.console import print_next

    print_next(next_command(folder, is_evaluated=True))


def parse_evaluation(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandParser("evaluate", __doc__)
    parser.add_argument("run_dir", type=Path, help="folder of the run")
    parser.add_argument("--data", help="file with targets to score; default: the test split")
    parser.add_argument(
        "--start", help="first date of the targets of a series, such as 2024-07-01; default: all"
    )
    parser.add_argument(
        "--reference", metavar="FILE", help="translations of the sentences of --data, one a line"
    )
    parser.add_argument(
        "settings",
        nargs="*",
        default=[],  # otherwise it is named among the required arguments
        metavar="data.<setting>=<value>",
        help="how the file is read, where it differs from that of the training, such as "
        "data.label_column=stars",
    )
    return parser.parse_intermixed_args(arguments)


def evaluate(run_dir: str | Path) -> dict[str, float]:
    """Return the scores of the test split, by their names in report.json.

    Raises:
        ConfigError: there is no finished run.
        DataChangedError: its data has changed.
    """
    return dict(load_tested(RunFolder(Path(run_dir))).evaluate().scores)


def load_tested(folder: RunFolder, settings: Sequence[str] = ()) -> "TrainedRun":
    """Return the run with the weights that were tested: the best ones, if it kept them.

    Raises:
        ConfigError: there is no finished run.
    """
    announce_imports(str(folder.path))
    import_lightning()
    from rnnlab import load
    from rnnlab.inference.evaluation import open_finished

    open_finished(folder.path)
    checkpoint = "best" if folder.best.exists() else "last"
    return load(folder.path, checkpoint, settings=settings)


def evaluate_file(
    folder: RunFolder, data: str, settings: Sequence[str] = (), **options: Any
) -> None:
    """Print the scores of a file beside those of the run's own test."""
    evaluation = load_tested(folder, settings).evaluate(data, **options)
    publish({"data": data, **vars(evaluation)}, evaluation.notes)
    report = folder.read_report()["scores"]
    print_table(
        ["", *(name.partition("/")[2] for name in evaluation.scores)],
        {
            "network": evaluation.scores,
            **evaluation.baselines,
            "network in its own test": report,
        },
        list(evaluation.scores),
    )
    for note in evaluation.notes:
        print(f"note: {note}")
    for name, interval in evaluation.intervals.items():
        if interval["coverage"] is not None:
            print(f"{name}% intervals contain {interval['coverage']:.1%} of the values")
    for name, reason in {**evaluation.undefined, **evaluation.missing_baselines}.items():
        print(f"no {name}: {reason}")
    print(f"{evaluation.targets:,} targets")
    from rnnlab.report.console import print_next

    print_next(next_step_of_data(folder, data, settings, has_reference="reference" in options))


def next_step_of_data(
    folder: RunFolder, data: str, settings: Sequence[str], has_reference: bool
) -> str:
    """Return a command that predicts the inputs of a file with targets, or serves the run."""
    from rnnlab.config.program import join_command
    from rnnlab.experiment.next_step import serve_command

    has_pairs = folder.read_report().get("task") == "translation" and not has_reference
    if has_pairs or not Path(data).is_file():
        return serve_command(folder.path)
    return join_command("predict", [str(folder.path), data, *settings])


def print_table(
    header: Sequence[str], rows: Mapping[str, Mapping[str, float]], names: Sequence[str]
) -> None:
    """Print a row of scores for each member; an undefined score is a dash."""
    from rnnlab.report.console import format_score
    from rnnlab.report.tables import NumberTable
    from rnnlab.runtime.console import PlainConsole

    table = NumberTable(list(header))
    for label, scores in rows.items():
        table.add_row(label, *(format_score(scores.get(name)) for name in names))
    PlainConsole().print(table)


def differing(report_scores: Mapping[str, float], scores: Mapping[str, float]) -> list[str]:
    """Return the names of the scores that differ.

    >>> differing({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.1})
    ['b']
    """
    return [
        name
        for name, value in report_scores.items()
        if abs(scores[name] - value) > TOLERANCE * max(abs(value), 1.0)
    ]


def print_scores(report_scores: Mapping[str, float], scores: Mapping[str, float]) -> None:
    """Print a table with a row for each score."""
    from rnnlab.report.tables import NumberTable
    from rnnlab.runtime.console import PlainConsole

    table = NumberTable(["", "report", "now", "difference"])
    for name, score in scores.items():
        values = (report_scores[name], score, score - report_scores[name])
        table.add_row(name, *(f"{value:.8g}" for value in values))
    console = PlainConsole()
    console.print(table)
    names = differing(report_scores, scores)
    result = f"not the same: {', '.join(names)}" if names else f"the same to {TOLERANCE}"
    console.print(result)


if __name__ == "__main__":
    run_program(main)
