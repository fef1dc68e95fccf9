"""Run one trial in this process: an ordinary run, whose result is written to its folder."""

import gc
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rnnlab.config.compose import compose_checked
from rnnlab.config.keys import assign
from rnnlab.errors import ConfigError
from rnnlab.runtime.imports import import_lightning
from rnnlab.sweeps.study.folders import clear_folder, mark_folder
from rnnlab.sweeps.study.outages import Patience
from rnnlab.sweeps.workers.classify import classify, existing_config, make_result
from rnnlab.sweeps.workers.messages import Job, TrialResult, record_start

LOCK_TIMEOUT_SECONDS = 30.0  # for the process of an earlier attempt to end


def execute_job(job: Job, conf: Path) -> TrialResult:
    """Run a job, and write its result to the folder, however it ends."""
    folder, rank = Path(job.folder), int(os.environ.get("RANK", 0))
    # For several processes, the head of their group holds the lock.
    with nullcontext() if job.devices > 1 or job.checks else trial_lock(folder):
        try:
            import_packages()
            if rank == 0:
                take_folder(job)
                record_start(folder, job.attempt)
            result = check_overrides(job, conf) if job.checks else run_trial(job, conf)
        except (Exception, KeyboardInterrupt) as error:
            result = classify(job, error)
        finally:
            free_memory()
        Patience().run(partial(result.write, folder, rank))
    return result


def import_packages() -> None:
    """Import what every run needs, so that the time of a trial does not include it."""
    import_lightning()
    import rnnlab.experiment.build
    import rnnlab.experiment.run  # noqa: F401


def take_folder(job: Job) -> None:
    """Make the folder that of the trial; one of another trial is moved aside."""
    folder = Path(job.folder)
    if message := clear_folder(folder, job.origin):
        print(message, flush=True)
    mark_folder(folder, job.origin)


@contextmanager
def trial_lock(folder: Path) -> Iterator[None]:
    """Wait until the process of an earlier attempt has ended.

    A trial is taken over when its search is dead, but the processes of that search, perhaps on
    another machine, may need some seconds to notice. The lock ends with its holder. If the file
    system has no locks, or the lock is not released in time, the trial starts anyway.
    """
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    with suppress(Timeout, NotImplementedError, OSError):
        lock.acquire(timeout=LOCK_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        lock.release()


def check_overrides(job: Job, conf: Path) -> TrialResult:
    """Check settings against each other, as a run does before it reads data.

    Raises:
        ConfigError: some cannot work.
    """
    from rnnlab.experiment import run as experiment

    for overrides in job.checks:
        try:
            experiment.check(compose_checked(conf, overrides))
        except ConfigError as error:
            *others, last = error.problems
            place = last.with_message(f"{last}\n(in: {' '.join(overrides)})")
            raise ConfigError(*others, place) from error
    return make_result(job, "complete")


def run_trial(job: Job, conf: Path) -> TrialResult:
    """Run a trial, or resume it if it was interrupted."""
    from rnnlab.experiment import run as experiment
    from rnnlab.sweeps.workers.pruning import PruningCallback

    settings = run_settings(job, conf)
    monitor = str({**settings, **existing_config(job)}["monitor"])
    callbacks = [PruningCallback(job.reporting, monitor)] if job.reporting else []
    run = experiment.run(settings, callbacks)
    if math.isnan(run.score):
        return result_without_score(job, run.report)
    return make_result(job, "complete")


def result_without_score(job: Job, report: Mapping[str, Any]) -> TrialResult:
    """Return the result of a run whose validations gave no finite score.

    Raises:
        ConfigError: there was no validation.
    """
    monitor = report["monitor"]
    if report["evaluated_targets"]["val"]:
        message = f"{monitor} was no number in any validation"
        return make_result(job, "infeasible", "diverged", message)
    raise ConfigError(
        f"monitor={monitor}: was never logged; is there a validation within trainer.max_epochs?"
    )


def run_settings(job: Job, conf: Path) -> dict[str, Any]:
    """Return the config of a new run, or the setting that resumes the one in the folder."""
    if existing_config(job):
        return {"resume": job.folder}
    config = compose_checked(conf, job.overrides)
    for key, value in job.settings.items():
        assign(config, key, value)
    for logger in config["logger"].values():
        set_logger_identity(logger, job.identity)
    return {**config, "run_dir": job.folder}


def set_logger_identity(logger: dict[str, Any] | None, identity: Mapping[str, str]) -> None:
    """Set name, group and id of the trial in the config of a logger, as far as it has them."""
    from rnnlab.config.signature import RUNTIME, configurable_parameters, locate

    if logger is not None:
        names, _ = configurable_parameters(locate(logger["_target_"]), RUNTIME["logger"])
        logger.update({name: value for name, value in identity.items() if name in names})


def free_memory() -> None:
    """Release the memory of the last trial for the next one in this process."""
    import torch

    from rnnlab.runtime import allocator

    gc.collect()
    allocator.release_freed_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
