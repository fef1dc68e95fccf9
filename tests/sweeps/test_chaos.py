"""A search whose processes are killed again and again ends as one that was left alone."""

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rnnlab.experiment.load import read_checkpoint
from rnnlab.report.folder import RunFolder
from tests.helpers.postgres import Server, server, start_server
from tests.helpers.processes import run_forked
from tests.helpers.shared_folders import make_shared_folder
from tests.helpers.sweep_sessions import ROOT, TINY, Session, journal, results, trials_of, until

KILLS = 10
OUTAGE_SECONDS = 20.0
# A trial of two processes takes about 15 seconds to start: RNNLAB_CHAOS=10 kills so many.
LONG_KILLS = int(os.environ.get("RNNLAB_CHAOS", 3))
LONG_TRIALS = 2 + LONG_KILLS
RANDOM = ["sampler=random", "pruner=none"]
TINY_RANDOM = [word for word in TINY if not word.startswith(("sampler.", "pruner."))] + RANDOM


STOPS_EARLY = [  # a budget of between two and three epochs
    *(word for word in TINY if not word.startswith("budget.")),
    *("budget.samples=2500", "callbacks=early_stopping", "callbacks.early_stopping.patience=1"),
    *("optimizer.lr=tag(log,interval(0.01,1.0))", "n_trials=12"),
]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed search."""

    def search(folder: Path) -> None:
        assert Session(folder, [*TINY_RANDOM, "n_trials=12"]).wait() == 0

    return make_shared_folder(tmp_path_factory, "calm", search)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("server")) as url:
        yield url


def harassed(folder: Path, words: list[str], victims: list[str], seed: int) -> None:
    """Run a search while its processes are killed at random moments, until it ends.

    Args:
        folder: in which it is called.
        words: its command line.
        victims: modules, one of whose processes is killed; `driver` is the search itself.
        seed: of the moments.
    """
    draw = random.Random(seed)
    session = Session(folder, words)
    for victim in victims:
        time.sleep(draw.uniform(0.2, 1.5))
        if victim == "driver":
            wait_for_work(session, draw)
            session.kill()
            session = Session(folder, words)
        else:
            wait_for_work(session, draw)
            for process in session.working(victim)[-1:]:
                process.kill()
        if session.process.poll() is not None:
            break
    assert session.wait() == 0, session.log.read_text()


def wait_for_work(session: Session, draw: random.Random) -> None:
    """Until trials have been begun, and a moment more."""
    before = session.log.read_text()
    end = time.monotonic() + 40
    while session.process.poll() is None and time.monotonic() < end:
        if "trial  " in session.log.read_text()[len(before) :]:
            break
        time.sleep(0.02)
    time.sleep(draw.uniform(0.0, 0.6))


def after_a_trial(folder: Path, words: list[str], forked: bool = True) -> Session:
    """A session whose first trial has ended."""
    session = Session(folder, words, forked)
    until(lambda: "trial   0" in session.log.read_text())
    return session


def check(trials: list, count: int) -> None:
    assert [trial.number for trial in trials] == list(range(count)), "none twice, none lost"
    assert all(trial.state.is_finished() for trial in trials), "none is left running"
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED"}


def check_best(search: Path, calm: Path) -> None:
    """Check that best/ is that of an undisturbed search, and has the network of its trial."""
    number = json.loads((calm / "best" / "trial.json").read_text())["number"]
    folders = [search / "best", search / "trials" / f"{number:04}", calm / "best"]
    states = [read_checkpoint(RunFolder(one).best)["state_dict"] for one in folders]
    assert all(states[0][name].equal(value) for one in states for name, value in one.items())
    scores = [RunFolder(one).read_report()["scores"] for one in folders]
    assert scores[0] == scores[2]
    assert scores[1].items() <= scores[0].items()


def fill(disk: Path) -> Path:
    """Fill a disk with one file."""
    file = disk / "filler"
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    return file


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_change_nothing_with_one_slot(tmp_path: Path) -> None:
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    calm.mkdir()
    wild.mkdir()
    words = [*TINY, "n_trials=12"]
    assert Session(calm, words).wait() == 0
    victims = ["rnnlab.sweeps.workers.worker", "driver"] * (KILLS // 2)
    harassed(wild, words, victims, seed=1)
    trials = trials_of(journal(wild))
    check(trials, 12)
    assert results(trials) == results(trials_of(journal(calm)))
    assert max(trial.user_attrs["attempts"] for trial in trials) > 1, "some were interrupted"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_change_nothing_on_postgresql(tmp_path: Path, postgresql: str, calm: Path) -> None:
    wild = tmp_path / "wild"
    wild.mkdir()
    words = [*TINY_RANDOM, "n_trials=12"]
    victims = ["rnnlab.sweeps.workers.worker", "rnnlab.sweeps.workers.worker", "driver"] * 3
    database = [*words, f"storage={postgresql}", "slots=2"]
    harassed(wild, database, [*victims, "driver"], seed=2)
    trials = trials_of(postgresql)
    check(trials, 12)
    assert results(trials) == results(trials_of(journal(calm)))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_database_that_is_away_for_a_while_changes_nothing(tmp_path: Path, calm: Path) -> None:
    with start_server(tmp_path) as database:
        words = [*TINY_RANDOM, "n_trials=12", f"storage={database.url}", "slots=2"]
        session = after_a_trial(tmp_path, words)
        stop_for_a_while(database)
        assert session.wait() == 0, session.log.read_text()
        trials = trials_of(database.url)
    check(trials, 12)
    assert results(trials) == results(trials_of(journal(calm)))
    check_best(*(folder / "outputs" / "sweeps" / "sine_gru" for folder in (tmp_path, calm)))
    assert "the database does not answer" in session.log.read_text(), "it is told"


def stop_for_a_while(database: Server) -> None:
    database.stop()
    time.sleep(OUTAGE_SECONDS)
    database.start()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_disk_that_is_full_for_a_while_changes_nothing(
    tmp_path: Path, small_disk: Path, calm: Path
) -> None:
    words = [*TINY_RANDOM, "n_trials=12", f"output_dir={small_disk}"]
    session = after_a_trial(tmp_path, words)
    filler = fill(small_disk)
    time.sleep(OUTAGE_SECONDS)
    filler.unlink()
    assert session.wait() == 0, session.log.read_text()
    search = small_disk / "sine_gru"
    trials = trials_of(f"journal://{search}/study.journal")
    check(trials, 12)
    assert results(trials) == results(trials_of(journal(calm)))
    check_best(search, calm / "outputs" / "sweeps" / "sine_gru")
    assert "the disk is full; trying again" in session.log.read_text(), "it is told"
    assert not list(search.rglob(".*.ckpt.*")), "nothing that did not fit is left"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_early_stops_within_a_budget_are_kept_where_the_search_is_moved(tmp_path: Path) -> None:
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    calm.mkdir()
    wild.mkdir()
    assert Session(calm, STOPS_EARLY).wait() == 0
    session = after_a_trial(wild, STOPS_EARLY)
    wait_for_work(session, random.Random(4))
    session.kill()
    (wild / "outputs").rename(wild / "elsewhere")
    words = [*STOPS_EARLY, "output_dir=elsewhere/sweeps"]
    harassed(wild, words, ["rnnlab.sweeps.workers.worker", "driver"], seed=4)
    search = wild / "elsewhere" / "sweeps" / "sine_gru"
    trials = trials_of(f"journal://{search}/study.journal")
    check(trials, 12)
    assert results(trials) == results(trials_of(journal(calm)))
    check_best(search, calm / "outputs" / "sweeps" / "sine_gru")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_searches_at_once_share_the_trials(tmp_path: Path, postgresql: str) -> None:
    words = [*TINY_RANDOM, "n_trials=8", f"storage={postgresql}"]
    sessions = [Session(tmp_path, words) for _ in range(2)]
    assert [session.wait() for session in sessions] == [0, 0], sessions[0].log.read_text()
    trials = trials_of(postgresql)
    check(trials, 8)
    assert all(trial.user_attrs["attempts"] == 1 for trial in trials)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_trials_of_two_processes_are_one_training_each_whoever_dies(tmp_path: Path) -> None:
    two = ["trainer=ddp", "trainer.accelerator=cpu", "scheduler=none"]
    pruner = ["pruner=threshold", "pruner.upper=0.4", "pruner.n_warmup_steps=0"]
    witness = ["+callbacks.witness._target_=tests.helpers.witness.Witness"]
    tiny = [word for word in TINY if not word.startswith("pruner.")]
    space = ["space.data.batch_size=[8,16]"]
    words = [*tiny, f"n_trials={LONG_TRIALS}", *two, *pruner, *witness, *space]
    victims = ["rnnlab.sweeps.workers.rank", "driver", "rnnlab.sweeps.workers.group"] * KILLS
    harassed(tmp_path, words, victims[:LONG_KILLS], seed=3)
    trials = trials_of(journal(tmp_path))
    check(trials, LONG_TRIALS)
    assert {trial.state.name for trial in trials} == {"COMPLETE", "PRUNED"}
    folders = sorted((tmp_path / "outputs" / "sweeps" / "sine_gru" / "trials").glob("*/"))
    assert len(folders) == LONG_TRIALS, "a run for each trial, and no other"
    best = RunFolder(folders[0].parents[1] / "best").read_report()
    assert (best["status"], best["device"]["count"]) == ("finished", 2)
    assert best["scores"]["test/mse"] > 0
    for trial, folder in zip(trials, folders, strict=True):
        for rank in (0, 1):
            values = json.loads((folder / f"witness{rank}.json").read_text())
            assert values == pytest.approx(trial.params), f"trial {trial.number}, process {rank}"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ctrl_c_leaves_a_search_that_goes_on(tmp_path: Path) -> None:
    words = [*TINY_RANDOM, "n_trials=4"]
    session = after_a_trial(tmp_path, words, forked=False)
    session.process.send_signal(signal.SIGINT)
    family = session.members()
    assert session.wait(60) == 130
    output = session.log.read_text()
    assert f"to continue: python sweep.py {' '.join(words)}" in output.replace("'", "")
    until(lambda: not any(process.is_running() for process in family), 10)
    assert Session(tmp_path, words).wait() == 0
    check(trials_of(journal(tmp_path)), 4)
    left = [trial.user_attrs["attempts"] for trial in trials_of(journal(tmp_path))]
    assert sum(left) <= 5, "at most the one that was stopped was begun twice"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_report_can_be_asked_for_while_the_search_runs(tmp_path: Path) -> None:
    words = [*TINY_RANDOM, "n_trials=3"]
    session = after_a_trial(tmp_path, words)
    assert Session(tmp_path, [*words, "report=true"]).wait() == 0
    folder = tmp_path / "outputs" / "sweeps" / "sine_gru"
    assert (folder / "report.html").exists()
    assert session.wait() == 0
    best = RunFolder(folder / "best").read_report()
    assert best["status"] == "finished"
    assert "test/mse" in best["scores"], "the best one alone was tested"
    reports = [RunFolder(path).read_report() for path in sorted((folder / "trials").glob("*/"))]
    assert not any("test/mse" in report["scores"] for report in reports)
    assert best["scores"]["val/mse"] == min(report["scores"]["val/mse"] for report in reports)
    again = repeated(folder, tmp_path)
    assert again["scores"]["val/mse"] == best["scores"]["val/mse"], "the command repeats the best"


def repeated(folder: Path, place: Path) -> dict:
    """The report of a run with the command that the search printed for its best trial."""
    words = shlex.split(json.loads((folder / "summary.json").read_text())["best"]["command"])
    environment = dict(word.split("=") for word in words[: words.index("python")])
    assert environment == {"OMP_NUM_THREADS": "1"}
    arguments = words[words.index("train.py") + 1 :]
    command = [sys.executable, str(ROOT / "train.py"), *arguments, f"run_dir={place / 'again'}"]
    run_forked(command, check=True, capture_output=True, env={**os.environ, **environment})
    return RunFolder(place / "again").read_report()
