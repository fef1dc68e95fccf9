"""Console output of the description of a data set."""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from rnnlab.report.tables import NumberTable
from rnnlab.runtime.console import PlainConsole

MAX_ROWS = 24  # of classes or variables; the file contains all
WIDTH = 100  # columns of a file or pipe

Facts = Mapping[str, Any]
TableRow = tuple[str, list[str]]
Cell = Callable[[Facts], str]


def print_description(
    name: str, facts: Facts, files: Iterable[Path], console: PlainConsole | None = None
) -> None:
    """Print the source, the statistics of each split, examples, and the paths of the figures.

    `facts` is a Description as plain values.
    """
    console = console or PlainConsole()
    if not console.is_terminal:
        console.width = WIDTH
    for label, line in describe_source(name, facts).items():
        console.print(f"{label:<9}{line}", soft_wrap=True)
    for note in facts["data"]["notes"]:
        console.print(f"         ({note})", soft_wrap=True)
    for table in build_tables(facts["splits"]):
        console.print(table)
    for split, statistics in facts["splits"].items():
        for example in statistics["examples"]:
            print_example(console, split, example)
    console.print()
    for file in files:
        console.print(f"written  {file}", soft_wrap=True)


def describe_source(name: str, facts: Facts) -> dict[str, str]:
    """Return the name, the source, the hash and the sizes."""
    spec = facts["spec"]
    sizes = ", ".join(
        f"{key} {value:,}" if isinstance(value, int) else f"{key} {value:.4g}"
        for key, value in spec.items()
        if isinstance(value, int | float)
    )
    return {
        "data": f"{name}: {facts['class']}, for task={' or '.join(facts['tasks'])}",
        "source": facts["line"],
        "sha256": facts["data"]["sha256"],
        "sizes": sizes,
        **facts["extra"],
    }


def build_tables(splits: Mapping[str, Facts]) -> list[NumberTable]:
    """Return tables of statistics, and of classes and variables if the data has them."""
    tables = [build_table("", statistic_rows(splits), splits)]
    first = next(iter(splits.values()))
    if "classes" in first:
        tables.append(build_table("class", shorten_rows(class_rows(splits)), splits))
    for kind, title in (("inputs", "read"), ("outputs", "to predict")):
        if kind in first:
            tables.append(build_table(title, shorten_rows(variable_rows(splits, kind)), splits))
    return tables


def build_table(title: str, rows: Iterable[TableRow], splits: Iterable[str]) -> NumberTable:
    """Return a table with a row for each fact and a column for each split."""
    table = NumberTable([title, *splits])
    for name, cells in rows:
        table.add_row(name, *cells)
    return table


def shorten_rows(rows: list[TableRow]) -> list[TableRow]:
    """Return the first rows, and one with the number of the others."""
    rest = len(rows) - MAX_ROWS
    return rows if rest <= 0 else [*rows[:MAX_ROWS], (f"and {rest:,} more rows", [])]


def statistic_rows(splits: Mapping[str, Facts]) -> list[TableRow]:
    """Return rows of sizes, lengths, batches and tokens."""
    first = next(iter(splits.values()))
    rows: dict[str, Cell] = {"targets": lambda facts: f"{facts['targets']:,}"}
    rows |= length_rows("steps", "steps", splits)
    if "steps_uncut" in first:
        rows |= length_rows("steps, uncut", "steps_uncut", splits)
        rows["cut"] = lambda facts: f"{facts['cut']:.1%}"
    rows["batches"] = format_batches
    if any(facts["steps"]["min"] < facts["steps"]["max"] for facts in splits.values()):
        rows["valid steps / padded"] = lambda facts: f"{facts['efficiency']:.1%}"
        rows["in random batches"] = lambda facts: f"{facts['random_efficiency']:.1%}"
    if "tokens" in first:
        rows["tokens read"] = lambda facts: f"{facts['tokens']['read']:,}"
        rows["different ones"] = lambda facts: f"{facts['tokens']['distinct']:,}"
        rows["read as <unk>"] = lambda facts: f"{facts['tokens']['unknown']:.2%}"
    if "target_tokens" in first:
        rows |= length_rows("tokens to say", "target_tokens", splits)
    return [(name, [cell(facts) for facts in splits.values()]) for name, cell in rows.items()]


def length_rows(title: str, key: str, splits: Mapping[str, Facts]) -> dict[str, Cell]:
    """Return one row if all lengths are equal, else three."""
    rows: dict[str, Cell] = {title: lambda facts: format_limits(facts[key])}
    if any(facts[key]["min"] < facts[key]["max"] for facts in splits.values()):
        rows[f"{title}: median, mean"] = lambda facts: format_center(facts[key])
        rows[f"{title}: 90% within"] = lambda facts: format_inner_range(facts[key])
    return rows


def format_batches(facts: Facts) -> str:
    """Return number and size of the batches, and the number of counted ones unless all."""
    text = f"{facts['batches']:,} of {facts['batch_size']:,}"
    if facts["read_batches"] < facts["batches"]:
        text += f" ({facts['read_batches']:,} counted)"
    return text


def format_limits(numbers: Mapping[str, float]) -> str:
    """Return the smallest and the largest number.

    >>> format_limits({"min": 50.0, "max": 50.0}), format_limits({"min": 1, "max": 1200})
    ('50', '1 .. 1,200')
    """
    low, high = f"{numbers['min']:,.0f}", f"{numbers['max']:,.0f}"
    return low if low == high else f"{low} .. {high}"


def format_center(numbers: Mapping[str, float]) -> str:
    """Return median and mean."""
    return f"{numbers['median']:,.0f}, {numbers['mean']:,.1f}"


def format_inner_range(numbers: Mapping[str, float]) -> str:
    """Return the 5th and the 95th percentile."""
    return f"{numbers['5%']:,.0f} .. {numbers['95%']:,.0f}"


def class_rows(splits: Mapping[str, Facts]) -> list[TableRow]:
    """Return a row of counts and shares for each class."""
    counts = [facts["classes"] for facts in splits.values()]
    totals = [max(sum(members.values()), 1) for members in counts]
    pairs = list(zip(counts, totals, strict=True))
    return [(name, [f"{m[name]:,} ({m[name] / n:.1%})" for m, n in pairs]) for name in counts[0]]


def variable_rows(splits: Mapping[str, Facts], kind: str) -> list[TableRow]:
    """Return rows with mean, deviation, range and missing values of each variable."""
    columns = [facts[kind] for facts in splits.values()]
    rows: list[TableRow] = []
    for name in columns[0]:
        members = [variables[name] for variables in columns]
        rows.append((name, [format_mean(m["mean"], m["std"]) for m in members]))
        rows.append(("  range", [format_low_high(m["low"], m["high"]) for m in members]))
        if any(m["missing"] for m in members):
            rows.append(("  missing", [f"{m['missing']:.2%}" for m in members]))
    return rows


def format_mean(mean: float, deviation: float) -> str:
    """Return a mean and a standard deviation, to the digits that the deviation has.

    >>> format_mean(123456789.17, 3.41), format_mean(0.0123, 1.0), format_mean(5.0, 0.0)
    ('123456789.17 +- 3.41', '0.0123 +- 1', '5 +- 0')
    """
    return f"{mean:.{significant_digits(mean, deviation)}g} +- {deviation:.3g}"


def format_low_high(low: float, high: float) -> str:
    """Return two ends, to the digits in which they differ.

    >>> format_low_high(123456789.17, 123456795.0), format_low_high(-1.5, 2.25)
    ('123456789.17 .. 123456795', '-1.5 .. 2.25')
    """
    digits = significant_digits(max(abs(low), abs(high)), high - low)
    return f"{low:.{digits}g} .. {high:.{digits}g}"


def significant_digits(level: float, spread: float) -> int:
    """Return the digits of numbers around a level that show three digits of their spread."""
    if not (math.isfinite(level) and math.isfinite(spread) and level and spread):
        return 3
    return min(max(3 + math.floor(math.log10(abs(level))) - math.floor(math.log10(spread)), 3), 15)


def print_example(console: PlainConsole, split: str, example: Facts) -> None:
    """Print one target with its inputs."""
    lines = dict(example["shown"])
    if example["read"] not in lines.values():
        lines["read"] = example["read"]
    lines["target"] = example["target"]
    console.print(f"\n{split} {example['row']:,}", style="bold")
    for name, line in lines.items():
        text = " ".join(line.split())
        console.print(f"  {name:<11}{text}", soft_wrap=True)
