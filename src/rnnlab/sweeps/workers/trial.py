"""One trial, in the process that does it: an ordinary run, and a result of how it ended."""

import gc
import math
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rnnlab.config.compose import compose_checked
from rnnlab.config.keys import assign
from rnnlab.errors import ConfigError, DataError, RunPruned, RunStopped
from rnnlab.report.folder import RunFolder
from rnnlab.sweeps.workers.messages import Job, TrialResult

LOCK_TIMEOUT_SECONDS = 30.0  # for the process of an earlier attempt to end


def do(job: Job, conf: Path) -> TrialResult:
    """Do a job and leave the result in its folder, whatever happens.

    Args:
        job: what to do.
        conf: the folder conf/.
    """
    folder, rank = Path(job.folder), int(os.environ.get("RANK", 0))
    # Of several processes the head of their group waits, once for all.
    with nullcontext() if job.devices > 1 or job.checks else trial_lock(folder):
        result = judge(job, conf)
        result.write(folder, rank)
    return result


@contextmanager
def trial_lock(folder: Path) -> Iterator[None]:
    """Wait until the process that was here before has ended.

    A trial is taken over when its search is dead; the processes of that search, on another machine
    perhaps, may need some seconds more to notice. The lock ends with its holder. Where the file
    system has none, or nobody gives it back, there is nothing better than to begin.
    """
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    with suppress(Timeout, NotImplementedError, OSError):
        lock.acquire(timeout=LOCK_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        lock.release()


def judge(job: Job, conf: Path) -> TrialResult:
    """Run, and say how it ended."""
    try:
        if job.checks:
            return check(job, conf)
        return run_trial(job, conf)
    except RunPruned as given_up:
        return make_result(job, "pruned", None, str(given_up))
    except (RunStopped, KeyboardInterrupt):
        return make_result(job, "stopped")
    except ConfigError as error:
        return make_result(job, "failed", "config", str(error))
    except DataError as error:
        return make_result(job, "failed", "data", str(error))
    except Exception as error:
        return unexpected(job, error)
    finally:
        free_memory()


def check(job: Job, conf: Path) -> TrialResult:
    """Hold settings against what they are for, as a run does before it reads data.

    Raises:
        ConfigError: some cannot work.
    """
    from rnnlab.experiment import run as experiment

    for words in job.checks:
        try:
            experiment.check(compose_checked(conf, words))
        except ConfigError as error:
            raise ConfigError(f"{error}\n(in: {' '.join(words)})") from error
    return make_result(job, "complete")


def run_trial(job: Job, conf: Path) -> TrialResult:
    """Run the trial, from where it was interrupted if it was."""
    from rnnlab.experiment import run as experiment
    from rnnlab.sweeps.workers.pruning import Reporter

    plain = settings_of(job, conf)
    known = {**plain, **existing_config(job)}
    extra_callbacks = [Reporter(job.reporting, str(known["monitor"]))] if job.reporting else []
    finished = experiment.run(plain, extra_callbacks)
    if math.isnan(finished.score):
        return without_score(job, str(finished.report["monitor"]))
    return make_result(job, "complete")


def without_score(job: Job, monitor: str) -> TrialResult:
    """The result of a run that was trained, but whose validations gave no number.

    Raises:
        ConfigError: there was no validation.
    """
    if validations(RunFolder(Path(job.folder))):
        return make_result(
            job, "infeasible", "diverged", f"{monitor} was no number in any validation"
        )
    raise ConfigError(
        f"monitor={monitor}: was never logged; is there a validation within trainer.max_epochs?"
    )


def settings_of(job: Job, conf: Path) -> dict[str, Any]:
    """The config of the run: new, or of the one that was begun in this folder."""
    if existing_config(job):
        return {"resume": job.folder}
    plain = compose_checked(conf, job.overrides)
    for key, value in job.settings.items():
        assign(plain, key, value)
    for member in plain["logger"].values():
        set_logger_identity(member, job.identity)
    return {**plain, "run_dir": job.folder}


def set_logger_identity(logger: dict[str, Any] | None, identity: Mapping[str, str]) -> None:
    """Tell a logger which trial of which search it logs, as far as it asks."""
    from rnnlab.config.schema import RUNTIME, configurable_parameters, locate

    if logger is not None:
        taken, _ = configurable_parameters(locate(logger["_target_"]), RUNTIME["logger"])
        logger.update({key: value for key, value in identity.items() if key in taken})


def existing_config(job: Job) -> dict[str, Any]:
    """The config of the run that stands in the trial's folder; empty if there is none."""
    folder = RunFolder(Path(job.folder))
    return folder.read_config() if folder.config.exists() else {}


def unexpected(job: Job, error: Exception) -> TrialResult:
    """The result of an error that is none of ours."""
    from rnnlab.callbacks import DivergedError

    if isinstance(error, DivergedError):
        return make_result(job, "infeasible", "diverged", str(error))
    traceback.print_exc()
    if peer_lost(error):
        return make_result(job, "stopped", None, "another process of the trial ended")
    if is_out_of_memory(error):
        message = str(error).splitlines()[0]
        return make_result(job, "infeasible", "out of memory", message, oom_overrides(job))
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return make_result(job, "failed", "crash", f"{type(error).__name__}: {error} ({where})")


def peer_lost(error: Exception) -> bool:
    """Whether one of several processes found that another one is gone."""
    import torch

    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return False
    marks = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer")
    return isinstance(error, torch.distributed.DistError) or any(m in str(error) for m in marks)


def is_out_of_memory(error: Exception) -> bool:
    """Whether the device or the machine had no memory left."""
    import torch
    from lightning.pytorch.utilities.memory import is_oom_error

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return is_oom_error(error) or "can't allocate memory" in str(error)


def oom_overrides(job: Job) -> list[str]:
    """Half the batch, twice accumulated: as many samples a step with less memory.

    Empty where the batch cannot be halved.
    """
    plain = existing_config(job)
    batch_size = plain.get("data", {}).get("batch_size", 1)
    if batch_size % 2:
        return []
    twice = 2 * plain["trainer"]["accumulate_grad_batches"]
    return [f"data.batch_size={batch_size // 2}", f"trainer.accumulate_grad_batches={twice}"]


def make_result(
    job: Job,
    state: Any,
    failure: str | None = None,
    message: str = "",
    less: list[str] | None = None,
) -> TrialResult:
    """A result with what the run's folder says."""
    folder = RunFolder(Path(job.folder))
    report = folder.read_report()
    rows = validations(folder)
    monitored = report.get("scores") or best_scores(report, existing_config(job), rows)
    return TrialResult(
        attempt=job.attempt,
        state=state,
        failure=failure,
        message=message,
        scores=scored(monitored, str(report.get("monitor", ""))),
        oom_overrides=less or [],
        seconds=float(report.get("speed", {}).get("training_seconds", 0.0)),
        parameters=int(report.get("model", {}).get("parameters", 0)),
        epochs=1 + max((int(float(row["epoch"])) for row in rows), default=-1),
        threads=int(report.get("device", {}).get("threads", 0)),
    )


def scored(scores: Mapping[str, float], monitor: str) -> dict[str, float]:
    """The scores, the monitored one also as `score`."""
    extra = {"score": scores[monitor]} if monitor in scores else {}
    return {**scores, **extra}


def validations(folder: RunFolder) -> list[dict[str, Any]]:
    """The rows of metrics.csv with a validation."""
    from rnnlab.loggers.csv import read_metrics

    return [row for row in read_metrics(folder.metrics) if row.get("val/loss")]


def best_scores(
    report: Mapping[str, Any], plain: Mapping[str, Any], rows: list[dict[str, Any]]
) -> dict[str, float]:
    """The scores of the best validation of a run that did not finish."""
    from rnnlab.report import summary

    if not rows or "monitor" not in report:
        return {}
    best = summary.best_row(rows, report["monitor"], plain["mode"])
    return summary.scores_of(best, "val")


def free_memory() -> None:
    """Give back what the last trial held, for the next one in this process."""
    import torch

    from rnnlab.runtime import allocator as memory

    gc.collect()
    memory.release_freed_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
