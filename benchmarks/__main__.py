"""Print how fast this project is, as ratios to the plain way of doing the same.

    python -m benchmarks                       all, about 7 minutes
    python -m benchmarks sine cache            some
    python -m benchmarks --threads 1 --clock cpu --seconds 10     on a busy machine

Both sides of a ratio take turns, in one process or two. Nothing is written but what is printed, and
a JSON file where --json asks for one.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import cache, language_model, loader, memory, overhead, padding
from benchmarks.pairs import CLOCKS, Row
from benchmarks.runs import Settings
from rnnlab.callbacks import RunStopped
from rnnlab.runtime.environment import device_facts, versions

WIDTH = 150  # of the table in a file or a pipe
BENCHMARKS: dict[str, Callable[[Settings], Row | list[Row]]] = {
    "buckets": padding.buckets,
    "training": padding.training,
    "imdb": overhead.imdb,
    "sine": overhead.sine,
    "lm": language_model.language_model,
    "memory": memory.kept,
    "cache": cache.cache,
    "loader": loader.loader,
}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--threads", type=int, help="of torch on the CPU; default: torch's own")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each side; default: 20")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="default: wall")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the numbers there, too")
    given = parser.parse_args(words)
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"{unknown[0]}: no such benchmark; there are {', '.join(BENCHMARKS)}")
    return given


def cpu_name() -> str:
    """The processor's own name, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def surroundings(given: argparse.Namespace) -> dict[str, str]:
    """Where the numbers come from."""
    device = device_facts("cuda" if torch.cuda.is_available() else "cpu")
    known = versions()
    chosen = ("rnnlab", "torch", "lightning", "python")
    return {
        "device": f"{device.get('gpu', 'CPU')}",
        "processor": f"{cpu_name()}, {device['cores']} cores",
        "threads": f"{device['threads']} of torch",
        "versions": ", ".join(f"{name} {known[name]}" for name in chosen),
        "method": f"turns, {given.seconds:g} s each side, {given.clock} clock",
        "load": f"{os.getloadavg()[0]:.1f} processes in the minute before",
    }


def result_table(rows: Sequence[Row]) -> Table:
    """A line for each comparison."""
    table = Table(title="ratio: median over all pairs, smallest .. largest", title_justify="left")
    table.add_column("name")
    table.add_column("what")
    for column in ("ours", "other", "ratio", "min .. max", "pairs", "bar", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*cells(row))
    return table


def cells(row: Row) -> list[str]:
    """A comparison as text."""
    spread = f"{min(row.ratios):.3g} .. {max(row.ratios):.3g}"
    bar = f"{'>=' if row.at_least else '<='} {row.bar:g}"
    mark = "[green]pass[/]" if row.passed else "[red]FAIL[/]"
    ratio, count = f"{row.ratio:.3f}" if row.ratio < 10 else f"{row.ratio:.0f}", len(row.ratios)
    return [row.name, row.what, row.ours, row.other, ratio, spread, str(count), bar, mark]


def measure(names: Sequence[str], settings: Settings, console: Console) -> list[Row]:
    """Run the benchmarks of these names, all if there are none."""
    rows: list[Row] = []
    for name in names or BENCHMARKS:
        console.print(f"{name} ...", style="dim")
        found = BENCHMARKS[name](settings)
        rows += found if isinstance(found, list) else [found]
    return rows


def main(words: Sequence[str] | None = None, **changed: Any) -> None:
    """Measure and print.

    Args:
        words: the command line.
        changed: of Settings, what the command line does not know.
    """
    given = arguments(words)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    if given.threads:
        torch.set_num_threads(given.threads)
    facts = surroundings(given)
    for name, line in facts.items():
        console.print(f"{name:<11}{line}", highlight=False, soft_wrap=True)
    settings = Settings(given.seconds, given.clock, **changed)
    rows = measure(given.names, settings, Console(stderr=True))
    console.print(result_table(rows))
    if given.json:
        content = {"surroundings": facts, "rows": [row.plain() for row in rows]}
        given.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, RunStopped):
        sys.exit(130)
