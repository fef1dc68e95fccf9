"""Paired timing of two implementations in separate processes that alternate.

For comparisons of global state of a process, such as the allocator of the C library.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch

from benchmarks.pairs import ClockName, Pair, Stopwatch, enough

Work = Callable[..., Iterator[list[float]]]  # each step runs a block and yields one loss per unit


class Side:
    """Process that runs one block per request; a context manager.

    Args:
        clock: wall | cpu.
        work: a module-level function that the process calls.
        arguments: its arguments.
    """

    def __init__(self, clock: ClockName, work: Work, *arguments: Any) -> None:
        context = get_context("forkserver")  # a fresh process that imports once for all sides
        context.set_forkserver_preload(["benchmarks.language_model", "benchmarks.memory"])
        self._pipe, child_pipe = context.Pipe()
        threads = torch.get_num_threads()
        self._process = context.Process(
            target=serve, args=(child_pipe, clock, threads, work, arguments)
        )

    def __enter__(self) -> "Side":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def block(self) -> tuple[float, list[float]]:
        """Run a block and return its seconds and losses."""
        self._pipe.send(True)
        while not self._pipe.poll(1.0):
            if not self._process.is_alive():
                raise RuntimeError("a side of the comparison ended; see above")
        seconds, losses = self._pipe.recv()
        return seconds, losses


def serve(pipe: Connection, clock: ClockName, threads: int, work: Work, arguments: Any) -> None:
    """Run blocks on request; the main function of the process."""
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    stopwatch = Stopwatch(clock, device)
    with redirect_stdout(io.StringIO()):
        blocks = work(*arguments)
        while pipe.recv():
            stopwatch.start()
            losses = next(blocks)
            pipe.send((stopwatch.read(), losses))


def alternate_sides(ours: Side, other: Side, seconds: float) -> tuple[list[Pair], float]:
    """Run blocks of both sides in the order A B B A, for `seconds` per side on average.

    The first pair is a warm-up and is not counted.

    Returns:
        The pairs, and the largest difference of the losses.
    """
    pairs: list[Pair] = []
    difference = 0.0
    for turn in count():
        sides = (ours, other) if turn % 2 else (other, ours)
        results = {side: side.block() for side in sides}
        (our_seconds, losses), (other_seconds, others) = results[ours], results[other]
        difference = max(difference, *(abs(a - b) for a, b in zip(losses, others, strict=True)))
        if turn:
            pairs.append(Pair(our_seconds, other_seconds, len(losses)))
        if enough(pairs, seconds):
            break
    return pairs, difference


def milliseconds(pairs: list[Pair]) -> tuple[str, str]:
    """Return milliseconds per unit, for both sides."""
    units = sum(pair.units for pair in pairs)
    ours, other = (1e3 * sum(pair[side] for pair in pairs) / units for side in (0, 1))
    return f"{ours:.3g} ms", f"{other:.3g} ms"
