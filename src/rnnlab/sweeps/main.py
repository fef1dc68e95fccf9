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

    from rnnlab.sweeps.console import SearchScreen
    from rnnlab.sweeps.scheduler import Search
    from rnnlab.sweeps.study.open import Opened, Question
    from rnnlab.sweeps.workers.launchers import ResourceRequest
    from rnnlab.sweeps.workers.runner import Runner


def main(root: Path, words: Sequence[str]) -> None:
    """Read the settings, open the study, do its trials, repeat the best, report.

    Args:
        root: the folder of sweep.py, with conf/ and sweeps/.
        words: the command line.

    Raises:
        ConfigError: a setting cannot work, or too many trials failed.
        RunStopped: the search was asked to stop, and can go on.
    """
    from rnnlab.sweeps.study.open import ask, begin, open_study

    sweep = read_sweep(root, words)
    question = ask(sweep, root)
    opened = open_study(question)
    if sweep.report:
        report(question, opened)
        return
    with going_on(words), runners(question, opened) as started:
        head(question, opened, len(started))
        check_settings(question, opened, started)
        begin(question, opened)
        keep_settings(sweep, opened.folder)
        search(question, opened, started)
        repeats = repeat_best(question, opened, started)
        keep_best(question, opened, started)
        report(question, opened, repeats)
        log_end(question, opened)
    check_outcome(opened)


def check_outcome(opened: "Opened") -> None:
    """Whether the search has found anything.

    Raises:
        SearchFailed: no trial is complete.
    """
    from rnnlab.sweeps.report.report import best_of
    from rnnlab.sweeps.scheduler import SearchFailed

    if best_of(opened.study) is None:
        raise SearchFailed(
            f"no trial is complete; how each ended: {opened.folder / 'trials.csv'}, what the "
            f"processes said: {opened.folder / 'logs'}"
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


def head(question: "Question", opened: "Opened", slots: int) -> None:
    """Say what is going to be searched, and where it is kept."""
    from rich.console import Console

    from rnnlab.sweeps.study.storage import without_password

    sweep, console = question.sweep, Console()
    lines = {
        "search": f"{opened.name}: {sweep.question}" if sweep.question else opened.name,
        "space": ", ".join(question.space.dimensions),
        "trials": f"{sweep.n_trials} in all, {slots} at a time",
        "study": without_password(opened.url),
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
def runners(question: "Question", opened: "Opened") -> "Iterator[Sequence[Runner]]":
    """What does the trials, ended when the search is."""
    launcher = make_launcher(question.sweep)
    with launcher(resource_request(question, opened)) as started:
        yield started


def make_launcher(sweep: SweepConfig) -> Any:
    """The launcher that the settings name."""
    from hydra.utils import instantiate

    return instantiate(dict(sweep.launcher), _convert_="all")


def resource_request(question: "Question", opened: "Opened") -> "ResourceRequest":
    """What the launcher is to start."""
    from rnnlab.sweeps.workers.launchers import ResourceRequest

    slots = question.sweep.slots
    return ResourceRequest(
        slots=slots if isinstance(slots, int) else None,
        devices=question.devices,
        trials_per_gpu=question.sweep.trials_per_gpu,
        on_gpu=question.base["trainer"]["accelerator"] != "cpu",
        conf=question.conf,
        logs=opened.folder / "logs",
    )


def check_settings(question: "Question", opened: "Opened", started: "Sequence[Runner]") -> None:
    """Try the ends of every dimension, as a run does before it reads data.

    Raises:
        ConfigError: a trial could not work.
    """
    from rnnlab.config.compose import compose_checked
    from rnnlab.sweeps.workers.messages import Job

    lines = [question.words(point, 0) for point in question.space.corners()]
    for words in lines:
        plain = compose_checked(question.conf, words)
        if (plain["monitor"], plain["mode"]) != (question.base["monitor"], question.base["mode"]):
            raise ConfigError(
                f"space: with {' '.join(words)} the score is {plain['monitor']}, with the base "
                f"alone {question.base['monitor']}: such trials cannot be compared"
            )
    folder = opened.folder / "logs" / f"check-{os.getpid()}"
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


def search(question: "Question", opened: "Opened", started: "Sequence[Runner]") -> None:
    """Do the trials of the study."""
    from rnnlab.sweeps.study.components import make_sampler, seed_of
    from rnnlab.sweeps.study.share import SharedStudy

    sweep, space = question.sweep, question.space

    def sampler(number: int) -> "optuna.samplers.BaseSampler":
        seed = seed_of(sweep.seed, "sampler", number)
        return make_sampler(sweep.sampler, seed, space.grid)

    def draw(trial: "optuna.Trial") -> list[str]:
        return question.words(space.suggest(trial), trial.number)

    shared = SharedStudy(
        opened.study,
        opened.lock,
        sweep.n_trials,
        opened.folder / "trials",
        draw,
        sampler,
        sweep.lease_seconds,
    )
    with screen(opened.name, question) as shown:
        loop(question, opened, shared, started, shown, reporting=True).run()


def screen(name: str, question: "Question") -> "SearchScreen":
    """What a person sees."""
    from rnnlab.sweeps.console import SearchScreen

    return SearchScreen(name, question.base["mode"] == "max")


def loop(
    question: "Question",
    opened: "Opened",
    shared: Any,
    started: "Sequence[Runner]",
    shown: "SearchScreen",
    reporting: bool,
) -> "Search":
    """The loop over the trials of a study."""
    from rnnlab.sweeps.scheduler import Limits, Search
    from rnnlab.sweeps.workers.slots import Slot

    sweep = question.sweep
    slots: list[Slot] = [Slot(runner) for runner in started]
    limits = Limits(sweep.max_failures, sweep.max_attempts, sweep.trial_timeout, sweep.timeout)
    job_of = jobs(question, opened, shared.study.study_name, reporting)
    return Search(shared, slots, job_of, question.values, limits, shown)


def jobs(
    question: "Question", opened: "Opened", study: str, reporting: bool
) -> Callable[[Any], Any]:
    """A function that makes the job of a trial."""
    from rnnlab.sweeps.workers.messages import Job, Reporting

    sweep = question.sweep
    single = reporting and len(sweep.objectives) == 1

    def job_of(claimed: Any) -> Job:
        place = Reporting(
            opened.url,
            study,
            claimed.trial._trial_id,
            sweep.pruner,
            sweep.progress["unit"],
            sweep.progress["every"],
        )
        label = f"{study}-{claimed.number}"
        return Job(
            folder=str(claimed.folder),
            attempt=claimed.attempt,
            overrides=[*claimed.words, *claimed.oom_overrides],
            devices=question.devices,
            restart=claimed.restart,
            reporting=place if single else None,
            settings={"test": False, "baselines": False},
            identity={
                "id": opened.id_of(claimed.number),
                "group": opened.name,
                "name": label,
            },
        )

    return job_of


def repeat_best(
    question: "Question", opened: "Opened", started: "Sequence[Runner]"
) -> "optuna.Study | None":
    """Train the best settings again with fresh seeds; None where this is not asked for."""
    from rnnlab.sweeps.study.repeats import open_repeats

    if not question.sweep.repeats or len(question.sweep.objectives) > 1:
        return None
    shared = open_repeats(question, opened)
    if shared is None:
        return None
    with screen(f"{opened.name}, repeated", question) as shown:
        shown.say(f"the best again, with {question.sweep.repeats} fresh seeds each:")
        loop(question, opened, shared, started, shown, reporting=False).run()
    return shared.study


def keep_best(question: "Question", opened: "Opened", started: "Sequence[Runner]") -> None:
    """Put the best trial into best/, and score it on the test split, once."""
    from rnnlab.sweeps.report.best import test_best

    if len(question.sweep.objectives) == 1:
        test_best(question, opened, lambda job: finish(started, job))


def report(question: "Question", opened: "Opened", repeats: "optuna.Study | None" = None) -> None:
    """Write the report, and print how the search ended."""
    from rnnlab.sweeps.report.report import print_summary, write_report
    from rnnlab.sweeps.study.repeats import find_repeats

    repeats = repeats or find_repeats(question, opened)
    write_report(opened.study, opened.folder, repeats)
    print_summary(opened.study, opened.folder, repeats=repeats)


def log_end(question: "Question", opened: "Opened") -> None:
    """Log the outcome to W&B, if the trials are logged there."""
    from rnnlab.sweeps.report import wandb_summary

    token = opened.study.user_attrs["token"]
    wandb_summary.log_end(question.base, opened.folder, opened.name, token)
