"""A comparison as a table of the console, CSV, Markdown, LaTeX, HTML or JSON."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from rnnlab.comparison.result import RunComparison
from rnnlab.report.page import DotChart, Section, answer_page
from rnnlab.report.tables import NumberTable
from rnnlab.runtime.console import PlainConsole

LATEX_CHARACTERS = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
}


def print_comparison(comparison: RunComparison) -> None:
    """Print the table, the answer and the notes."""
    console = PlainConsole()
    console.print(console_table(comparison))
    for statement in comparison.statements:
        console.print(statement, soft_wrap=True)
    for note in comparison.notes:
        console.print(f"note: {note}", soft_wrap=True)


def console_table(comparison: RunComparison) -> NumberTable:
    """Return the table of the console."""
    rows = comparison.text_rows()
    table = NumberTable([*rows[0]])
    for row in rows:
        table.add_row(*row.values())
    return table


def format_csv(comparison: RunComparison) -> str:
    """Return plain values as CSV; an undefined one is empty."""
    rows, file = comparison.rows(), io.StringIO()
    writer = csv.DictWriter(file, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().rstrip("\n")


def comparison_content(comparison: RunComparison) -> dict[str, Any]:
    """Return the answer, a row of plain values for each configuration, folders and notes."""
    return {
        "metric": comparison.metric,
        "mode": comparison.mode,
        "answer": comparison.sentence,
        "statements": comparison.statements,
        "configurations": comparison.rows(),
        "folders": {
            one.group.label: [str(run.folder) for run in one.group.runs.values()]
            for one in comparison.groups
        },
        "notes": list(comparison.notes),
    }


def format_json(comparison: RunComparison) -> str:
    """Return plain values, the answer, the folders and the notes as JSON."""
    return json.dumps(comparison_content(comparison), indent=2, ensure_ascii=False)


def format_markdown(comparison: RunComparison) -> str:
    """Return the table in Markdown, below the answer."""
    rows = comparison.text_rows()
    lines = [[*rows[0]], ["---", *["---:"] * (len(rows[0]) - 1)], *([*r.values()] for r in rows)]
    cells = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join([*comparison.statements, "", *(f"| {' | '.join(line)} |" for line in cells)])


def format_latex(comparison: RunComparison) -> str:
    """Return a tabular of LaTeX (package booktabs)."""
    rows = comparison.text_rows()
    lines = [
        " & ".join(map(_escape_latex, line)) + r" \\"
        for line in ([*rows[0]], *([*row.values()] for row in rows))
    ]
    head = [rf"\begin{{tabular}}{{l{'r' * (len(rows[0]) - 1)}}}", r"\toprule", lines[0]]
    return "\n".join([*head, r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"])


def _escape_latex(text: str) -> str:
    return "".join(LATEX_CHARACTERS.get(char, char) for char in text)


def format_page(comparison: RunComparison) -> str:
    """Return a page that needs no network: the answer, the scores of all seeds, the table."""
    rows = comparison.text_rows()
    table = NumberTable([*rows[0]])
    for row in rows:
        table.add_row(*row.values())
    scores = {one.group.label: [*one.scores.values()] for one in comparison.groups}
    chart = DotChart(f"{comparison.metric}: a dot for each seed, the mean as a line", scores)
    answer, *statements = comparison.statements
    sections = [Section("What it holds for", sentences=statements)] if statements else []
    sections += [Section("Left out", sentences=comparison.notes)] if comparison.notes else []
    return answer_page(
        f"Comparison, {comparison.metric}", answer, chart, table, "", sections
    ).render()


WRITERS: dict[str, Callable[[RunComparison], str]] = {
    "csv": format_csv,
    "html": format_page,
    "json": format_json,
    "latex": format_latex,
    "md": format_markdown,
}
