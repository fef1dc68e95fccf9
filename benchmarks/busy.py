"""Training steps next to one busy process per core, compared with an idle machine."""

import os
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from benchmarks.pairs import MIN_PAIRS, Results, Row
from benchmarks.programs import ROOT, BlockPair, training_program
from benchmarks.runs import Settings
from benchmarks.usage import busy_cores, find_disturbance

STEPS = 4  # of a block
WORDS = ("data=imdb", "model=gru", "trainer=cpu", "test=false", "baselines=false")
BAR = 2.5  # a fair share of the cores is half of each


def busy(settings: Settings) -> Results:
    """Compare training steps next to one busy process per core with those of an idle machine."""
    for threads in (1, 2):
        problem = find_disturbance(settings)
        yield f"busy, {threads} threads: {problem}" if problem else compare(threads, settings)


def compare(threads: int, settings: Settings) -> Row:
    """Return the ratio of seconds of a step, busy / idle."""
    words = (*WORDS, *settings.imdb)
    cores = os.cpu_count() or 1
    pairs: list[BlockPair] = []
    with TemporaryDirectory() as folder, busy_cores(cores) as others:
        program = training_program(ROOT, words, Path(folder), STEPS, threads, "samples")
        with program:
            program.train_block()  # warm-up
            while len(pairs) < MIN_PAIRS or elapsed(pairs) < 2 * settings.seconds:
                with others.running():
                    block = program.train_block()
                pairs.append(BlockPair(block, program.train_block()))
    values = [pair.ours.seconds("wall") / pair.other.seconds("wall") for pair in pairs]
    what = (
        f"IMDB GRU, {threads} thread{'s' * (threads > 1)}, wall time of a step: next to {cores} "
        "busy processes, one per core / without them"
    )
    ours, other = (1e3 * mean(pair[side].wall for pair in pairs) / STEPS for side in (0, 1))
    return Row("busy", what, f"{ours:.0f} ms", f"{other:.0f} ms", values, BAR, at_least=False)


def elapsed(pairs: list[BlockPair]) -> float:
    """Return the seconds of all blocks."""
    return sum(pair.ours.wall + pair.other.wall for pair in pairs)
