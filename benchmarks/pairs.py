"""Paired timing of two implementations that alternate, so that a slow machine slows both."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, Literal, NamedTuple, TypeVar

import torch

Work = TypeVar("Work")
ClockName = Literal["wall", "cpu"]
CLOCKS: dict[ClockName, Callable[[], float]] = {
    "wall": time.perf_counter,
    "cpu": time.process_time,  # of all threads: less noisy on a busy machine
}
MIN_PAIRS = 7


class Pair(NamedTuple):
    """Seconds of both sides for the same piece of work.

    Attributes:
        ours: seconds of this project.
        other: seconds of the plain implementation.
        units: of work: samples, steps.
    """

    ours: float
    other: float
    units: int


@dataclass(frozen=True)
class Row:
    """One comparison, or one quantity that was measured several times.

    Attributes:
        name: name on the command line.
        what: description of the quantity and of both sides.
        ours: the absolute number of this project, with its unit.
        other: the absolute number of the plain implementation, with its unit.
        values: one ratio per pair, or one number per measurement.
        bar: threshold for the median; None for a number that is only reported.
        at_least: the median must be at least the bar; otherwise at most.
        unit: of the values; empty for ratios.
    """

    name: str
    what: str
    ours: str
    other: str
    values: list[float]
    bar: float | None
    at_least: bool
    unit: str = ""

    @property
    def median(self) -> float:
        """Return the median over all pairs."""
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Return the lower and the upper quartile."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return low, high

    @property
    def meets_bar(self) -> bool | None:
        """Return whether the median meets the bar; None without one."""
        if self.bar is None:
            return None
        return self.median >= self.bar if self.at_least else self.median <= self.bar

    def plain(self) -> dict[str, Any]:
        """Return the row as a dictionary."""
        return {
            **vars(self),
            "median": self.median,
            "quartiles": self.quartiles,
            "passed": self.meets_bar,
        }


Result = Row | str  # a string says what was not measured, and why
Results = Iterator[Result]  # each is kept as soon as it is there


class Stopwatch:
    """Stopwatch that waits for pending work of a GPU.

    Args:
        clock: wall | cpu.
        device: device that computes.
    """

    def __init__(self, clock: ClockName, device: torch.device | None = None) -> None:
        self.clock, self.device = CLOCKS[clock], device
        self.start()

    def now(self) -> float:
        """Return the time of the clock after all pending work is complete."""
        if self.device is not None and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.clock()

    def start(self) -> None:
        """Restart the measurement."""
        self.start_time = self.now()

    def read(self) -> float:
        """Return the seconds since the start."""
        return self.now() - self.start_time

    def of(self, work: Callable[[], object]) -> float:
        """Return the seconds that a call takes."""
        self.start()
        work()
        return self.read()


def enough(pairs: list[Pair], seconds: float) -> bool:
    """Return whether both sides had their time and there are enough pairs."""
    total = sum(pair.ours + pair.other for pair in pairs)
    return len(pairs) >= MIN_PAIRS and total >= 2 * seconds


def interleave(
    ours: Callable[[Work], int],
    other: Callable[[Work], int],
    blocks: Iterable[Work],
    stopwatch: Stopwatch,
    seconds: float,
) -> list[Pair]:
    """Run each block on both sides, in the order A B B A, for `seconds` per side on average.

    The first pair is a warm-up and is not counted.

    Args:
        ours: runs a block with this project; returns the units of work in it.
        other: runs it with the plain implementation.
        blocks: equivalent pieces of work.
        stopwatch: measures the time.
        seconds: seconds per side.
    """
    pairs: list[Pair] = []
    for turn, block in enumerate(blocks):
        elapsed, units = {}, 0
        for side in (ours, other) if turn % 2 else (other, ours):
            stopwatch.start()
            units = side(block)
            elapsed[side] = stopwatch.read()
        if turn:
            pairs.append(Pair(elapsed[ours], elapsed[other], units))
        if enough(pairs, seconds):
            break
    return pairs
