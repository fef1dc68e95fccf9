"""Speed of this checkout, compared with another one, such as that of an earlier commit."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pairs import Results, Row
from benchmarks.programs import ROOT, alternate, describe_speeds, training_program
from benchmarks.runs import Settings
from benchmarks.usage import Usage, measure_command

BARE = ("trainer=cpu", "test=false", "baselines=false")
MISSING = "needs --against FOLDER, a checkout of another commit"


def steps(settings: Settings) -> Results:
    """Compare training steps of the recipes."""
    if settings.against is None:
        yield f"steps: {MISSING}"
        return
    imdb = ("data=imdb", "model=gru", *BARE, *settings.imdb)
    sine = ("data=sine", "model=gru", *BARE, *settings.sine)
    yield compare("IMDB GRU", imdb, 8, "samples", 1.3, settings)
    yield compare("sine GRU", sine, 100, "samples", None, settings)
    if "ptb" not in settings.data:
        yield "steps of PTB: needs its files, --data ptb=<folder>"
        return
    for name in ("ptb_gru", "ptb_lstm"):
        words = (f"experiment={name}", *BARE, settings.path_of("ptb"))
        yield compare(name, words, 4, "tokens", 1.15, settings)


def compare(
    title: str,
    words: Sequence[str],
    steps: int,
    unit: str,
    bar: float | None,
    settings: Settings,
) -> Row:
    """Return the ratio of samples or tokens per second of a run's Trainer."""
    assert settings.against is not None
    with TemporaryDirectory() as our_folder, TemporaryDirectory() as folder:
        sides = ((ROOT, our_folder), (settings.against, folder))
        ours, other = (
            training_program(checkout, words, Path(path), steps, settings.threads, unit)
            for checkout, path in sides
        )
        with ours, other:
            pairs = alternate(ours, other, settings.seconds)
    values = [pair.speedup(settings.clock) for pair in pairs]
    what = f"{title}, {unit} per second in training: this checkout / the other"
    speeds = describe_speeds(pairs, settings.clock)
    return Row("steps", what, *speeds, values, bar, at_least=True)


def search(settings: Settings) -> Results:
    """Compare a whole search in one slot: trials per minute."""
    if settings.against is None:
        yield f"search: {MISSING}"
        return
    ours, other = (measure_search(folder, settings) for folder in (ROOT, settings.against))
    count, clock = settings.trials, settings.clock
    what = f"sweep=sine_gru, {count} trials in one slot, trials a minute: this checkout / the other"
    speeds = [f"{60 * count / side.seconds(clock):.1f}/min" for side in (ours, other)]
    ratio = other.seconds(clock) / ours.seconds(clock)
    yield Row("search", what, speeds[0], speeds[1], [ratio], 2.0, at_least=True)


def measure_search(checkout: Path, settings: Settings) -> Usage:
    """Return what a search uses."""
    with TemporaryDirectory() as folder:
        words = ("sweep=sine_gru", f"n_trials={settings.trials}", "slots=1", *settings.search)
        environment = {"OMP_NUM_THREADS": str(settings.threads)}
        usage = measure_command(checkout / "sweep.py", words, Path(folder), environment)
        (table,) = Path(folder).glob("outputs/sweeps/*/trials.csv")
        count = len(table.read_text(encoding="utf-8").splitlines()) - 1
        if count != settings.trials:
            raise RuntimeError(f"{checkout}: {count} trials instead of {settings.trials}")
        return usage
