"""Searches of very short trials, as processes that can be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
import psutil

from rnnlab.sweeps.study.storage import open_storage
from tests.helpers.processes import ForkedProcess

ROOT = Path(__file__).parents[2]
PATHS = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
TINY = [  # one trial takes less than a second
    *("sweep=sine_gru", "trainer=cpu", "model.hidden_size=8", "budget.epochs=3"),
    *("data.num_series=20", "data.num_eval_series=5", "data.steps=60", "data.first_target=40"),
    *("data.seq_len=16", "sampler.n_startup_trials=4", "pruner.n_startup_trials=3"),
]
GONE_SECONDS = 10.0  # for the processes of a killed search


class Session:
    """One call of sweep.py, and the processes that it starts.

    Args:
        folder: in which it is called.
        words: its command line.
        forked: fork the driver and its workers; see fork_server.py.
    """

    def __init__(self, folder: Path, words: Sequence[str], forked: bool = True) -> None:
        self.log = folder / "sweep.log"
        with self.log.open("a") as log:
            self.process = (ForkedProcess if forked else subprocess.Popen)(
                [sys.executable, str(ROOT / "sweep.py"), *words],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": PATHS},
            )

    def members(self) -> list[psutil.Process]:
        """All processes below it."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def working(self, module: str) -> list[psutil.Process]:
        """Those of its processes that run a module."""
        return [process for process in self.members() if module in command_of(process)]

    def wait(self, seconds: float = 400.0) -> int:
        """Its exit status."""
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.kill()

    def kill(self) -> None:
        """Kill the driver, and see that nobody stays behind."""
        family = self.members()
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(family, timeout=GONE_SECONDS)
        stayed = [command_of(process) for process in alive]
        for process in alive:
            process.kill()
        assert not stayed, f"orphans: {stayed}"


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def trials_of(url: str, name: str = "sine_gru") -> list[optuna.trial.FrozenTrial]:
    """The trials of a study; none where there is no study yet."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.load_study(study_name=name, storage=open_storage(url)).get_trials()
    except KeyError:
        return []


def journal(folder: Path, name: str = "sine_gru") -> str:
    return f"journal://{folder}/outputs/sweeps/{name}/study.journal"


def results(trials: Sequence[optuna.trial.FrozenTrial]) -> list[tuple]:
    """What must not depend on who did what when: parameters, state and score of each trial."""
    return [(t.number, t.params, t.state.name, t.user_attrs["result"]["score"]) for t in trials]
