"""Score the model of a finished run again, and compare the scores with its report.

    rnnlab evaluate outputs/imdb-gru/<run>

Data, task, architecture and weights are rebuilt from the run's folder. The exit status is 1 if a
score differs.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.config.messages import readable_errors
from rnnlab.errors import ConfigError
from rnnlab.report.folder import RunFolder

if TYPE_CHECKING:
    from rnnlab.config.schema import RunConfig
    from rnnlab.data.base import DataModule

TOLERANCE = 1e-6  # relative difference of equal scores
DIFFERENT = 1  # exit status


def main(arguments: Sequence[str]) -> None:
    """Print the test scores of the report and of this evaluation; exit with 1 if they differ."""
    parser = argparse.ArgumentParser(prog="rnnlab evaluate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run_dir", type=Path, help="folder of the run")
    folder = RunFolder(parser.parse_args(arguments).run_dir)
    scores = evaluate(folder.path)
    report_scores = {name: folder.read_report()["scores"][name] for name in scores}
    print_scores(report_scores, scores)
    if differing(report_scores, scores):
        sys.exit(DIFFERENT)


def evaluate(run_dir: str | Path) -> dict[str, float]:
    """Return the scores of the test split, by their names in report.json.

    Raises:
        ConfigError: there is no finished run.
        DataChangedError: its data has changed.
    """
    from rnnlab.experiment.build import build_analysis, build_trainer, quiet_libraries
    from rnnlab.experiment.load import load_model
    from rnnlab.experiment.predictions import collect_test_predictions
    from rnnlab.runtime.precision import choose_matmul_precision

    folder = open_finished(Path(run_dir))
    checkpoint = "best" if folder.best.exists() else "last"
    model = load_model(folder.path, checkpoint)
    config = single_process_config(model.hyper_parameters["config"])
    data = read_same_data(config, folder)
    quiet_libraries()
    trainer = build_trainer(config, folder.path, [], [])
    width = model.output_size // (2 if model.bidirectional else 1)
    device = trainer.strategy.root_device.type
    choose_matmul_precision(config.matmul_precision, width, device)
    scores: dict[str, float] = dict(*trainer.test(model, data, verbose=False))
    if analysis := build_analysis(config):
        result = analysis.analyze(model, collect_test_predictions(model, data, baselines=False))
        scores |= {f"test/{name}": float(value) for name, value in result.scores.items()}
    return {name: scores[name] for name in folder.read_report()["scores"] if name in scores}


def open_finished(path: Path) -> RunFolder:
    """Return the folder of a tested run; raise ConfigError if it is not one."""
    folder = RunFolder(path)
    report = folder.read_report()
    if report.get("status") != "finished":
        place = "" if path.is_absolute() else f", looked for in {Path.cwd()}"
        state = report.get("status", f"no run is there (no report.json){place}")
        raise ConfigError(f"{path}: {state}; give the folder of a finished run")
    if not any(name.startswith("test/") for name in report["scores"]):
        raise ConfigError(f"{path}: the run was not tested (test=false), so there is no score")
    return folder


def single_process_config(hyper_parameters: Mapping[str, object]) -> "RunConfig":
    """Return the run's config for one process."""
    from rnnlab.config.paths import with_absolute_paths
    from rnnlab.config.schema import parse

    config = parse(with_absolute_paths(hyper_parameters))
    config.trainer.devices, config.trainer.num_nodes, config.trainer.strategy = 1, 1, "auto"
    return config


def read_same_data(config: "RunConfig", folder: RunFolder) -> "DataModule":
    """Read the run's data set again; raise DataChangedError if its content has changed."""
    from rnnlab.experiment.build import build_data
    from rnnlab.experiment.fingerprint import check_same_data

    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    check_same_data(folder, data)
    return data


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
    with readable_errors():
        main(sys.argv[1:])
