"""What a data set is, on the screen."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MANY = 24  # rows of classes or variables; the file holds them all
WIDTH = 100  # in a file or a pipe

Facts = Mapping[str, Any]
Row = tuple[str, list[str]]
Cell = Callable[[Facts], str]


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
        made.append(table("class", shortened(classes(splits)), splits))
    for kind, title in (("inputs", "read"), ("outputs", "to predict")):
        if kind in known:
            made.append(table(title, shortened(variables(splits, kind)), splits))
    return made


def table(title: str, rows: Iterable[Row], splits: Iterable[str]) -> Table:
    """A row for each fact, a column for each split."""
    made = Table()
    made.add_column(title)
    for split in splits:
        made.add_column(split, justify="right")
    for name, cells in rows:
        made.add_row(escape(name), *cells)
    return made


def shortened(rows: list[Row]) -> list[Row]:
    """The first of them, and how many there are beside."""
    rest = len(rows) - MANY
    return rows if rest <= 0 else [*rows[:MANY], (f"and {rest:,} more rows", [])]


def statistics(splits: Mapping[str, Facts]) -> list[Row]:
    """Sizes, lengths, batches and tokens."""
    known = next(iter(splits.values()))
    rows: dict[str, Cell] = {"targets": lambda facts: f"{facts['targets']:,}"}
    rows |= lengths("steps", "steps", splits)
    if "steps_uncut" in known:
        rows |= lengths("steps, uncut", "steps_uncut", splits)
        rows["cut"] = lambda facts: f"{facts['cut']:.1%}"
    rows["batches"] = batches
    if any(facts["steps"]["min"] < facts["steps"]["max"] for facts in splits.values()):
        rows["valid steps / padded"] = lambda facts: f"{facts['efficiency']:.1%}"
        rows["in random batches"] = lambda facts: f"{facts['random_efficiency']:.1%}"
    if "tokens" in known:
        rows["tokens read"] = lambda facts: f"{facts['tokens']['read']:,}"
        rows["different ones"] = lambda facts: f"{facts['tokens']['distinct']:,}"
        rows["read as <unk>"] = lambda facts: f"{facts['tokens']['unknown']:.2%}"
    if "target_tokens" in known:
        rows |= lengths("tokens to say", "target_tokens", splits)
    return [(name, [cell(facts) for facts in splits.values()]) for name, cell in rows.items()]


def lengths(title: str, key: str, splits: Mapping[str, Facts]) -> dict[str, Cell]:
    """One row where all are of one length, else three."""
    rows: dict[str, Cell] = {title: lambda facts: span(facts[key])}
    if any(facts[key]["min"] < facts[key]["max"] for facts in splits.values()):
        rows[f"{title}: median, mean"] = lambda facts: middle(facts[key])
        rows[f"{title}: 90% within"] = lambda facts: inner(facts[key])
    return rows


def batches(known: Facts) -> str:
    """How many, of what size; and how many of them were counted, if not all."""
    text = f"{known['batches']:,} of {known['batch_size']:,}"
    if known["read_batches"] < known["batches"]:
        text += f" ({known['read_batches']:,} counted)"
    return text


def span(numbers: Mapping[str, float]) -> str:
    """The smallest and the largest.

    >>> span({"min": 50.0, "max": 50.0}), span({"min": 1, "max": 1200})
    ('50', '1 .. 1,200')
    """
    low, high = f"{numbers['min']:,.0f}", f"{numbers['max']:,.0f}"
    return low if low == high else f"{low} .. {high}"


def middle(numbers: Mapping[str, float]) -> str:
    """Median and mean."""
    return f"{numbers['median']:,.0f}, {numbers['mean']:,.1f}"


def inner(numbers: Mapping[str, float]) -> str:
    """From the 5th to the 95th percentile."""
    return f"{numbers['5%']:,.0f} .. {numbers['95%']:,.0f}"


def classes(splits: Mapping[str, Facts]) -> list[Row]:
    """Counts and shares of each class."""
    counts = [facts["classes"] for facts in splits.values()]
    totals = [max(sum(members.values()), 1) for members in counts]
    pairs = list(zip(counts, totals, strict=True))
    return [(name, [f"{m[name]:,} ({m[name] / n:.1%})" for m, n in pairs]) for name in counts[0]]


def variables(splits: Mapping[str, Facts], kind: str) -> list[Row]:
    """Where the numbers of each variable lie."""
    known = [facts[kind] for facts in splits.values()]
    rows: list[Row] = []
    for name in known[0]:
        members = [variables[name] for variables in known]
        rows.append((name, [f"{m['mean']:.3g} +- {m['std']:.3g}" for m in members]))
        rows.append(("  range", [f"{m['low']:.3g} .. {m['high']:.3g}" for m in members]))
        if any(m["missing"] for m in members):
            rows.append(("  missing", [f"{m['missing']:.2%}" for m in members]))
    return rows


def print_example(console: Console, split: str, example: Facts) -> None:
    """One target with what stands before it."""
    lines = dict(example["shown"])
    if example["read"] not in lines.values():
        lines["read"] = example["read"]
    lines["target"] = example["target"]
    console.print(f"\n{split} {example['row']:,}", style="bold", highlight=False)
    for name, line in lines.items():
        text = " ".join(line.split())
        console.print(f"  {name:<11}{text}", highlight=False, markup=False, soft_wrap=True)
