"""A search, from the command line to its report."""

import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from rnnlab.errors import ConfigError
from rnnlab.runtime.files import write_text
from rnnlab.sweeps.settings import SweepConfig, read_sweep

if TYPE_CHECKING:
    import optuna

    from rnnlab.sweeps.console import SearchConsole
    from rnnlab.sweeps.scheduler import Search
    from rnnlab.sweeps.study.open import OpenStudy, SearchSpec
    from rnnlab.sweeps.workers.launchers import ResourceRequest
    from rnnlab.sweeps.workers.runner import Runner


def main(root: Path, words: Sequence[str], conf: Path | None = None) -> None:
    """Read the settings, open the study, do its trials, repeat the best, report.

    Args:
        root: the folder of sweep.py, with conf/ and sweeps/.
        words: the command line.
        conf: configuration of the runs; None for that of root.

    Raises:
        ConfigError: a setting cannot work, or too many trials failed.
        RunStopped: the search was asked to stop, and can go on.
    """
    from rnnlab.sweeps.study.open import open_study, prepare, start_study

    sweep = read_sweep(root, words)
    spec = prepare(sweep, conf or root / "conf")
    study = open_study(spec)
    if sweep.report:
        report(spec, study)
        return
    with going_on(words), runners(spec, study) as started:
        head(spec, study, len(started))
        check_corners(spec, study, started)
        start_study(spec, study)
        keep_settings(sweep, study.folder)
        search(spec, study, started)
        repeats = repeat_best(spec, study, started)
        keep_best(spec, study, started)
        report(spec, study, repeats)
        log_end(spec, study)
    check_outcome(study)


def check_outcome(study: "OpenStudy") -> None:
    """Whether the search has found anything.

    Raises:
        SearchFailed: no trial is complete.
    """
    from rnnlab.sweeps.report.ranking import best_trial
    from rnnlab.sweeps.scheduler import SearchFailed

    if best_trial(study.optuna_study) is None:
        raise SearchFailed(
            f"no trial is complete; how each ended: {study.folder / 'trials.csv'}, what the "
            f"processes said: {study.folder / 'logs'}"
        )


@contextmanager
def going_on(words: Sequence[str]) -> Iterator[None]:
    """Where the search is stopped, say how to go on."""
    from rnnlab.sweeps.scheduler import SearchStopped

    try:
        yield
    except (SearchStopped, KeyboardInterrupt) as stopped:  # the second: beside the trials
        command = shlex.join(["python", "sweep.py", *words])
        raise SearchStopped(f"{str(stopped) or 'stopped'}; to go on: {command}") from None


def head(spec: "SearchSpec", study: "OpenStudy", slots: int) -> None:
    """Say what is going to be searched, and where it is kept."""
    from rich.console import Console

    from rnnlab.sweeps.study.storage import without_password

    sweep, console = spec.sweep, Console()
    lines = {
        "search": f"{study.name}: {sweep.question}" if sweep.question else study.name,
        "space": ", ".join(spec.space.dimensions),
        "trials": f"{sweep.n_trials} in all, {slots} at a time",
        "study": without_password(study.url),
    }
    for name, line in lines.items():
        console.print(f"{name:<9}{line}", highlight=False, soft_wrap=True, markup=False)


def keep_settings(sweep: SweepConfig, folder: Path) -> None:
    """Put the settings of this search into its folder, without a password."""
    from rnnlab.sweeps.study.storage import without_password

    plain = asdict(sweep)
    plain["storage"] = sweep.storage and without_password(sweep.storage)
    write_text(folder / "sweep.yaml", OmegaConf.to_yaml(OmegaConf.create(plain)))


@contextmanager
def runners(spec: "SearchSpec", study: "OpenStudy") -> "Iterator[Sequence[Runner]]":
    """What does the trials, ended when the search is."""
    launcher = make_launcher(spec.sweep)
    with launcher(resource_request(spec, study)) as started:
        yield started


def make_launcher(sweep: SweepConfig) -> Any:
    """The launcher that the settings name."""
    from hydra.utils import instantiate

    return instantiate(dict(sweep.launcher), _convert_="all")


def resource_request(spec: "SearchSpec", study: "OpenStudy") -> "ResourceRequest":
    """What the launcher is to start."""
    from rnnlab.sweeps.workers.launchers import ResourceRequest

    slots = spec.sweep.slots
    return ResourceRequest(
        slots=slots if isinstance(slots, int) else None,
        devices=spec.devices,
        trials_per_gpu=spec.sweep.trials_per_gpu,
        on_gpu=spec.base["trainer"]["accelerator"] != "cpu",
        conf=spec.conf,
        logs=study.folder / "logs",
    )


def check_corners(spec: "SearchSpec", study: "OpenStudy", started: "Sequence[Runner]") -> None:
    """Try the ends of every dimension, as a run does before it reads data.

    Raises:
        ConfigError: a trial could not work.
    """
    from rnnlab.config.compose import compose_checked
    from rnnlab.sweeps.workers.messages import Job

    lines = [spec.words(point, 0) for point in spec.space.corners()]
    for words in lines:
        plain = compose_checked(spec.conf, words)
        if (plain["monitor"], plain["mode"]) != (spec.base["monitor"], spec.base["mode"]):
            raise ConfigError(
                f"space: with {' '.join(words)} the score is {plain['monitor']}, with the base "
                f"alone {spec.base['monitor']}: such trials cannot be compared"
            )
    folder = study.folder / "logs" / f"check-{os.getpid()}"
    result = finish(started, Job(str(folder), 1, checks=lines))
    if result.failure:
        raise ConfigError(result.message)


def finish(started: "Sequence[Runner]", job: Any) -> Any:
    """Do a job outside the study in the first slot that can, and wait for it.

    Raises:
        ConfigError: its process ended without a result.
    """
    from rnnlab.sweeps.workers.runner import WorkerDied

    while (runner := next((one for one in started if one.is_ready()), None)) is None:
        time.sleep(0.02)
    runner.start(job)
    try:
        while (result := runner.poll()) is None:
            time.sleep(0.02)
    except WorkerDied as error:
        raise ConfigError(f"{job.folder}: the process ended without a word: {error}") from None
    return result


def search(spec: "SearchSpec", study: "OpenStudy", started: "Sequence[Runner]") -> None:
    """Do the trials of the study."""
    from rnnlab.sweeps.study.components import make_sampler, seed_of
    from rnnlab.sweeps.study.share import SharedStudy

    sweep, space = spec.sweep, spec.space

    def sampler(number: int) -> "optuna.samplers.BaseSampler":
        seed = seed_of(sweep.seed, "sampler", number)
        return make_sampler(sweep.sampler, seed, space.grid)

    def draw(trial: "optuna.Trial") -> list[str]:
        return spec.words(space.suggest(trial), trial.number)

    shared = SharedStudy(
        study.optuna_study,
        study.lock,
        sweep.n_trials,
        study.folder / "trials",
        draw,
        sampler,
        sweep.lease_seconds,
    )
    with screen(study.name, spec) as shown:
        loop(spec, study, shared, started, shown, reporting=True).run()


def screen(name: str, spec: "SearchSpec") -> "SearchConsole":
    """What a person sees."""
    from rnnlab.sweeps.console import SearchConsole

    return SearchConsole(name, spec.base["mode"] == "max")


def loop(
    spec: "SearchSpec",
    study: "OpenStudy",
    shared: Any,
    started: "Sequence[Runner]",
    shown: "SearchConsole",
    reporting: bool,
) -> "Search":
    """The loop over the trials of a study."""
    from rnnlab.sweeps.scheduler import Limits, Search
    from rnnlab.sweeps.workers.slots import Slot

    sweep = spec.sweep
    slots: list[Slot] = [Slot(runner) for runner in started]
    limits = Limits(sweep.max_failures, sweep.max_attempts, sweep.trial_timeout, sweep.timeout)
    job_of = jobs(spec, study, shared.study.study_name, reporting)
    return Search(shared, slots, job_of, spec.values, limits, shown)


def jobs(
    spec: "SearchSpec", study: "OpenStudy", study_name: str, reporting: bool
) -> Callable[[Any], Any]:
    """A function that makes the job of a trial."""
    from rnnlab.sweeps.workers.messages import Job, Reporting

    sweep = spec.sweep
    single = reporting and len(sweep.objectives) == 1

    def job_of(claim: Any) -> Job:
        place = Reporting(
            study.url,
            study_name,
            claim.trial._trial_id,
            sweep.pruner,
            sweep.progress["unit"],
            sweep.progress["every"],
        )
        label = f"{study_name}-{claim.number}"
        return Job(
            folder=str(claim.folder),
            attempt=claim.attempt,
            overrides=[*claim.words, *claim.oom_overrides],
            devices=spec.devices,
            restart=claim.restart,
            reporting=place if single else None,
            settings={"test": False, "baselines": False},
            identity={
                "id": study.id_of(claim.number),
                "group": study.name,
                "name": label,
            },
        )

    return job_of


def repeat_best(
    spec: "SearchSpec", study: "OpenStudy", started: "Sequence[Runner]"
) -> "optuna.Study | None":
    """Train the best settings again with fresh seeds; None where this is not asked for."""
    from rnnlab.sweeps.study.repeats import open_repeats

    if not spec.sweep.repeats or len(spec.sweep.objectives) > 1:
        return None
    shared = open_repeats(spec, study)
    if shared is None:
        return None
    with screen(f"{study.name}, repeated", spec) as shown:
        shown.say(f"the best again, with {spec.sweep.repeats} fresh seeds each:")
        loop(spec, study, shared, started, shown, reporting=False).run()
    return shared.study


def keep_best(spec: "SearchSpec", study: "OpenStudy", started: "Sequence[Runner]") -> None:
    """Put the best trial into best/, and score it on the test split, once."""
    from rnnlab.sweeps.report.best import test_best

    if len(spec.sweep.objectives) == 1:
        test_best(spec, study, lambda job: finish(started, job))


def report(spec: "SearchSpec", study: "OpenStudy", repeats: "optuna.Study | None" = None) -> None:
    """Write the report, and print how the search ended."""
    from rnnlab.sweeps.report.report import write_report
    from rnnlab.sweeps.report.summary import print_summary
    from rnnlab.sweeps.study.repeats import find_repeats

    repeats = repeats or find_repeats(spec, study)
    write_report(study.optuna_study, study.folder, repeats)
    print_summary(study.optuna_study, study.folder, repeats=repeats)


def log_end(spec: "SearchSpec", study: "OpenStudy") -> None:
    """Log the outcome to W&B, if the trials are logged there."""
    from rnnlab.sweeps.report import wandb_summary

    token = study.optuna_study.user_attrs["token"]
    wandb_summary.log_end(spec.base, study.folder, study.name, token)
