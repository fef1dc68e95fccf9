"""Two ways of doing the same work, timed in turns: what slows the machine down slows both."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, NamedTuple, TypeVar

import torch

Work = TypeVar("Work")
ClockName = Literal["wall", "cpu"]
CLOCKS: dict[ClockName, Callable[[], float]] = {
    "wall": time.perf_counter,
    "cpu": time.process_time,  # of all threads: less noisy on a busy machine
}
MIN_PAIRS = 3


class Pair(NamedTuple):
    """Seconds that both sides took for the same piece of work.

    Attributes:
        ours: seconds of this project.
        other: seconds of the plain way.
        units: of work: samples, steps.
    """

    ours: float
    other: float
    units: int


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: to choose it by.
        what: the quantity and both sides, for a person.
        ours: the absolute number of this project, with its unit.
        other: the absolute number of the plain way, with its unit.
        ratios: one for each pair.
        bar: what the median ratio must reach.
        at_least: reach from above; else the ratio must stay at or below the bar.
    """

    name: str
    what: str
    ours: str
    other: str
    ratios: list[float]
    bar: float
    at_least: bool

    @property
    def ratio(self) -> float:
        """The median over all pairs."""
        return median(self.ratios)

    @property
    def passed(self) -> bool:
        """Whether the median reaches the bar."""
        return self.ratio >= self.bar if self.at_least else self.ratio <= self.bar

    def plain(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {**vars(self), "ratio": self.ratio, "passed": self.passed}


class Stopwatch:
    """Seconds since it was started; a GPU's work is waited for.

    Args:
        clock: wall | cpu.
        device: that computes.
    """

    def __init__(self, clock: ClockName, device: torch.device | None = None) -> None:
        self.clock, self.device = CLOCKS[clock], device
        self.start()

    def now(self) -> float:
        """Seconds on the clock, with nothing left to be computed."""
        if self.device is not None and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.clock()

    def start(self) -> None:
        """Begin anew."""
        self.started = self.now()

    def read(self) -> float:
        """Seconds since the start."""
        return self.now() - self.started

    def of(self, work: Callable[[], object]) -> float:
        """Seconds that this takes."""
        self.start()
        work()
        return self.read()


def enough(pairs: list[Pair], seconds: float) -> bool:
    """Whether both sides together have had their time, and there are pairs to compare."""
    spent = sum(pair.ours + pair.other for pair in pairs)
    return len(pairs) >= MIN_PAIRS and spent >= 2 * seconds


def interleave(
    ours: Callable[[Work], int],
    other: Callable[[Work], int],
    blocks: Iterable[Work],
    stopwatch: Stopwatch,
    seconds: float,
) -> list[Pair]:
    """Do each block both ways, in the order A B B A, until both had `seconds` on average.

    The first pair warms up and is not counted.

    Args:
        ours: does a block this project's way; gives the units of work in it.
        other: does it the plain way.
        blocks: pieces of work, each like the others.
        stopwatch: takes the time.
        seconds: for each side.
    """
    pairs: list[Pair] = []
    for turn, block in enumerate(blocks):
        spent, units = {}, 0
        for side in (ours, other) if turn % 2 else (other, ours):
            stopwatch.start()
            units = side(block)
            spent[side] = stopwatch.read()
        if turn:
            pairs.append(Pair(spent[ours], spent[other], units))
        if enough(pairs, seconds):
            break
    return pairs
