"""Set-up of data without and with prepared data in the cache."""

import os
from tempfile import TemporaryDirectory

from benchmarks.pairs import MIN_PAIRS, Pair, Row, Stopwatch
from benchmarks.runs import Settings, compose_config, restore_globals
from rnnlab.config.schema import RunConfig
from rnnlab.experiment.build import build_data

WARM_READS = 5  # for each cold one
MAX_COLD_READS = 3


def set_up(config: RunConfig) -> None:
    """Create a data module, prepare it and set it up, as at the start of a run."""
    data = build_data(config)
    data.prepare_data()
    data.setup("fit")


def compare(settings: Settings) -> list[Pair]:
    """Return seconds of warm and cold set-ups; each cold one has an empty cache."""
    config = compose_config("data=imdb", *settings.imdb)
    stopwatch = Stopwatch(settings.clock)
    pairs: list[Pair] = []
    for _ in range(MAX_COLD_READS):
        with TemporaryDirectory() as folder:
            os.environ["RNNLAB_CACHE"] = folder
            cold = stopwatch.of(lambda: set_up(config))
            warm = [stopwatch.of(lambda: set_up(config)) for _ in range(WARM_READS)]
        pairs += [Pair(seconds, cold, 1) for seconds in warm]
        if sum({pair.other for pair in pairs}) >= settings.seconds and len(pairs) >= MIN_PAIRS:
            break
    return pairs


def cache(settings: Settings) -> Row:
    """Return the ratio of seconds, cold / warm."""
    with restore_globals():
        pairs = compare(settings)
    ours, other = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    what = "IMDB data set-up: first time / from the cache"
    ratios = [pair.other / pair.ours for pair in pairs]
    return Row("cache", what, f"{ours:.3f} s", f"{other:.1f} s", ratios, 100.0, at_least=True)
