"""The commands as functions of Python, such as rnnlab.run and rnnlab.load."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.compose import compose_checked
from rnnlab.config.messages import check_resume, select_resume
from rnnlab.config.paths import find_root
from rnnlab.experiment.run import Run, run
from rnnlab.runtime.imports import import_lightning

if TYPE_CHECKING:
    from rnnlab.inference.trained_run import TrainedRun
    from rnnlab.sweeps.result import SearchResult


def compose_config(*overrides: str) -> dict[str, Any]:
    """Return the configuration of a run as plain values.

    >>> compose_config("data=sine", "model.hidden_size=8")["model"]["hidden_size"]
    8

    Args:
        overrides: `key=value`, as on the command line of `rnnlab train`.

    Raises:
        ConfigError: an override is invalid.
    """
    return compose_checked(find_root() / "conf", overrides)


def train_run(*overrides: str) -> Run:
    """Train, test and report one run, as `rnnlab train <overrides>` does.

    Args:
        overrides: see compose_config; `resume=<run>` continues a run.

    Returns:
        The finished run: its `folder`, `report` and `score`.

    Raises:
        ConfigError: an override is invalid; raised before any data is read.
        DataError: the data cannot be used.
        DivergedError: the loss is not finite.
    """
    check_resume(overrides)
    return run(select_resume(compose_config(*overrides), overrides))


def search_settings(*overrides: str) -> "SearchResult":
    """Search for the best settings, as `rnnlab sweep <overrides>` does.

    Args:
        overrides: `sweep=<name>`, settings of the search, and those of the runs: several values of
            one, such as `model.hidden_size=8,64`, are searched.

    Returns:
        The search: its `best` settings, its `trials` and its `folder`.

    Raises:
        ConfigError: an override is invalid, or too many trials failed.
        DataError: the data cannot be used.
    """
    from rnnlab.sweeps.main import main
    from rnnlab.sweeps.result import SearchResult

    return SearchResult(main(find_root(), overrides))


def load_run(
    run_dir: str | Path,
    checkpoint: str = "best",
    device: str = "cpu",
    settings: Sequence[str] = (),
) -> "TrainedRun":
    """Load a trained run; see rnnlab.inference.trained_run.TrainedRun.

    Args:
        run_dir: folder of the run.
        checkpoint: best | last.
        device: cpu | cuda | auto (a GPU, if there is one), of the predictions.
        settings: of the reading of new files, such as data.encoding=cp1252.

    Raises:
        ConfigError: there is no such checkpoint or device, or another version of rnnlab wrote the
            checkpoint.
    """
    import_lightning()
    from rnnlab.inference.trained_run import TrainedRun

    return TrainedRun(run_dir, checkpoint, device, settings)
