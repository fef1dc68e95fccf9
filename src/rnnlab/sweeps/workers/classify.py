"""Results of trials: how each one ended, and what its folder says about it."""

import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.errors import ConfigError, DataError, RunPruned, RunStopped
from rnnlab.report.folder import FORMAT_VERSION, RunFolder
from rnnlab.sweeps.study.outages import find_outage
from rnnlab.sweeps.workers.messages import OUTAGE, Job, ResultState, TrialResult

PEER_ERRORS = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer")


def classify(job: Job, error: BaseException) -> TrialResult:
    """Return the result of a job that ended with an error."""
    from rnnlab.callbacks import DivergedError

    if reason := find_outage(error):
        return make_result(job, "stopped", OUTAGE, reason)
    match error:
        case RunPruned():
            return make_result(job, "pruned", None, str(error))
        case RunStopped() | KeyboardInterrupt():
            return make_result(job, "stopped")
        case ConfigError():
            return make_result(job, "failed", "config", str(error))
        case DataError():
            return make_result(job, "failed", "data", str(error))
        case DivergedError():
            return make_result(job, "infeasible", "diverged", str(error))
    return classify_unexpected(job, error)


def classify_unexpected(job: Job, error: BaseException) -> TrialResult:
    """Return the result of a job that ended with an error of the code or the machine."""
    traceback.print_exception(error)
    if peer_lost(error):
        return make_result(job, "stopped", None, "another process of the trial ended")
    if is_out_of_memory(error):
        message = str(error).splitlines()[0]
        return make_result(job, "infeasible", "out of memory", message, oom_overrides(job))
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return make_result(job, "failed", "crash", f"{type(error).__name__}: {error} ({place})")


def peer_lost(error: BaseException) -> bool:
    """Return whether one of several processes failed because another one is gone."""
    import torch

    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return False
    is_peer_error = any(text in str(error) for text in PEER_ERRORS)
    return isinstance(error, torch.distributed.DistError) or is_peer_error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the device or the machine ran out of memory."""
    import torch
    from lightning.pytorch.utilities.memory import is_oom_error

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return is_oom_error(error) or "can't allocate memory" in str(error)


def oom_overrides(job: Job) -> list[str]:
    """Return overrides that halve the batch and accumulate twice as often.

    A step still sees as many samples. Empty if the batch size is odd.
    """
    config = existing_config(job)
    batch_size = config.get("data", {}).get("batch_size", 1)
    if batch_size % 2:
        return []
    batches = 2 * config["trainer"]["accumulate_grad_batches"]
    return [f"data.batch_size={batch_size // 2}", f"trainer.accumulate_grad_batches={batches}"]


def make_result(
    job: Job,
    state: ResultState,
    failure: str | None = None,
    message: str = "",
    overrides: list[str] | None = None,
) -> TrialResult:
    """Return a result with the scores and costs that the folder of the run holds."""
    report = RunFolder(Path(job.folder)).read_report()
    rows = validation_log(job)
    scores = report.get("scores") or best_scores(job, report, rows)
    monitor = str(report.get("monitor", ""))
    return TrialResult(
        attempt=job.attempt,
        state=state,
        failure=failure,
        message=message,
        scores={**scores, **({"score": scores[monitor]} if monitor in scores else {})},
        oom_overrides=overrides or [],
        seconds=float(report.get("speed", {}).get("training_seconds", 0.0)),
        parameters=int(report.get("model", {}).get("parameters", 0)),
        epochs=1 + max((int(float(row["epoch"])) for row in rows), default=last_epoch(report)),
        threads=int(report.get("device", {}).get("threads", 0)),
        origin=job.origin,
    )


def last_epoch(report: Mapping[str, Any]) -> int:
    """Return the last epoch of a run without metrics.csv, from 0; -1 if it did not finish."""
    return int(report.get("epochs", 0)) - 1


def existing_config(job: Job) -> dict[str, Any]:
    """Return the config of the run in the trial's folder; empty if there is none."""
    folder = RunFolder(Path(job.folder))
    return folder.read_config() if folder.config.exists() else {}


def validation_log(job: Job) -> list[dict[str, Any]]:
    """Return the rows of metrics.csv with a validation."""
    from rnnlab.runtime.files import read_metrics

    metrics = RunFolder(Path(job.folder)).metrics
    return [row for row in read_metrics(metrics) if row.get("val/loss")]


def best_scores(
    job: Job, report: Mapping[str, Any], rows: list[dict[str, Any]]
) -> dict[str, float]:
    """Return the scores of the best validation of a run that did not finish."""
    from rnnlab.report import summary

    if not rows or "monitor" not in report or report.get("format_version") != FORMAT_VERSION:
        return {}
    best = summary.best_row(rows, report["monitor"], existing_config(job)["mode"])
    return summary.scores_of(best, "val")
