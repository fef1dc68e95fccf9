"""Measure the speed of this project as ratios to a plain implementation of the same work.

    python -m benchmarks                       all that needs no option; half an hour
    python -m benchmarks sine cache            some
    python -m benchmarks --threads 1 --clock cpu --seconds 10     on a busy machine
    python -m benchmarks peers --env keras-tf=<python> --env keras-torch=<python>
    python -m benchmarks steps search startup --against <another checkout>
    python -m benchmarks steps torch recipes --data ptb=<folder with ptb.train.txt>
    python -m benchmarks none --page           only write docs/PERFORMANCE.md

Both sides of a ratio alternate, in one process or two. The result is printed and kept in the
folder of --results; --page writes docs/PERFORMANCE.md from all results that are there.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import (
    accuracy,
    busy,
    cache,
    checkouts,
    kernels,
    language_model,
    libraries,
    loader,
    make_run,
    memory,
    overhead,
    padding,
    poolings,
    recipes,
    startup,
    thread_costs,
)
from benchmarks.page import COLUMNS, keep_results, write_cells, write_page
from benchmarks.pairs import CLOCKS, Result, Row
from benchmarks.runs import Settings
from benchmarks.usage import measure_other_work
from rnnlab.callbacks import RunStopped
from rnnlab.runtime.environment import device_facts, git_state, versions

WIDTH = 150  # of the table in a file or a pipe
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}  # flag of a processor -> name, the widest first
BENCHMARKS: dict[str, Callable[[Settings], Row | Iterable[Result]]] = {
    "kernels": kernels.kernels,
    "bfloat16": kernels.bfloat16,
    "threads": kernels.threads,
    "poolings": poolings.poolings,
    "thread_costs": thread_costs.thread_costs,
    "busy": busy.busy,
    "training": padding.training,
    **libraries.PEER_BENCHMARKS,
    "accuracy": accuracy.accuracy,
    "steps": checkouts.steps,
    "search": checkouts.search,
    "make_run": make_run.make_run,
    "startup": startup.startup,
    "recipes": recipes.recipes,
    "buckets": padding.buckets,
    "imdb": overhead.imdb,
    "sine": overhead.sine,
    "lm": language_model.language_model,
    "memory": memory.allocator,
    "cache": cache.cache,
    "loader": loader.loader,
}
PAIR_OPTIONS: Mapping[str, tuple[str, Sequence[str], str]] = {  # value, names and help
    "env": ("PYTHON", tuple(libraries.INTERPRETERS), "interpreter of another library"),
    "data": ("PATH", recipes.FILES, "files of the user"),
}
GROUPS = {
    "none": (),
    "peers": (*libraries.PEER_BENCHMARKS, "accuracy"),
}  # names of several benchmarks


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = ", ".join((*BENCHMARKS, *GROUPS))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {names}")
    parser.add_argument("--threads", type=int, help="of torch on the CPU; default: torch's own")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each side; default: 20")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="default: wall")
    for option, (value, choices, purpose) in PAIR_OPTIONS.items():
        parser.add_argument(
            f"--{option}",
            action="append",
            default=[],
            metavar=f"NAME={value}",
            help=f"{purpose}: {', '.join(choices)}",
        )
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout")
    parser.add_argument("--trials", type=int, default=30, help="of a search; default: 30")
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", default=Path("outputs", "benchmarks")
    )
    parser.add_argument("--page", action="store_true", help="write docs/PERFORMANCE.md")
    options = parser.parse_args(words)
    check_options(parser, options)
    return options


def check_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Reject unknown names and files that are not there."""
    unknown = [name for name in options.names if name not in (*BENCHMARKS, *GROUPS)]
    if unknown:
        parser.error(f"{unknown[0]}: no such benchmark; there are {', '.join(BENCHMARKS)}")
    for option, (_, choices, _) in PAIR_OPTIONS.items():
        for pair in getattr(options, option):
            if (name := pair.partition("=")[0]) not in choices:
                parser.error(f"--{option} {pair}: {name} is none of {', '.join(choices)}")
    for pair in options.env:
        if not os.access(path := pair.partition("=")[2], os.X_OK):
            parser.error(f"--env {pair}: {path} is not a program")
    for pair in options.data:
        if not (path := pair.partition("=")[2]) or not Path(path).exists():
            parser.error(f"--data {pair}: there is no such file or folder")
    if options.against and not (options.against / "train.py").is_file():
        parser.error(f"--against {options.against}: there is no train.py in this folder")


def read_settings(options: argparse.Namespace, **overrides: Any) -> Settings:
    """Return the settings of the command line."""
    data = [pair.split("=", 1) for pair in options.data]
    fields = {
        "seconds": options.seconds,
        "clock": options.clock,
        "data": {name: Path(path).resolve() for name, path in data},
        "interpreters": dict(pair.split("=", 1) for pair in options.env),
        "against": options.against and options.against.resolve(),
        "threads": torch.get_num_threads(),
        "trials": options.trials,
        "runs": options.results / "recipes",
    }
    return Settings(**{**fields, **overrides})


def cpu_facts(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Return the name of the processor and its vectors, as far as the system provides them."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    pairs = [line.partition(":") for line in reversed(lines)]  # the first processor is the last
    values = {name.strip(): value.strip() for name, _, value in pairs}
    flags = values.get("flags", "").split()
    vectors = next((name for flag, name in VECTORS.items() if flag in flags), "")
    name = values.get("model name") or platform.processor() or platform.machine()
    return {"name": name, "vectors": vectors}


def environment_facts(options: argparse.Namespace) -> dict[str, str]:
    """Return the machine, the versions and the method of a measurement."""
    device = device_facts("cuda" if torch.cuda.is_available() else "cpu")
    package_versions, git, processor = versions(), git_state(), cpu_facts()
    packages = ("rnnlab", "torch", "lightning", "python")
    return {
        "device": f"{device.get('gpu', 'CPU')}",
        "processor": f"{processor['name']}, {device['cores']} cores",
        "vectors": processor["vectors"],
        "threads": f"{device['threads']} of torch",
        "versions": ", ".join(f"{name} {package_versions[name]}" for name in packages),
        "method": f"alternating, {options.seconds:g} s per side, {options.clock} clock",
        "commit": git.get("commit", "?")[:8] + (" and changes" if git.get("changed") else ""),
    }


def result_table(rows: Sequence[Row]) -> Table:
    """Return a table with one row per comparison."""
    table = Table(title="value: median over all pairs", title_justify="left")
    table.add_column("name")
    for column in COLUMNS:
        is_text = column == "what"
        table.add_column(column, justify="left" if is_text else "right", no_wrap=not is_text)
    for row in rows:
        table.add_row(row.name, *write_cells(row))
    return table


def measure(name: str, settings: Settings, facts: dict[str, str], folder: Path) -> list[Row]:
    """Run a benchmark, keep each result and return the rows."""
    other_work = measure_other_work()
    results: list[Result] = []
    measured = BENCHMARKS[name](settings)
    for result in [measured] if isinstance(measured, Row) else measured:
        results.append(result)
        now = {
            "load": f"{os.getloadavg()[0]:.1f} processes in its last minute",
            "other work": f"other programs used {other_work:.0f}% of the processors before it",
            "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        }
        keep_results(folder, name, {**facts, **now}, results)
        if isinstance(result, str):
            print(f"not measured: {result}", file=sys.stderr)
    return [row for row in results if isinstance(row, Row)]


def main(words: Sequence[str] | None = None, **overrides: Any) -> None:
    """Measure, print and keep the results.

    Args:
        words: the command line.
        overrides: fields of Settings that the command line does not have.
    """
    options = arguments(words)
    console, progress = Console(width=None if sys.stdout.isatty() else WIDTH), Console(stderr=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    facts = environment_facts(options)
    for name, line in facts.items():
        console.print(f"{name:<11}{line}", highlight=False, soft_wrap=True)
    settings = read_settings(options, **overrides)
    rows = []
    for name in expand_names(options.names):
        progress.print(f"{name} ...", style="dim")
        command = {"command": write_command(name, options)}
        rows += measure(name, settings, {**command, **facts}, options.results)
    console.print(result_table(rows))
    if options.page:
        write_page(options.results, describe_benchmarks())


def expand_names(names: Sequence[str]) -> list[str]:
    """Return the benchmarks of the command line.

    >>> expand_names(["sine", "peers"]), expand_names(["none"])
    (['sine', 'keras-tf', 'keras-torch', 'torch', 'accuracy'], [])
    """
    return [member for name in names or BENCHMARKS for member in GROUPS.get(name, (name,))]


def write_command(name: str, options: argparse.Namespace) -> str:
    """Return the command that repeats one benchmark; paths are left to the reader."""
    words = ["python", "-m", "benchmarks", name, f"--seconds {options.seconds:g}"]
    words += [f"--threads {options.threads}"] if options.threads else []
    words += [f"--clock {options.clock}"]
    words += [f"--env {pair.partition('=')[0]}=<python>" for pair in options.env]
    words += [f"--data {pair.partition('=')[0]}=<path>" for pair in options.data]
    if options.against:
        words.append(f"--against <checkout of {read_commit(options.against)}>")
    return " ".join(words)


def read_commit(folder: Path) -> str:
    """Return the short commit of a checkout; a question mark if it is none."""
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "?"


def describe_benchmarks() -> dict[str, str]:
    """Return the description of each benchmark: the first line of its function."""
    return {
        name: (function.__doc__ or "").partition("\n")[0] for name, function in BENCHMARKS.items()
    }


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, RunStopped):
        sys.exit(130)
