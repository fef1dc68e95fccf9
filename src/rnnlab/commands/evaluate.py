"""Score the network of a finished run again, and hold the scores against its report.

    rnnlab evaluate outputs/imdb-gru/<run>

Everything is built anew from the run's folder: data, task, architecture, weights.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.errors import ConfigError, DataError
from rnnlab.report.folder import RunFolder

if TYPE_CHECKING:
    from rnnlab.config.schema import RunConfig
    from rnnlab.data.base import DataModule

TOLERANCE = 1e-6  # relative, beyond which two scores are not the same
DIFFERENT = 1  # exit status


def main(words: Sequence[str]) -> None:
    """Print every score of the test split, then and now; exit with 1 where they differ.

    Args:
        words: the command line.

    Raises:
        ConfigError: there is no finished run.
        DataError: its data is not what it was.
    """
    parser = argparse.ArgumentParser(
        prog="rnnlab evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_dir", type=Path, help="folder of the run")
    folder = RunFolder(parser.parse_args(words).run_dir)
    now = evaluate(folder.path)
    then = {name: folder.read_report()["scores"][name] for name in now}
    show(then, now)
    if changed(then, now):
        sys.exit(DIFFERENT)


def evaluate(run_dir: str | Path) -> dict[str, float]:
    """The scores of the test split, by the checkpoint that the run was scored with.

    Args:
        run_dir: folder of a finished run.

    Returns:
        Scores by name, as report.json has them.

    Raises:
        ConfigError: there is no finished run.
        DataError: its data is not what it was.
    """
    from rnnlab.experiment.build import build_analysis, build_trainer, quiet_libraries
    from rnnlab.experiment.load import load_model
    from rnnlab.experiment.predictions import collect_test_predictions
    from rnnlab.runtime.precision import choose_matmul_precision

    folder = finished(Path(run_dir))
    checkpoint = "best" if folder.best.exists() else "last"
    model = load_model(folder.path, checkpoint)
    config = configured(model.hyper_parameters["config"])
    data = same_data(config, folder)
    quiet_libraries()
    trainer = build_trainer(config, folder.path, [], [])
    width = model.output_size // (2 if model.bidirectional else 1)
    device = trainer.strategy.root_device.type
    choose_matmul_precision(config.matmul_precision, width, device)
    scores: dict[str, float] = dict(*trainer.test(model, data, verbose=False))
    if analysis := build_analysis(config):
        result = analysis.analyze(model, collect_test_predictions(model, data))
        scores |= {f"test/{name}": float(value) for name, value in result.scores.items()}
    return {name: value for name, value in scores.items() if name in folder.read_report()["scores"]}


def finished(path: Path) -> RunFolder:
    """The folder of a run that was tested.

    Raises:
        ConfigError: it is none.
    """
    folder = RunFolder(path)
    report = folder.read_report()
    if report.get("status") != "finished":
        state = report.get("status", "no run is there (no report.json)")
        raise ConfigError(f"{path}: {state}; give the folder of a finished run")
    if not any(name.startswith("test/") for name in report["scores"]):
        raise ConfigError(f"{path}: the run was not tested (test=false), so there is no score")
    return folder


def configured(hyper_parameters: Mapping[str, object]) -> "RunConfig":
    """The run's config, for one process."""
    from rnnlab.config.schema import parse

    config = parse(hyper_parameters)
    config.trainer.devices, config.trainer.num_nodes, config.trainer.strategy = 1, 1, "auto"
    return config


def same_data(config: "RunConfig", folder: RunFolder) -> "DataModule":
    """The run's data set, read again.

    Raises:
        DataError: what is there now is not what the run read.
    """
    from rnnlab.experiment.build import build_data

    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    then, now = folder.read_report()["data"], data.provenance.plain()
    if now["sha256"] != then["sha256"]:
        raise DataError(
            f"{folder.path}: the run read {then['source']} with sha256 {then['sha256'][:12]}, but "
            f"now there is {now['source']} with {now['sha256'][:12]}: bring the old data back"
        )
    return data


def changed(then: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """The scores that are not the same.

    >>> changed({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.1})
    ['b']
    """
    return [
        name for name in then if abs(now[name] - then[name]) > TOLERANCE * max(abs(then[name]), 1.0)
    ]


def show(then: Mapping[str, float], now: Mapping[str, float]) -> None:
    """A line for each score."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "report", "now", "difference")
    for name in now:
        values = [f"{value:.8g}" for value in (then[name], now[name], now[name] - then[name])]
        table.add_row(name, *values)
    console = Console()
    console.print(table)
    different = changed(then, now)
    verdict = f"not the same: {', '.join(different)}" if different else f"the same to {TOLERANCE}"
    console.print(verdict, highlight=False)


if __name__ == "__main__":
    from rnnlab.config.messages import readable_errors

    with readable_errors():
        main(sys.argv[1:])
