"""Measure how many test values the prediction intervals contain.

    python -m benchmarks.coverage --data <folder> --page          all, and docs/COVERAGE.md
    python -m benchmarks.coverage --names sine stocks             some, without a file

The folder has `ett/ETTh1.csv`, `ett/ETTh2.csv`, `weather_jena2020/weather.csv` and
`stocks_djia30/<name>.csv` (each may be compressed). Each run is small and short: intervals should
have their coverage with any network. A run that is finished is not repeated.
"""

import argparse
import contextlib
import io
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rnnlab
from rnnlab.report.folder import RunFolder

ROOT = Path(__file__).parents[1]
LEVELS = ("80", "90", "95")
COMMON = ("task.interval_levels=[0.8,0.9,0.95]", "baselines=false", "trainer=cpu")
SMALL = ("model=gru", "model.hidden_size=32")
ETT = ("experiment=ett_96_segment", "model.hidden_size=64", "trainer.max_epochs=1")
JENA = ("experiment=weather_96_segment", "model.hidden_size=64", "trainer.max_epochs=1")
PRICES = ("data.transform=log_return", "data.report_in=original", "data.horizon=5")
DOW = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=500")

# name -> what it is, file or folder below --data, settings of the run
SETS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "etth1": ("ETTh1, 96 hours", "ett/ETTh1.csv", ETT),
    "etth1-quantile": ("ETTh1, quantile loss", "ett/ETTh1.csv", (*ETT, "task.loss=quantile")),
    "jena": (
        "weather of Jena, 16 hours",
        "weather_jena2020/weather.csv",
        (*JENA, "trainer.limit_train_batches=100"),
    ),
    "new-york": ("weather of New York, 24 hours", "", ("data=weather", *DOW)),
    "stocks": ("returns of stocks", "", ("data=stocks", *SMALL, "trainer.max_epochs=2")),
    "dow": ("returns of the Dow", "stocks_djia30", ("data=stocks", *DOW)),
    "sine": ("sine", "", ("data=sine", *SMALL, "trainer.max_epochs=2")),
    "etth2": ("ETTh2, 96 hours", "ett/ETTh2.csv", (*ETT, "data.station=ETTh2")),
    "prices": (
        "prices of stocks, 5 days",
        "",
        ("data=stocks", "data.forecast=price", *PRICES, *SMALL, "trainer.max_epochs=2"),
    ),
    "dow-volatility": (
        "volatility of the Dow, quantile loss",
        "stocks_djia30",
        ("data=stocks", "data.forecast=volatility", "task.loss=quantile", *DOW),
    ),
}


def find_data(folder: Path, name: str) -> Path | None:
    """Return the file or folder of this name, which may be compressed; None without one."""
    paths = sorted((folder / name).parent.glob(f"{Path(name).name}*"))
    return paths[0] if paths else None


def train_sets(names: Sequence[str], data: Path | None, seeds: Sequence[int], output: Path) -> None:
    """Train the networks of some sets that are not there yet."""
    for name in names:
        _, file, settings = SETS[name]
        path = find_data(data, file) if data and file else None
        if file and path is None:
            print(f"{name}: needs {file} below --data; left out")
            continue
        words = [*settings, *COMMON, *([f"data.path={path}"] if path else [])]
        for seed in seeds:
            folder = output / f"{name}-{seed}"
            if RunFolder(folder).read_report().get("status") == "finished":
                continue
            print(f"{name}, seed {seed} ...", flush=True)
            with contextlib.redirect_stdout(io.StringIO()):
                rnnlab.run(*words, f"seed={seed}", f"run_dir={folder}")


def read_intervals(output: Path, name: str) -> list[dict[str, Any]]:
    """Return the intervals in the reports of a set, one of each seed."""
    reports = [RunFolder(path).read_report() for path in sorted(output.glob(f"{name}-[0-9]*"))]
    return [report["details"]["intervals"] for report in reports if report["status"] == "finished"]


def table(output: Path) -> str:
    """Return the Markdown table of all finished runs: the share of each seed, the mean width."""
    header = ["data", *(f"{level}%" for level in LEVELS), *(f"width, {level}%" for level in LEVELS)]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for name, (title, _, _) in SETS.items():
        if intervals := read_intervals(output, name):
            shares = [
                " ".join(f"{100 * seed[level]['coverage']:.1f}" for seed in intervals)
                for level in LEVELS
            ]
            widths = [
                f"{statistics.mean(seed[level]['width'] for seed in intervals):.3g}"
                for level in LEVELS
            ]
            lines.append("| " + " | ".join([title, *shares, *widths]) + " |")
    return "\n".join(lines)


def commands() -> str:
    """Return the command of each set."""
    lines = []
    for _, file, settings in SETS.values():
        path = [f"data.path=<{Path(file).name}>"] if file else []
        lines.append(f"    python train.py {' '.join([*settings, *path])}")
    return "\n".join(lines)


def write_page(output: Path) -> None:
    """Write docs/COVERAGE.md."""
    content = f"""# Coverage of prediction intervals

Share of the test values in prediction intervals of 80, 90 and 95%, in percent, a number for each
seed, and their mean width in the units of the scores. Written by `python -m benchmarks.coverage`;
[decision 16](decisions/0016-prediction-intervals.md) explains the method.

{table(output)}

The commands, each with `{" ".join(COMMON)} seed=0` and `seed=1`:

{commands()}
"""
    (ROOT / "docs" / "COVERAGE.md").write_text(content, encoding="utf-8")


def main(words: Sequence[str] | None = None) -> None:
    """Train what is missing, print the table and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, help="folder of the files; default: only other sets")
    parser.add_argument("--names", nargs="+", choices=SETS, default=list(SETS), help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="default: 0 1")
    parser.add_argument("--output", type=Path, default=Path("outputs", "coverage"))
    parser.add_argument("--page", action="store_true", help="write docs/COVERAGE.md, too")
    options = parser.parse_args(words)
    train_sets(options.names, options.data, options.seeds, options.output)
    print(table(options.output))
    if options.page:
        write_page(options.output)


if __name__ == "__main__":
    main()
