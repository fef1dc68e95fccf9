"""The run of `make run` as a whole, with an empty cache: memory, time and score."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.pairs import Results, Row
from benchmarks.programs import ROOT
from benchmarks.runs import Settings
from benchmarks.usage import Usage, measure_command

BAR_MIB = 1e9 / 2**20  # 1.0 GB


def make_run(settings: Settings) -> Results:
    """Measure one run, with the threads that it chooses."""
    with TemporaryDirectory() as path:
        folder = Path(path)
        words = ("model=gru", *("data=imdb", *settings.imdb), *settings.make_run)
        environment = {"RNNLAB_CACHE": str(folder / "cache")}
        usage = measure_command(ROOT / "train.py", words, folder, environment)
        (report,) = folder.glob("outputs/*/*/report.json")
        yield from describe(usage, json.loads(report.read_text(encoding="utf-8")))


def describe(usage: Usage, report: dict[str, Any]) -> Results:
    """Return the rows of a run."""
    threads = report["threads"]["number"]
    number = f"{threads} thread{'s' * (threads > 1)}"
    yield single_row("peak memory of make run, empty cache", usage.peak_mib, "MiB", BAR_MIB)
    yield single_row(f"wall time of make run, {number}", usage.wall, "s")
    yield single_row("CPU time of make run", usage.cpu, "s")
    yield single_row("test accuracy of make run", report["scores"]["test/accuracy"], "")


def single_row(what: str, value: float, unit: str, bar: float | None = None) -> Row:
    """Return a row of one number, at most the bar."""
    return Row("make_run", what, "", "", [value], bar, at_least=False, unit=unit)
