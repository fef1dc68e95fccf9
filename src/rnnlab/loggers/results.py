"""The results of a finished run in any logger of Lightning."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger

SPLIT_PREFIXES = ("val/", "test/")  # logged during the run; the best ones are repeated under best/


def log_results(
    logger: Logger, results: Mapping[str, Any], files: Sequence[Path], step: int
) -> None:
    """Log scores, baselines, seconds, parameters and commit, and figures if it can show them.

    A logger with a method `close` takes them itself. In any other one, numbers become metrics of
    the last step, and texts become settings.

    Args:
        logger: of the run.
        results: see rnnlab.report.summary.flat_report.
        files: the figures and other files of the run.
        step: the last one of the training.
    """
    if hasattr(logger, "close"):
        logger.close(results, files)
        return
    numbers, texts = split_results(results)
    logger.log_hyperparams(texts)
    logger.log_metrics(numbers, step)
    if hasattr(logger, "log_files"):
        logger.log_files(files)
    logger.finalize("success")


def split_results(results: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
    """Return the numbers that were not logged before, and the texts.

    >>> split_results({"test/mse": 1.0, "best/test/mse": 1.0, "parameters": 9, "commit": "abc"})
    ({'best/test/mse': 1.0, 'parameters': 9.0}, {'commit': 'abc'})
    """
    new = {name: value for name, value in results.items() if not name.startswith(SPLIT_PREFIXES)}
    numbers = {name: float(value) for name, value in new.items() if isinstance(value, int | float)}
    texts = {name: str(value) for name, value in new.items() if name not in numbers}
    return numbers, texts
