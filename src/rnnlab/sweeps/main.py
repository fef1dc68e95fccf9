"""A search, from the command line to its report."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import optuna
from hydra.utils import instantiate
from omegaconf import OmegaConf

from rnnlab.config.compose import compose_checked
from rnnlab.config.paths import config_dir_flag
from rnnlab.config.program import (
    absolute_override,
    format_command,
    hide_passwords,
    program_note,
    text_override,
)
from rnnlab.errors import ConfigError, OutageError, about_file
from rnnlab.report.run_index import list_result
from rnnlab.runtime.console import PlainConsole
from rnnlab.runtime.files import write_text
from rnnlab.sweeps.answer.answer import try_answer
from rnnlab.sweeps.console import SearchConsole
from rnnlab.sweeps.report.best import test_best
from rnnlab.sweeps.report.ranking import best_trial
from rnnlab.sweeps.report.report import write_report
from rnnlab.sweeps.report.summary import print_summary
from rnnlab.sweeps.report.wandb_summary import log_outcome
from rnnlab.sweeps.scheduler import Limits, Scheduler, SearchFailed, SearchStopped
from rnnlab.sweeps.schema import SweepConfig
from rnnlab.sweeps.settings import read_sweep
from rnnlab.sweeps.study.definition import SearchSpec, prepare
from rnnlab.sweeps.study.folders import trial_origin
from rnnlab.sweeps.study.journal import repair_journal
from rnnlab.sweeps.study.open import OpenStudy, open_study, start_study, study_location
from rnnlab.sweeps.study.outages import Patience, find_outage
from rnnlab.sweeps.study.repeats import find_repeats, open_repeats
from rnnlab.sweeps.study.samplers import GridSampler
from rnnlab.sweeps.study.share import ClaimedTrial, SharedStudy
from rnnlab.sweeps.study.storage import portable_url, storage_file, storage_kind
from rnnlab.sweeps.workers.launchers import Launcher, ResourceRequest
from rnnlab.sweeps.workers.messages import Job, Reporting, TrialResult
from rnnlab.sweeps.workers.runner import Runner, WorkerDied
from rnnlab.sweeps.workers.slots import Slot

REPAIR_FLAG = "--repair"
TRIAL_SETTINGS = {"test": False, "baselines": False, "page": False}  # the best one has them
STUDY_SETTINGS = {"test": True, "page": False}  # each run of a study reads the test split, once


def main(root: Path, arguments: Sequence[str], conf: Path | None = None) -> Path:
    """Read the settings, open the study, run its trials, repeat the best, test it, report.

    Args:
        root: the folder with conf/ and sweeps/.
        arguments: the command line without the program.
        conf: configuration of the runs; None for that of root.

    Returns:
        The folder of the search.

    Raises:
        ConfigError: a setting cannot work, or too many trials failed.
        RunStopped: the search was asked to stop; the same command continues it.
    """
    conf = conf or root / "conf"
    arguments, has_repair = split_repair(arguments)
    sweep = read_sweep(root, arguments, conf)
    if has_repair:
        repair_study(sweep)
    spec = prepare(sweep, conf)
    study = open_study(spec)
    if sweep.report:
        report_search(spec, study)
        return study.folder
    with (
        explain_interruption([*config_dir_flag(spec.conf), *portable_words(arguments, sweep)]),
        start_runners(spec, study) as runners,
    ):
        print_header(spec, study, len(runners))
        patient = Patience().run
        check_corners(spec, study, runners)
        patient(partial(start_study, spec, study))
        patient(partial(save_settings, sweep, study.folder))
        run_trials(spec, study, runners)
        repeats = repeat_best(spec, study, runners)
        if spec.tests_best:
            patient(partial(test_best, spec, study, partial(wait_for_job, runners)))
        patient(partial(report_search, spec, study, repeats))
        log_outcome(spec.base, study.folder, study.name, study.token)
    check_any_complete(study)
    return study.folder


def split_repair(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Return the command line without --repair, and whether it was there."""
    return [word for word in arguments if word != REPAIR_FLAG], REPAIR_FLAG in arguments


def repair_study(sweep: SweepConfig) -> None:
    """Drop the damaged lines of the journal of a search.

    Raises:
        ConfigError: its storage is a database.
    """
    _, url = study_location(sweep, sweep.name)
    if storage_kind(url) != "journal":
        raise ConfigError(f"--repair: repairs a journal; storage={hide_passwords(url)} is none")
    print(repair_journal(storage_file(url)))


def check_any_complete(study: OpenStudy) -> None:
    """Check that the search has a result.

    Raises:
        SearchFailed: no trial is complete.
    """
    if best_trial(study.optuna_study) is None:
        raise SearchFailed(
            f"no trial is complete; see {study.folder / 'trials.csv'} for how each ended and "
            f"{study.folder / 'logs'} for the output of the processes"
        )


@contextmanager
def explain_interruption(arguments: Sequence[str]) -> Iterator[None]:
    """Add the command that continues the search to the message of an interruption or outage."""
    command = format_command("sweep", arguments) + program_note("sweep")
    try:
        yield
    except (SearchStopped, KeyboardInterrupt) as error:  # the second: outside of the scheduler
        raise SearchStopped(f"{str(error) or 'stopped'}; to continue: {command}") from None
    except Exception as error:
        if not (reason := find_outage(error)):
            raise
        raise OutageError(f"{reason}; to continue: {command}") from error


def portable_words(arguments: Sequence[str], sweep: SweepConfig) -> list[str]:
    """Return the overrides of a command that continues a search from any directory.

    A password is not printed: the variable PGPASSWORD or the file ~/.pgpass has it.
    """
    words = [absolute_override(word) for word in arguments if not word.startswith("storage=")]
    if not any(word.startswith("output_dir=") for word in words):
        words.append(text_override("output_dir", str(Path(sweep.output_dir).absolute())))
    if sweep.storage:
        words.append(text_override("storage", portable_url(sweep.storage)))
    return words


def print_header(spec: SearchSpec, study: OpenStudy, slots: int) -> None:
    """Print the question, the space, the number of trials and the storage."""
    sweep, console = spec.sweep, PlainConsole()
    is_grid = isinstance(spec.make_sampler(0), GridSampler)
    total = f"at most {sweep.n_trials}" if is_grid else f"{sweep.n_trials} in all"
    lines = {
        "search": f"{study.name}: {sweep.question}" if sweep.question else study.name,
        "space": ", ".join(spec.space.dimensions),
        "trials": f"{total}, {slots} at a time",
        "study": hide_passwords(study.url),
    }
    for name, line in lines.items():
        console.print(f"{name:<9}{line}", soft_wrap=True)


def save_settings(sweep: SweepConfig, folder: Path) -> None:
    """Write the settings of the search to its folder, without a password."""
    plain = asdict(sweep)
    plain["storage"] = sweep.storage and hide_passwords(sweep.storage)
    write_text(folder / "sweep.yaml", OmegaConf.to_yaml(OmegaConf.create(plain)))


def start_runners(spec: SearchSpec, study: OpenStudy) -> AbstractContextManager[Sequence[Runner]]:
    """Start the runners of the trials; they end with the context."""
    launcher: Launcher = instantiate(dict(spec.sweep.launcher), _convert_="all")
    request = ResourceRequest(
        slots=spec.sweep.slots if isinstance(spec.sweep.slots, int) else None,
        num_jobs=max(spec.sweep.n_trials, spec.sweep.repeats * spec.sweep.repeat_best),
        devices=spec.devices,
        trials_per_gpu=spec.sweep.trials_per_gpu,
        on_gpu=spec.base["trainer"]["accelerator"] != "cpu",
        conf=spec.conf,
        logs=study.folder / "logs",
    )
    return launcher(request)


def check_corners(spec: SearchSpec, study: OpenStudy, runners: Sequence[Runner]) -> None:
    """Check the ends of every dimension, as a run does before it reads data.

    Raises:
        ConfigError: a trial could not work.
    """
    corners = [spec.to_overrides(point, 0) for point in spec.space.corners()]
    for overrides in corners:
        plain = compose_checked(spec.conf, overrides)
        if (plain["monitor"], plain["mode"]) != (spec.base["monitor"], spec.base["mode"]):
            raise ConfigError(
                f"space: with {' '.join(overrides)} the score is {plain['monitor']}, with the base "
                f"alone {spec.base['monitor']}: such trials cannot be compared"
            )
    folder = study.folder / "logs" / f"check-{os.getpid()}"
    result = wait_for_job(runners, Job(str(folder), 1, checks=corners))
    if result.failure:
        raise ConfigError(result.message)


def wait_for_job(runners: Sequence[Runner], job: Job) -> TrialResult:
    """Run a job outside of the study on the first free runner, and wait for its result.

    Raises:
        ConfigError: its process ended without a result.
    """
    while (runner := next((one for one in runners if one.is_ready()), None)) is None:
        time.sleep(0.02)
    runner.start(job)
    try:
        while (result := runner.poll()) is None:
            time.sleep(0.02)
    except WorkerDied as error:
        raise ConfigError(
            about_file(job.folder, f"the process ended without a result: {error}")
        ) from None
    return result


def run_trials(spec: SearchSpec, study: OpenStudy, runners: Sequence[Runner]) -> None:
    """Run the trials of the study."""
    n_trials, sampler = spec.sweep.n_trials, spec.make_sampler(0)
    if isinstance(sampler, GridSampler):
        n_trials = min(n_trials, sampler.count_trials(study.optuna_study))
    shared = SharedStudy(
        study.optuna_study,
        study.lock,
        n_trials,
        study.folder / "trials",
        spec.suggest,
        spec.make_sampler,
        spec.sweep.lease_seconds,
    )
    with SearchConsole(study.name, spec.base["mode"] == "max") as console:
        prunes = len(spec.sweep.objectives) == 1 and not spec.is_study
        make_scheduler(spec, study, shared, runners, console, prunes).run()


def make_scheduler(
    spec: SearchSpec,
    study: OpenStudy,
    shared: SharedStudy,
    runners: Sequence[Runner],
    console: SearchConsole,
    prunes: bool,
) -> Scheduler:
    """Return the scheduler of a study or of its repeats; `prunes`: trials report to a pruner."""
    sweep = spec.sweep
    slots: list[Slot] = [Slot(runner) for runner in runners]
    limits = Limits(sweep.max_failures, sweep.max_attempts, sweep.trial_timeout, sweep.timeout)
    build = partial(make_job, spec, study, shared.study.study_name, prunes)
    return Scheduler(shared, slots, build, spec.objective_values, limits, console)


def make_job(
    spec: SearchSpec, study: OpenStudy, study_name: str, prunes: bool, claim: ClaimedTrial
) -> Job:
    """Return the job of a trial of the study with this name."""
    name = f"{study_name}-{claim.number}"
    return Job(
        folder=str(claim.folder),
        attempt=claim.attempt,
        overrides=[*claim.overrides, *claim.oom_overrides],
        devices=spec.devices,
        restart=claim.restart,
        reporting=make_reporting(spec.sweep, study, claim) if prunes else None,
        settings=STUDY_SETTINGS if spec.is_study else TRIAL_SETTINGS,
        identity={"id": study.trial_id(claim.number), "group": study.name, "name": name},
        origin=trial_origin(study.token, claim.number, claim.overrides),
    )


def make_reporting(sweep: SweepConfig, study: OpenStudy, claim: ClaimedTrial) -> Reporting:
    """Return where a trial reports its scores, and the pruner that decides."""
    trial_id = claim.trial._trial_id
    return Reporting(study.url, study.name, trial_id, sweep.pruner, **sweep.progress)


def repeat_best(
    spec: SearchSpec, study: OpenStudy, runners: Sequence[Runner]
) -> optuna.Study | None:
    """Train the best settings again with new seeds; return None if `repeats` is 0."""
    if not spec.sweep.repeats or len(spec.sweep.objectives) > 1:
        return None
    shared = open_repeats(spec, study)
    if shared is None:
        return None
    with SearchConsole(f"{study.name}, repeated", spec.base["mode"] == "max") as console:
        console.print_line(f"repeating the best with {spec.sweep.repeats} new seeds each:")
        make_scheduler(spec, study, shared, runners, console, prunes=False).run()
    return shared.study


def report_search(spec: SearchSpec, study: OpenStudy, repeats: optuna.Study | None = None) -> None:
    """Write the report and print a summary; without a folder to write to, the summary alone."""
    repeats = repeats or find_repeats(spec, study)
    answer, problem = try_answer(spec, study.optuna_study, study.folder)
    try:
        write_report(study.optuna_study, study.folder, repeats, answer)
    except PermissionError as error:
        print(f"{study.folder}: the report cannot be written ({error.strerror})", file=sys.stderr)
    if spec.base["page"]:
        list_result(study.folder, spec.base["output_dir"])
    print_summary(study.optuna_study, study.folder, repeats=repeats, answer=answer)
    if problem:
        raise ConfigError(problem)
