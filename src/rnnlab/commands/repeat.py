"""Repeat a run with its config and seed in a new folder, and report what differs.

    rnnlab repeat outputs/sine-gru/<run>
    rnnlab repeat outputs/sine-gru/<run> --output-dir repeats

The versions, the commit, the hash of the data, the device, the settings, every score and the
weights are compared. The exit status is 0 if all scores and the weights are equal bit for bit, and
1 if one differs. Equal results need the same versions, device and number of threads.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.commands import CommandParser, run_program
from rnnlab.config.paths import absolute_path
from rnnlab.documents.output import publish
from rnnlab.errors import ConfigError, ExitStatus, about_file
from rnnlab.report.folder import RunFolder
from rnnlab.runtime.imports import import_lightning
from rnnlab.runtime.progress import announce_imports

if TYPE_CHECKING:
    from rnnlab.comparison.repetition import RunRepetition


def main(arguments: Sequence[str]) -> None:
    """Repeat a run, and print what differs; exit with 1 if a result does."""
    options = parse_repetition(arguments)
    repetition = repeat_run(options.run_dir, options.output_dir)
    print_repetition(repetition)
    if not repetition.is_equal:
        sys.exit(ExitStatus.DIFFERENT)


def parse_repetition(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandParser("repeat", __doc__)
    parser.add_argument("run_dir", help="folder of the run")
    parser.add_argument("--output-dir", help="folder for the new run; default: as the run has it")
    return parser.parse_args(arguments)


def repeat_run(run_dir: str | Path, output_dir: str | None = None) -> "RunRepetition":
    """Train a finished run again in a new folder, and return what differs.

    Args:
        run_dir: folder of the run.
        output_dir: for the new folder; None for that of the run's config.

    Raises:
        ConfigError: there is no finished run.
        DataError: its data cannot be read.
    """
    folder = RunFolder(absolute_path(str(run_dir)))
    report = folder.read_report()
    if report.get("status") != "finished":
        state = f"it is {report['status']}" if "status" in report else "it has no report.json"
        raise ConfigError(about_file(folder.path, f"is no finished run: {state}"))
    plain = folder.read_config()
    announce_imports(str(folder.path))
    import_lightning()

    from rnnlab.comparison.repetition import compare_repetition
    from rnnlab.experiment.run import run
    from rnnlab.experiment.stored_config import check_stored_config

    check_stored_config(plain, folder.path)
    new = run(repeated_config(plain, output_dir))
    configs = plain, new.folder.read_config()
    weights = equal_weights(folder, new.folder)
    repetition = compare_repetition((report, new.report), configs, weights)
    publish({"folder": new.folder.path.absolute(), **repetition.to_plain()})
    return repetition


def repeated_config(plain: Mapping[str, Any], output_dir: str | None) -> dict[str, Any]:
    """Return the config of a run for a new folder."""
    place = {} if output_dir is None else {"output_dir": output_dir}
    return {**plain, **place, "run_dir": None, "resume": None}


def equal_weights(*folders: RunFolder) -> bool | None:
    """Return whether the weights that two runs tested are equal; None if one did not keep them."""
    import torch

    from rnnlab.experiment.load import read_checkpoint

    paths = [next((p for p in (f.best, f.last) if p.exists()), None) for f in folders]
    old, new = (read_checkpoint(path)["state_dict"] if path else {} for path in paths)
    if not old or not new:
        return None
    return old.keys() == new.keys() and all(torch.equal(old[name], new[name]) for name in old)


def print_repetition(repetition: "RunRepetition") -> None:
    """Print a table of the scores that differ, and what else does."""
    from rnnlab.report.tables import NumberTable
    from rnnlab.runtime.console import PlainConsole

    console = PlainConsole()
    table = NumberTable(["", "old", "new", "difference"], title="repeated")
    for name, (old, new) in repetition.scores.items():
        table.add_row(name, *map(format_exactly, (old, new, subtract(new, old))))
    console.print(table)
    for line in repetition.describe():
        console.print(line, soft_wrap=True)


def format_exactly(value: float | None) -> str:
    """Return a number with the digits that show small differences; a dash for None."""
    return "-" if value is None else f"{value:.8g}"


def subtract(new: float | None, old: float | None) -> float | None:
    """Return a difference; None if one is missing."""
    return None if new is None or old is None else new - old


if __name__ == "__main__":
    run_program(main)
