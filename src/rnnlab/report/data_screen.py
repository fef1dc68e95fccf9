"""What a data set is, on the screen."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

MANY = 12  # classes or variables in a table; the file holds them all
WIDTH = 100  # in a file or a pipe

Facts = Mapping[str, Any]


def page(name: str, facts: Facts, files: Iterable[Path], console: Console | None = None) -> None:
    """Print what was read, the statistics of each split, examples, and where the pictures are.

    Args:
        name: of the choice, as in data=<name>.
        facts: a Description as plain values.
        files: that were written.
        console: to print on; the terminal where none is given.
    """
    console = console or Console()
    if not console.is_terminal:
        console.width = WIDTH
    for word, line in head(name, facts).items():
        console.print(f"{word:<9}{line}", highlight=False, markup=False, soft_wrap=True)
    for note in facts["data"]["notes"]:
        console.print(f"         ({note})", highlight=False, markup=False, soft_wrap=True)
    for table in tables(facts["splits"]):
        console.print(table)
    for split, known in facts["splits"].items():
        for example in known["examples"]:
            print_example(console, split, example)
    console.print()
    for file in files:
        console.print(f"written  {file}", highlight=False, markup=False, soft_wrap=True)


def head(name: str, facts: Facts) -> dict[str, str]:
    """What it is and where it is from."""
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


def tables(splits: Mapping[str, Facts]) -> list[Table]:
    """Statistics of the splits side by side, then classes and variables, if there are any."""
    made = [table("", statistics(splits), splits)]
    known = next(iter(splits.values()))
    if "classes" in known:
        made.append(table("class", classes(splits), splits))
    for kind, title in (("inputs", "read"), ("outputs", "to predict")):
        if kind in known:
            made.append(table(f"{title}: mean +- std, range", variables(splits, kind), splits))
    return made


def table(title: str, rows: Mapping[str, list[str]], splits: Iterable[str]) -> Table:
    """A row for each fact, a column for each split."""
    made = Table(title=None, title_justify="left")
    made.add_column(title)
    for split in splits:
        made.add_column(split, justify="right")
    for name, cells in list(rows.items())[:MANY]:
        made.add_row(name, *cells)
    if len(rows) > MANY:
        made.add_row(f"and {len(rows) - MANY:,} more")
    return made


def statistics(splits: Mapping[str, Facts]) -> dict[str, list[str]]:
    """Sizes, lengths, batches and tokens."""
    rows: dict[str, Callable[[Facts], str]] = {
        "targets": lambda known: f"{known['targets']:,}",
        "steps read": lambda known: spread(known["steps"]),
        "steps, whole": lambda known: spread(known["steps_uncut"]),
        "cut": lambda known: f"{known['cut']:.1%}",
        "batches": lambda known: batches(known),
        "no padding": lambda known: f"{known['efficiency']:.1%}",
        "in random batches": lambda known: f"{known['random_efficiency']:.1%}",
        "tokens read": lambda known: f"{known['tokens']['read']:,}",
        "different": lambda known: f"{known['tokens']['distinct']:,}",
        "read as <unk>": lambda known: f"{known['tokens']['unknown']:.2%}",
        "target tokens": lambda known: spread(known["target_tokens"]),
    }
    made: dict[str, list[str]] = {}
    for name, cell in rows.items():
        try:
            made[name] = [cell(known) for known in splits.values()]
        except KeyError:  # a fact that this kind of data has not
            continue
    return made


def batches(known: Facts) -> str:
    """How many, of what size; and how many of them were counted, if not all."""
    text = f"{known['batches']:,} of {known['batch_size']:,}"
    if known["read_batches"] < known["batches"]:
        text += f" ({known['read_batches']:,} counted)"
    return text


def spread(numbers: Mapping[str, float]) -> str:
    """Percentiles as text.

    >>> spread({"min": 50.0, "max": 50.0})
    '50'
    >>> spread({"min": 1, "5%": 2, "median": 5, "mean": 5.25, "95%": 8, "max": 1200})
    '1 .. 1,200, median 5, mean 5.2, 90% in 2 .. 8'
    """
    low, high = f"{numbers['min']:,.0f}", f"{numbers['max']:,.0f}"
    if low == high:
        return low
    inner = f"{numbers['5%']:,.0f} .. {numbers['95%']:,.0f}"
    middle = f"median {numbers['median']:,.0f}, mean {numbers['mean']:,.1f}"
    return f"{low} .. {high}, {middle}, 90% in {inner}"


def classes(splits: Mapping[str, Facts]) -> dict[str, list[str]]:
    """Counts and shares of each class."""
    totals = {split: max(sum(known["classes"].values()), 1) for split, known in splits.items()}
    return {
        name: [
            f"{known['classes'][name]:,} ({known['classes'][name] / totals[split]:.1%})"
            for split, known in splits.items()
        ]
        for name in next(iter(splits.values()))["classes"]
    }


def variables(splits: Mapping[str, Facts], kind: str) -> dict[str, list[str]]:
    """Where the numbers of each variable lie."""
    return {
        name: [moments(known[kind][name]) for known in splits.values()]
        for name in next(iter(splits.values()))[kind]
    }


def moments(known: Mapping[str, float]) -> str:
    """Mean, standard deviation, range, and what is missing.

    >>> moments({"mean": 0.5, "std": 0.25, "low": 0, "high": 1, "missing": 0.125})
    '0.5 +- 0.25, 0 .. 1, 12.5% missing'
    """
    text = f"{known['mean']:.3g} +- {known['std']:.3g}, {known['low']:.3g} .. {known['high']:.3g}"
    return f"{text}, {known['missing']:.1%} missing" if known["missing"] else text


def print_example(console: Console, split: str, example: Facts) -> None:
    """One target with what stands before it."""
    lines = {**example["shown"], "read": example["read"], "target": example["target"]}
    console.print(f"\n{split} {example['row']:,}", style="bold", highlight=False)
    for name, line in lines.items():
        text = " ".join(line.split())
        console.print(f"  {name:<9}{text}", highlight=False, markup=False, soft_wrap=True)
