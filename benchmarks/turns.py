"""Two ways of doing the same work, each in a process of its own, timed in turns.

For what a process has one of: how the C library keeps memory, or torch's global switches.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import torch

from benchmarks.pairs import ClockName, Pair, Stopwatch, enough

Work = Callable[..., Iterator[list[float]]]  # each next one does a block; a loss for each unit


class Side:
    """A process that does a block when it is asked to; a context.

    Args:
        clock: that it is timed with.
        work: a function of a module, called there.
        given: its arguments.
    """

    def __init__(self, clock: ClockName, work: Work, *given: Any) -> None:
        context = get_context("forkserver")  # which is new, and imports once for all sides
        context.set_forkserver_preload(["benchmarks.language_model", "benchmarks.memory"])
        self._pipe, theirs = context.Pipe()
        threads = torch.get_num_threads()
        self._process = context.Process(target=serve, args=(theirs, clock, threads, work, given))

    def __enter__(self) -> "Side":
        self._process.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()

    def block(self) -> tuple[float, list[float]]:
        """Do a block; the seconds it took, and its losses."""
        self._pipe.send(True)
        while not self._pipe.poll(1.0):
            if not self._process.is_alive():
                raise RuntimeError("a side of the comparison ended; see above")
        seconds, losses = self._pipe.recv()
        return seconds, losses


def serve(pipe: Connection, clock: ClockName, threads: int, work: Work, given: Any) -> None:
    """What the process does."""
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    stopwatch = Stopwatch(clock, device)
    with redirect_stdout(io.StringIO()):
        blocks = work(*given)
        while pipe.recv():
            stopwatch.start()
            losses = next(blocks)
            pipe.send((stopwatch.read(), losses))


def take_turns(ours: Side, other: Side, seconds: float) -> tuple[list[Pair], float]:
    """Blocks of both sides in the order A B B A, until both had `seconds` on average.

    The first pair warms up and is not counted.

    Returns:
        The pairs, and how far the losses of both are apart at most.
    """
    pairs: list[Pair] = []
    apart = 0.0
    for turn in count():
        sides = (ours, other) if turn % 2 else (other, ours)
        done = {side: side.block() for side in sides}
        (mine, losses), (theirs, others) = done[ours], done[other]
        apart = max(apart, *(abs(a - b) for a, b in zip(losses, others, strict=True)))
        if turn:
            pairs.append(Pair(mine, theirs, len(losses)))
        if enough(pairs, seconds):
            break
    return pairs, apart


def milliseconds(pairs: list[Pair]) -> tuple[str, str]:
    """Of a unit, of both sides."""
    units = sum(pair.units for pair in pairs)
    ours, other = (1e3 * sum(pair[side] for pair in pairs) / units for side in (0, 1))
    return f"{ours:.0f} ms", f"{other:.0f} ms"
