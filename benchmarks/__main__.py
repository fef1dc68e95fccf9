"""Measure the speed of this project as ratios to a plain implementation of the same work.

    python -m benchmarks                       all, about 9 minutes
    python -m benchmarks sine cache            some
    python -m benchmarks --threads 1 --clock cpu --seconds 10     on a busy machine

Both sides of a ratio alternate, in one process or two. The result is printed; --json also writes a
file.
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

from benchmarks import cache, kernels, language_model, loader, memory, overhead, padding
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
    "memory": memory.allocator,
    "cache": cache.cache,
    "loader": loader.loader,
    "kernels": kernels.kernels,
}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--threads", type=int, help="of torch on the CPU; default: torch's own")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each side; default: 20")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="default: wall")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the numbers there, too")
    options = parser.parse_args(words)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"{unknown[0]}: no such benchmark; there are {', '.join(BENCHMARKS)}")
    return options


def cpu_name() -> str:
    """Return the name of the processor, if the system provides it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def environment_facts(options: argparse.Namespace) -> dict[str, str]:
    """Return the machine, the versions and the method of a measurement."""
    device = device_facts("cuda" if torch.cuda.is_available() else "cpu")
    package_versions = versions()
    packages = ("rnnlab", "torch", "lightning", "python")
    return {
        "device": f"{device.get('gpu', 'CPU')}",
        "processor": f"{cpu_name()}, {device['cores']} cores",
        "threads": f"{device['threads']} of torch",
        "versions": ", ".join(f"{name} {package_versions[name]}" for name in packages),
        "method": f"alternating, {options.seconds:g} s per side, {options.clock} clock",
        "load": f"{os.getloadavg()[0]:.1f} processes in the last minute",
    }


def result_table(rows: Sequence[Row]) -> Table:
    """Return a table with one row per comparison."""
    table = Table(title="ratio: median over all pairs, smallest .. largest", title_justify="left")
    table.add_column("name")
    table.add_column("what")
    for column in ("ours", "other", "ratio", "min .. max", "pairs", "bar", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*cells(row))
    return table


def cells(row: Row) -> list[str]:
    """Return the cells of one row."""
    spread = f"{min(row.ratios):.3g} .. {max(row.ratios):.3g}"
    bar = f"{'>=' if row.at_least else '<='} {row.bar:g}"
    mark = "[green]pass[/]" if row.meets_bar else "[red]FAIL[/]"
    ratio, count = f"{row.ratio:.3f}" if row.ratio < 10 else f"{row.ratio:.0f}", len(row.ratios)
    return [row.name, row.what, row.ours, row.other, ratio, spread, str(count), bar, mark]


def measure(names: Sequence[str], settings: Settings, console: Console) -> list[Row]:
    """Run the named benchmarks, or all of them."""
    rows: list[Row] = []
    for name in names or BENCHMARKS:
        console.print(f"{name} ...", style="dim")
        result = BENCHMARKS[name](settings)
        rows += result if isinstance(result, list) else [result]
    return rows


def main(words: Sequence[str] | None = None, **overrides: Any) -> None:
    """Measure and print.

    Args:
        words: the command line.
        overrides: fields of Settings that the command line does not have.
    """
    options = arguments(words)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    if options.threads:
        torch.set_num_threads(options.threads)
    facts = environment_facts(options)
    for name, line in facts.items():
        console.print(f"{name:<11}{line}", highlight=False, soft_wrap=True)
    settings = Settings(options.seconds, options.clock, **overrides)
    rows = measure(options.names, settings, Console(stderr=True))
    console.print(result_table(rows))
    if options.json:
        content = {"environment": facts, "rows": [row.plain() for row in rows]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, RunStopped):
        sys.exit(130)
