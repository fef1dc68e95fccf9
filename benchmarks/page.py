"""Kept results of the benchmarks, and docs/PERFORMANCE.md, which is written from them.

The results of earlier measurements may be gone, so the page itself is their record: a section
stays as it is until its benchmark has a new result.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.pairs import Result, Row

PAGE = Path(__file__).parents[1] / "docs" / "PERFORMANCE.md"
INTRODUCTION = """\
# Performance

Written by `python -m benchmarks ... --page` from the results in `outputs/benchmarks/`; a section
stays as it is until its benchmark has a new result. Processors with AVX-512 and those with AVX2
have sections of their own. A value is the median over pairs: both sides work in turn, so that a
slow moment slows both. A ratio is that of the two columns beside it, in the direction that the row
states; values with a unit were measured alone. The quartiles show how much the pairs differ. A bar
is the criterion of the project for the median. CPU time depends little on other programs; where the
load of a section was higher than the number of cores, its wall times belong to a busy machine.
`python -m benchmarks --help` lists all benchmarks and their options."""
SECTION = re.compile(r"^## ([^\n]+)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ON = " on "  # between a benchmark and the vectors of a processor, as in `kernels on AVX2`
COLUMNS = ("what", "this project", "other", "value", "quartiles", "pairs", "bar", "")
FACTS = ("command", "commit", "threads", "method", "load", "other work", "date")


def keep_results(
    folder: Path, name: str, facts: Mapping[str, str], results: Sequence[Result]
) -> None:
    """Write the rows and notes of a benchmark, with the facts of its measurement."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "facts": dict(facts),
        "rows": [row.plain() for row in results if isinstance(row, Row)],
        "notes": [note for note in results if isinstance(note, str)],
    }
    text = json.dumps(content, indent=2) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def write_page(folder: Path, descriptions: Mapping[str, str], page: Path = PAGE) -> None:
    """Write the page from the kept results, and from its sections of other benchmarks.

    Args:
        folder: of the results.
        descriptions: name of a benchmark -> its first line, in the order of the page.
        page: file that is written.
    """
    sections = read_sections(page)
    for name, description in descriptions.items():
        path = folder / f"{name}.json"
        if path.exists():
            content = json.loads(path.read_text(encoding="utf-8"))
            heading = write_heading(name, content["facts"])
            sections[heading] = write_section(heading, description, content)
    order = {name: position for position, name in enumerate(descriptions)}
    known = [heading for heading in sections if benchmark_of(heading) in order]
    headings = sorted(known, key=lambda heading: (order[benchmark_of(heading)], heading))
    parts = [INTRODUCTION, *(sections[heading] for heading in headings)]
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def read_sections(page: Path) -> dict[str, str]:
    """Return heading -> section of a page; none if there is no page."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return {match[1]: match[0].strip("\n") for match in SECTION.finditer(text)}


def write_heading(name: str, facts: Mapping[str, str]) -> str:
    """Return the heading of a benchmark, with the vectors of the processor if they are known.

    >>> write_heading("kernels", {"vectors": "AVX2"}), write_heading("kernels", {"vectors": ""})
    ('kernels on AVX2', 'kernels')
    """
    return f"{name}{ON}{facts['vectors']}" if facts.get("vectors") else name


def benchmark_of(heading: str) -> str:
    """Return the name of the benchmark of a section."""
    return heading.partition(ON)[0]


def write_section(heading: str, description: str, content: Mapping[str, Any]) -> str:
    """Return the section of a benchmark."""
    facts = content["facts"]
    lines = [f"{name}: {facts[name]}" for name in (*FACTS, "processor", "versions")]
    parts = [f"## {heading}", description, "\n".join(f"    {line}" for line in lines)]
    if content["rows"]:
        parts.append(write_table([Row(**values_of(row)) for row in content["rows"]]))
    parts += [f"Not measured: {note}." for note in content["notes"]]
    return "\n\n".join(parts)


def values_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a kept row, without what follows from them."""
    return {name: row[name] for name in Row.__dataclass_fields__}


def write_table(rows: Sequence[Row]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(write_cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def write_cells(row: Row) -> list[str]:
    """Return the cells of a row, for the page and for the terminal."""
    low, high = (format_value(value) for value in row.quartiles)
    sign = "" if row.bar is None else ">= " if row.at_least else "<= "
    return [
        row.what,
        row.ours,
        row.other,
        f"{format_value(row.median)} {row.unit}".strip(),
        f"{low} to {high}" if len(row.values) > 1 else "",
        str(len(row.values)),
        "-" if row.bar is None else f"{sign}{format_value(row.bar)}",
        {None: "", True: "met", False: "**missed**"}[row.meets_bar],
    ]


def format_value(value: float) -> str:
    """Return a number with three or more digits.

    >>> format_value(1.2345), format_value(123.456), format_value(0.0123), format_value(2.0)
    ('1.23', '123', '0.0123', '2.00')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"
