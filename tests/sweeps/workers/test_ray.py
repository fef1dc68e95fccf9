"""Trials of a search as actors of a Ray cluster; here one of this machine."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rnnlab.errors import ConfigError
from rnnlab.sweeps.workers.launchers import ResourceRequest
from rnnlab.sweeps.workers.messages import FINAL_STATES, Job, TrialResult
from rnnlab.sweeps.workers.ray_launcher import RayLauncher, connect_ray, count_slots
from rnnlab.sweeps.workers.ray_runner import RayRunner
from rnnlab.sweeps.workers.runner import WorkerDied
from tests.helpers.sweep_sessions import (
    GONE_SECONDS,
    ROOT,
    Session,
    command_of,
    journal,
    trials_of,
    until,
)

WORKER = "rnnlab.sweeps.workers.worker"
DATA = [  # an epoch takes less than a tenth of a second
    *("data=sine", "trainer=cpu", "model.hidden_size=8", "data.seq_len=16"),
    *("data.num_series=20", "data.num_eval_series=5", "data.steps=60", "data.first_target=40"),
]
SEARCH = [
    *("sweep=sine_gru", "launcher=ray", "slots=2", "sampler=random", "pruner=none"),
    *DATA[1:],
]
EPOCHS = 40  # take some seconds
LONG = f"trainer.max_epochs={EPOCHS}"


def request(folder: Path, **changes: object) -> ResourceRequest:
    plain = {"slots": 1, "num_jobs": 9, "devices": 1, "trials_per_gpu": 1, "on_gpu": False}
    return ResourceRequest(**{**plain, "conf": ROOT / "conf", "logs": folder / "logs", **changes})


def test_a_slot_asks_for_its_share_of_a_gpu(tmp_path: Path) -> None:
    launcher = RayLauncher(cpus=2)
    on_gpu = {"on_gpu": True}
    assert launcher.needs(request(tmp_path), gpus=4) == {"CPU": 2}
    assert launcher.needs(request(tmp_path, **on_gpu), gpus=0) == {"CPU": 2}
    assert launcher.needs(request(tmp_path, **on_gpu, devices=3), gpus=4) == {"CPU": 6, "GPU": 3}
    assert launcher.needs(request(tmp_path, **on_gpu, trials_per_gpu=4), gpus=1)["GPU"] == 0.25
    with pytest.raises(ConfigError, match="trials_per_gpu=2"):
        launcher.needs(request(tmp_path, **on_gpu, trials_per_gpu=2, devices=2), gpus=4)


def test_a_slot_lies_on_one_machine() -> None:
    machines = [{"CPU": 8, "GPU": 1}] * 4
    with pytest.raises(ConfigError, match="asks for 2 CPU, 2 GPU, and the Ray cluster has room fo"):
        count_slots({"CPU": 2, "GPU": 2}, 1, {"CPU": 32, "GPU": 4}, machines)
    assert count_slots({"CPU": 2, "GPU": 1}, None, {"CPU": 32, "GPU": 3}, machines) == 3
    assert count_slots({"CPU": 2, "GPU": 1}, 4, {"CPU": 32, "GPU": 3}, machines) == 4, "it waits"
    with pytest.raises(ConfigError, match="in use"):
        count_slots({"CPU": 2, "GPU": 1}, None, {"CPU": 32}, machines)


def test_without_ray_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with (
        pytest.raises(ConfigError, match=re.escape("pip install 'rnnlab[ray]'")),
        RayLauncher()(request(tmp_path)),
    ):
        pass


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster on this machine for several tests; the searches below start their own."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'rnnlab[ray]'")
    with connect_ray(None, 2):
        yield


@pytest.fixture(scope="module")
def slot(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayRunner]:
    """A slot for several tests, each of which leaves it ready: a worker imports for seconds."""
    with RayLauncher()(request(tmp_path_factory.mktemp("slot"))) as (runner,):
        yield runner


def job(folder: Path, attempt: int, *words: str) -> Job:
    return Job(str(folder / "trial"), attempt, [*DATA, *words], settings={"test": False})


def ended(runner: RayRunner) -> TrialResult:
    found: list[TrialResult | None] = []
    until(lambda: found.append(runner.poll()) or found[-1])
    assert found[-1] is not None
    return found[-1]


def workers() -> list[psutil.Process]:
    below = psutil.Process().children(recursive=True)
    return [process for process in below if WORKER in command_of(process)]


def begin(runner: RayRunner, folder: Path) -> None:
    """Let a long trial run until it could be resumed."""
    runner.start(job(folder, 1, LONG))
    saved = folder / "trial" / "checkpoints" / "last.ckpt"
    until(lambda: still_runs(runner) and saved.exists())


def still_runs(runner: RayRunner) -> bool:
    result = runner.poll()
    assert result is None, result
    return True


@pytest.mark.slow
def test_polls_return_at_once_and_a_stopped_trial_has_saved(
    slot: RayRunner, tmp_path: Path
) -> None:
    begin(slot, tmp_path)
    started = time.monotonic()
    assert [slot.poll() for _ in range(20)] == [None] * 20
    assert time.monotonic() - started < 10, "the loop of the search does not wait"
    slot.stop()
    assert ended(slot).state == "stopped"
    slot.start(job(tmp_path, 2))
    result = ended(slot)
    assert (result.attempt, result.state, result.epochs) == (2, "complete", EPOCHS)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ray.kill", "kill -9"])
def test_an_actor_that_dies_takes_its_worker_along(
    how: str, slot: RayRunner, tmp_path: Path
) -> None:
    begin(slot, tmp_path)
    orphans = workers()
    assert len(orphans) == 1
    if how == "ray.kill":
        import ray

        ray.kill(slot._actor)
    else:
        actor = orphans[0].parent()
        assert actor is not None
        actor.kill()
    with pytest.raises(WorkerDied):
        ended(slot)
    assert not psutil.wait_procs(orphans, timeout=GONE_SECONDS)[1]
    until(slot.is_ready)
    slot.start(job(tmp_path, 2))
    result = ended(slot)
    assert (result.attempt, result.state, result.epochs) == (2, "complete", EPOCHS)


@pytest.mark.slow
def test_a_killed_slot_has_ended_its_trial_when_it_returns(slot: RayRunner, tmp_path: Path) -> None:
    begin(slot, tmp_path)
    slot.kill()
    assert not [process for process in workers() if process.is_running()]
    until(slot.is_ready)


@pytest.mark.slow
def test_a_machine_without_the_project_says_so(cluster: None, tmp_path: Path) -> None:
    elsewhere = request(tmp_path, conf=tmp_path / "conf")
    with (
        pytest.raises(ConfigError, match="the same place on every machine"),
        RayLauncher()(elsewhere),
    ):
        pass


@pytest.mark.slow
def test_where_no_cluster_answers_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'rnnlab[ray]'")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # by the fixture, perhaps
    launcher = RayLauncher(address="127.0.0.1:1")
    with pytest.raises(ConfigError, match=re.escape("launcher.address=127.0.0.1:1")):
        launcher(request(tmp_path)).__enter__()


def finished_once(folder: Path, count: int) -> list:
    trials = trials_of(journal(folder))
    assert [trial.number for trial in trials] == list(range(count))
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert all(trial.user_attrs["result"]["state"] in FINAL_STATES for trial in trials)
    return trials


def has_begun(folder: Path) -> bool:
    return any(folder.glob("outputs/sweeps/sine_gru/trials/*/checkpoints/last.ckpt"))


def watch_to_the_end(session: Session) -> list[psutil.Process]:
    """Wait for a search; return all processes that it had."""
    family: dict[int, psutil.Process] = {}
    watching = threading.Event()

    def watch() -> None:
        while not watching.wait(0.2):
            family.update({process.pid: process for process in session.members()})

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        assert session.wait() == 0, session.log.read_text()
    finally:
        watching.set()
        thread.join()
    return list(family.values())


def count_jobs(folder: Path) -> dict[str, int]:
    """Return name -> jobs of the log of each slot."""
    logs = (folder / "outputs" / "sweeps" / "sine_gru" / "logs").glob("slot*.log")
    return {log.name: log.read_text().count("--- ") for log in logs}


@pytest.mark.slow
def test_neither_a_dead_actor_nor_a_dead_search_loses_a_trial(tmp_path: Path) -> None:
    """The search that goes on has two actors that drain the study, and leaves no process."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'rnnlab[ray]'")
    words = [*SEARCH, "n_trials=4", "budget.epochs=30"]
    session = Session(tmp_path, words)
    until(lambda: has_begun(tmp_path))
    worker = session.working(WORKER)[0]
    actor = worker.parent()
    assert actor is not None
    assert "ray::" in command_of(actor)
    actor.kill()
    assert not psutil.wait_procs([worker], timeout=GONE_SECONDS)[1]
    until(lambda: len(session.working(WORKER)) == 2)
    time.sleep(0.5)
    family = session.members()
    session.process.kill()
    ours = [one for one in family if WORKER in command_of(one) or "::Actor" in command_of(one)]
    assert len(ours) == 4
    assert not psutil.wait_procs(ours, timeout=GONE_SECONDS)[1]
    before = count_jobs(tmp_path)
    family = watch_to_the_end(Session(tmp_path, words))
    trials = finished_once(tmp_path, 4)
    assert max(trial.user_attrs["attempts"] for trial in trials) > 1
    after = count_jobs(tmp_path)
    assert len([name for name in after if after[name] > before.get(name, 0)]) == 2, "each did some"
    assert len(family) > 4
    assert not psutil.wait_procs(family, timeout=GONE_SECONDS)[1]
