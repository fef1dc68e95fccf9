"""Train a recurrent network on a data set.

    rnnlab train model=gru data=imdb
    rnnlab train --config-dir my_conf model=my_model data=sine

The same as `python train.py` in a checkout. A directory given by --config-dir has the groups of
conf/ and takes precedence over them. The run itself is rnnlab.experiment.run.run.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.commands import run_program
from rnnlab.config.command_line import has_multirun, split_flags
from rnnlab.config.compose import complete_overrides, compose, shipped_conf
from rnnlab.config.jobs import complete_jobs, job_variant
from rnnlab.config.messages import check_resume, readable_errors, select_resume
from rnnlab.config.paths import config_dir_flag, split_config_dir
from rnnlab.config.quoting import quote_resume
from rnnlab.documents.output import prints_json, publish
from rnnlab.errors import ConfigError
from rnnlab.report.folder import RunFolder
from rnnlab.runtime.clock import process_start
from rnnlab.runtime.distributed import is_first_process
from rnnlab.runtime.imports import pause_collector

if TYPE_CHECKING:
    from rnnlab.comparison.result import RunComparison
    from rnnlab.experiment.run import Run

HELP_FLAGS = frozenset({"--help", "-h", "--hydra-help", "--version"})
COMPLETION_FLAGS = frozenset({"--shell-completion", "-sc"})


def main(arguments: Sequence[str]) -> None:
    """Compose the configuration with Hydra, and train."""
    check_resume(arguments)
    conf, words = split_config_dir([quote_resume(word) for word in arguments])
    if is_plain(conf, words):
        with pause_collector():
            plain = compose(conf, words)
        runs = [train_config(plain, process_start(), arguments)]
    else:
        runs = train_with_hydra(conf, words, arguments)
    if is_first_process() and runs:
        report_runs([run.folder.path for run in runs])


def is_plain(conf: Path, words: Sequence[str]) -> bool:
    """Return whether a command line has nothing but settings of one run with the shipped conf/.

    Flags and Hydra's own settings need its main function, which composes three times.
    """
    return not config_dir_flag(conf) and all(
        ("=" in word or word.startswith("~")) and not word.lstrip("+~").startswith(("-", "hydra"))
        for word in words
    )


def train_with_hydra(conf: Path, words: Sequence[str], arguments: Sequence[str]) -> "list[Run]":
    """Train the runs of a command line with Hydra's main function, or do what its flags ask for.

    Args:
        conf: directory of the configuration.
        words: the command line without that directory.
        arguments: the whole command line.
    """
    import hydra

    if not COMPLETION_FLAGS & set(words):
        words = complete_words(conf, words)
    command_line = sys.argv
    starts = iter([process_start()])  # the user waits for the imports of the first run only
    runs: list[Run] = []

    def train(config: Any) -> float:
        sys.argv = command_line  # Lightning starts the processes of DDP with it
        with readable_errors():
            plain = plain_config(config, job_variant(words))
        runs.append(train_config(plain, next(starts, None), arguments))
        return runs[-1].score

    sys.argv = [sys.argv[0], *words]
    try:
        with shipped_conf(before=conf) as directory:
            hydra.main(version_base="1.3", config_path=directory, config_name="config")(train)()
    finally:
        sys.argv = command_line
    return runs


def report_runs(folders: Sequence[Path]) -> None:
    """Publish the runs; print the comparison of those of `-m`, or why there is none."""
    from rnnlab.comparison.table import print_comparison

    comparison, problems = compare_all(folders) if len(folders) > 1 else (None, [])
    if comparison:
        print_comparison(comparison)
    for problem in problems:
        print(problem)
    if prints_json():
        publish_runs(folders, comparison, problems)


def publish_runs(
    folders: Sequence[Path], comparison: "RunComparison | None", problems: Sequence[str]
) -> None:
    """Publish what the reports of the runs say."""
    from rnnlab.comparison.table import comparison_content
    from rnnlab.documents.contents import describe_run, list_warnings

    runs = [RunFolder(path) for path in folders]
    warnings = dict.fromkeys(line for run in runs for line in list_warnings(run))
    result = {
        "runs": [describe_run(run) for run in runs],
        "comparison": comparison and comparison_content(comparison),
    }
    publish(result, [*warnings, *problems])


def compare_all(folders: Sequence[Path]) -> "tuple[RunComparison | None, list[str]]":
    """Return the comparison of runs, or why they cannot be compared."""
    from rnnlab.comparison.compare import compare_runs

    try:
        return compare_runs(*folders), []
    except ConfigError as error:
        return None, [f"not compared: {error}"]


def complete_words(conf: Path, words: Sequence[str]) -> list[str]:
    """Return a command line that Hydra reads, after checking that it can be composed."""
    flags, overrides = split_flags(conf, words)
    if HELP_FLAGS & set(flags) and not overrides:
        return [*flags]
    complete = complete_jobs if has_multirun(flags) else complete_overrides
    return [*flags, *complete(conf, overrides)]


def plain_config(config: Any, variant: str | None) -> dict[str, Any]:
    """Return Hydra's config as plain values; `variant`: see rnnlab.config.jobs.job_variant."""
    from omegaconf import OmegaConf

    if variant:
        OmegaConf.update(config, "variant", variant, force_add=True)
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return dict(plain)


def train_config(plain: dict[str, Any], start: float | None, overrides: Sequence[str]) -> "Run":
    """Train, test and report one composed configuration.

    Args:
        plain: the resolved configuration as plain values.
        start: see rnnlab.experiment.run.run.
        overrides: of the command line.
    """
    with readable_errors():
        with pause_collector():
            from rnnlab.experiment.run import run

        return run(select_resume(plain, overrides), start=start)


if __name__ == "__main__":
    run_program(main)
