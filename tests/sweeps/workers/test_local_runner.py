import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from rnnlab.sweeps.workers.launchers import LocalLauncher, ResourceRequest
from rnnlab.sweeps.workers.local_runner import LocalRunner
from rnnlab.sweeps.workers.messages import Job, TrialResult
from rnnlab.sweeps.workers.runner import WorkerDied


@pytest.mark.parametrize(("rank", "state"), [(0, "complete"), (1, None)])
def test_who_waits_for_a_process_that_is_gone_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: int, state: str | None
) -> None:
    monkeypatch.setattr("rnnlab.sweeps.workers.local_runner.PEER_TIMEOUT_SECONDS", 0.3)
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    popen = partial(subprocess.Popen, stdin=subprocess.PIPE, start_new_session=True)
    monkeypatch.setattr(LocalRunner, "_popen", lambda self, *words: popen(waiting))
    runner = LocalRunner(tmp_path, {}, tmp_path / "log")
    runner.start(Job(str(tmp_path / "0000"), attempt=2, devices=2))
    process = runner._process
    assert process is not None
    TrialResult(1, "complete").write(tmp_path / "0000", rank)
    assert runner.poll() is None, "that was an earlier attempt"
    TrialResult(2, "complete").write(tmp_path / "0000", rank)
    assert runner.poll() is None, "the others have a moment to end"
    time.sleep(0.4)
    if state:
        ended = runner.poll()
        assert ended is not None
        assert ended.state == state
    else:
        with pytest.raises(WorkerDied, match="one process ended early"):
            runner.poll()
    assert process.poll() is not None


def test_what_is_left_of_a_larger_batch_is_removed_where_the_trial_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalRunner, "_start_in_worker", lambda self, job: None)
    left = tmp_path / "0001" / "config.yaml"
    left.parent.mkdir()
    left.touch()
    runner = LocalRunner(tmp_path, {}, tmp_path / "log")
    runner.start(Job(str(left.parent), 1))
    assert left.exists()
    runner.start(Job(str(left.parent), 2, restart=True))
    assert not left.exists()


def test_no_more_processes_are_started_than_there_are_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalRunner, "start_worker", lambda self: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    request = ResourceRequest(100, 2, 1, 1, False, tmp_path, tmp_path / "logs")
    with LocalLauncher()(request) as runners:
        assert len(runners) == 2
        local = [runner for runner in runners if isinstance(runner, LocalRunner)]
        threads = {runner.environment["OMP_NUM_THREADS"] for runner in local}
        assert threads == {"1"}, "as with 100 slots: more trials later change no sums"
