"""Short trials in one slot of a search, compared with separate processes.

    python -m benchmarks.search                30 trials, some minutes
    python -m benchmarks.search --trials 8

Both sides train the same settings. The time of the search includes its start, its checks, the
test of its best trial and its report.
"""

import argparse
import csv
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
BAR = 4.0
SHORT = (  # at most a second of training
    *("trainer=cpu", "model.hidden_size=8", "data.num_series=20", "data.num_eval_series=5"),
    *("data.steps=60", "data.first_target=40", "data.seq_len=16", "budget.epochs=3"),
)
BARE = ("test=false", "baselines=false")  # as in a trial


def call(script: str, words: Sequence[str], folder: Path) -> float:
    """Return the seconds that a command takes."""
    start = time.perf_counter()
    command = [sys.executable, str(ROOT / script), *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def trials_of(folder: Path) -> list[list[str]]:
    """Return the overrides of each trial of the search."""
    (table,) = folder.glob("outputs/sweeps/*/trials.csv")
    with table.open(encoding="utf-8") as file:
        commands = [shlex.split(row["command"]) for row in csv.DictReader(file)]
    return [command[command.index("train.py") + 1 :] for command in commands]


def main(words: Sequence[str] | None = None) -> bool:
    """Run the search, then the same trials one by one; return whether the bar is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--trials", type=int, default=30, help="default: 30")
    count = parser.parse_args(words).trials
    settings = ["sweep=sine_gru", *SHORT, f"n_trials={count}", "sampler=random", "pruner=none"]
    with TemporaryDirectory() as path:
        folder = Path(path)
        search = call("sweep.py", [*settings, "slots=1"], folder)
        each = [call("train.py", [*trial, *BARE], folder) for trial in trials_of(folder)]
    ratio = sum(each) / search
    print(f"search    {count} trials in {search:.0f} s, {60 * count / search:.1f} a minute")
    print(f"separate  {count} runs in {sum(each):.0f} s, {60 * count / sum(each):.1f} a minute")
    print(f"ratio     {ratio:.1f} (bar: at least {BAR:g})")
    return ratio >= BAR


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
