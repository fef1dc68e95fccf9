"""Paired timing of programs that train blocks on request, each in a process of its own."""

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import IO, Any, NamedTuple

from benchmarks.pairs import MIN_PAIRS, ClockName
from benchmarks.peers.channel import VARIABLE

ROOT = Path(__file__).parents[1]


class Block(NamedTuple):
    """A block of training steps.

    Attributes:
        wall: seconds.
        cpu: seconds of all threads.
        units: samples or tokens.
        loss: mean of the steps.
    """

    wall: float
    cpu: float
    units: int
    loss: float

    def seconds(self, clock: ClockName) -> float:
        """Return the seconds of one unit."""
        return (self.cpu if clock == "cpu" else self.wall) / self.units


class Program:
    """Process that trains one block per request; a context manager.

    Args:
        command: interpreter and arguments.
        folder: for the output and the error messages.
        environment: additional variables.

    Attributes:
        parameters: of its network, known after the start.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.command, self.folder, self.environment = command, folder, environment
        self.parameters = 0

    def __enter__(self) -> "Program":
        ours, theirs = socket.socketpair()
        environment = {**os.environ, **self.environment, VARIABLE: str(theirs.fileno())}
        with (self.folder / "output.txt").open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        theirs.close()
        self._file: IO[str] = ours.makefile("rw")
        ours.close()
        try:
            self.parameters = self._receive()["parameters"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._file.close()

    def train_block(self) -> Block:
        """Train the next block and return its facts."""
        self._send("next")
        return Block(**self._receive())

    def evaluate(self) -> float:
        """Return the accuracy of the network on the validation split."""
        self._send("evaluate")
        return float(self._receive()["accuracy"])

    def _send(self, request: str) -> None:
        self._file.write(f"{request}\n")
        self._file.flush()

    def _receive(self) -> dict[str, Any]:
        line = self._file.readline()
        if not line:
            text = (self.folder / "output.txt").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{' '.join(self.command)}: ended early\n{text[-2000:]}")
        facts: dict[str, Any] = json.loads(line)
        return facts


class BlockPair(NamedTuple):
    """A block of each of two programs, one after the other."""

    ours: Block
    other: Block

    def speedup(self, clock: ClockName) -> float:
        """Return the seconds of a unit, other / ours."""
        return self.other.seconds(clock) / self.ours.seconds(clock)


def alternate(ours: Program, other: Program, seconds: float) -> list[BlockPair]:
    """Train blocks of both programs in the order A B B A, for `seconds` per side on average.

    The first pair is a warm-up and is not counted; there are at least seven others.
    """
    pairs: list[BlockPair] = []
    elapsed = 0.0
    for turn in count():
        order = (ours, other) if turn % 2 else (other, ours)
        blocks = {program: program.train_block() for program in order}
        if turn:
            pairs.append(BlockPair(blocks[ours], blocks[other]))
            elapsed += blocks[ours].wall + blocks[other].wall
        if len(pairs) >= MIN_PAIRS and elapsed >= 2 * seconds:
            return pairs
    raise AssertionError


def describe_speeds(pairs: Sequence[BlockPair], clock: ClockName) -> tuple[str, str]:
    """Return the units per second of both programs, over all blocks."""
    ours, other = (
        1 / statistics.mean(pair[side].seconds(clock) for pair in pairs) for side in (0, 1)
    )
    return f"{ours:,.0f}/s", f"{other:,.0f}/s"


def training_program(
    checkout: Path, words: Sequence[str], folder: Path, steps: int, threads: int, unit: str
) -> Program:
    """Return `train.py` of a checkout, which trains blocks of steps.

    Args:
        checkout: folder with train.py.
        words: its command line.
        folder: an empty folder for the run.
        steps: of a block.
        threads: of torch.
        unit: samples | tokens, that are counted.
    """
    pace = "callbacks.pace"
    settings = {
        "trainer.max_epochs": 1000,
        "trainer.limit_val_batches": 1,
        f"+{pace}._target_": "benchmarks.peers.pace.Pace",
        f"+{pace}.steps": steps,
        f"+{pace}.tokens": str(unit == "tokens").lower(),
    }
    command = [
        *(sys.executable, "-m", "benchmarks.peers.train", str(checkout / "train.py"), *words),
        *(f"{name}={value}" for name, value in settings.items()),
    ]
    path = os.pathsep.join([str(checkout / "src"), str(ROOT)])
    environment = {"PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}
    return Program(command, folder, environment)
