"""The child's side of a comparison of programs: blocks of work on request.

Only the standard library is imported: the programs run in other interpreters.
"""

import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any

VARIABLE = "RNNLAB_BENCHMARK_SOCKET"  # number of the inherited file


class Channel:
    """Connection to the process that measures."""

    def __init__(self) -> None:
        self._file = socket.socket(fileno=int(os.environ[VARIABLE])).makefile("rw")

    def wait(self) -> str:
        """Wait for the next request and return it; empty at the end."""
        return self._file.readline().strip()

    def send(self, facts: dict[str, Any]) -> None:
        """Send a dictionary of plain values."""
        self._file.write(json.dumps(facts) + "\n")
        self._file.flush()


class Clocks:
    """Wall time and CPU time of this process, with all its threads, since the start."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start again."""
        self._start = (time.perf_counter(), time.process_time())

    def read(self) -> dict[str, float]:
        """Return the seconds since the start."""
        wall, cpu = (now - start for now, start in zip(self._now(), self._start, strict=True))
        return {"wall": wall, "cpu": cpu}

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), time.process_time()


def serve_blocks(
    parameters: int,
    train_block: Callable[[], tuple[int, float]],
    evaluate: Callable[[], float] | None = None,
) -> None:
    """Train on request.

    Args:
        parameters: of the network.
        train_block: trains on the next block; returns its samples or tokens, and its mean loss.
        evaluate: returns the accuracy on the validation split.
    """
    channel, clocks = Channel(), Clocks()
    channel.send({"parameters": parameters})
    while request := channel.wait():
        if request == "evaluate" and evaluate is not None:
            channel.send({"accuracy": evaluate()})
            continue
        clocks.start()
        units, loss = train_block()
        channel.send({**clocks.read(), "units": units, "loss": loss})
