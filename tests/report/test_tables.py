"""Console tables show every number completely, whatever the width of the terminal."""

import io
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.report.console import print_results, scores_table
from rnnlab.report.data_console import build_table
from rnnlab.report.folder import RunFolder
from rnnlab.report.tables import NumberTable
from rnnlab.runtime.console import PlainConsole
from tests.helpers.configs import ROOT

names = st.text(string.ascii_lowercase + " _[]/", min_size=1, max_size=22).map(str.strip)
numbers = st.floats(allow_nan=True, allow_infinity=True)


def printed(table: NumberTable, width: int) -> str:
    console = PlainConsole(file=io.StringIO(), width=width)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    return text


@st.composite
def reports(draw: st.DrawFn) -> dict:
    """Draw a report with up to 14 metrics and up to 8 baselines."""
    metrics = draw(st.lists(names, min_size=1, max_size=14, unique=True))
    values = {name: st.dictionaries(st.sampled_from(metrics), numbers) for name in ("val", "test")}
    scores = {f"{s}/{k}": v for s in values for k, v in draw(values[s]).items()}
    baselines = draw(st.dictionaries(names, values["test"], max_size=8))
    flat = {k: {f"test/{n}": v for n, v in m.items()} for k, m in baselines.items()}
    return {"name": "name", "seed": 0, "scores": scores, "baselines": flat}


@pytest.mark.slow
@settings(max_examples=150)
@given(reports(), st.integers(40, 200))
def test_a_table_of_scores_has_every_number_at_every_width(report: dict, width: int) -> None:
    table = scores_table(report)
    text = printed(table, width)
    # A number is a whole word of the text, as often as it is in the table.
    words = text.replace("│", " ").split()
    for row in table.rows:
        for cell in row[1:]:
            assert cell == "-" or words.count(cell) >= sum(r[1:].count(cell) for r in table.rows)


def test_a_wide_table_is_divided_and_a_very_wide_one_becomes_a_list() -> None:
    table = NumberTable(["", "first", "second"], title="title")
    table.add_row("one", "1.0000", "2.0000")
    table.add_row("two", "3.0000")
    assert printed(table, 40).count("first") == 1
    assert len(printed(table, 40).splitlines()) == 7
    narrow = printed(table, 18).splitlines()
    assert sum("┏" in line for line in narrow) == 2
    assert [line.rstrip() for line in printed(table, 14).splitlines()] == [
        *("title", "one", "  first:", "1.0000", "  second:", "2.0000", "two", "  first:", "3.0000")
    ]


@pytest.mark.parametrize("width", range(40, 201, 5))
def test_the_results_of_a_run_are_complete_at_every_width(width: int) -> None:
    scores = {f"{s}/{m}": 12345.678901 for s in ("val", "test") for m in ("mse", "mae", "mase")}
    report = {
        "name": "a-rather-long-name-of-a-run",
        "seed": 12,
        "scores": {**scores, "test/smape": 4.5678e12},
        "baselines": {"ridge of each variable": {"test/mse": 0.000012345}},
        "model": {"parameters": 1_234_567},
        "evaluated_targets": {"val": 10_000, "test": 20_000},
        "seconds": {"fit": 12.3},
        "speed": {"samples_per_second": 1.0, "tokens_per_second": 2.0},
        "peak_memory": {},
    }
    console = PlainConsole(file=io.StringIO(), width=width)
    print_results(report, RunFolder(ROOT), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("12345.6789") == 6
    assert all(number in text for number in ("4.5678e+12", "1.23e-05", "1,234,567", "20,000"))


def test_the_name_of_a_column_is_not_markup() -> None:
    table = build_table("read", [("CO[red]", ["1 .. 2"])], ["train"])
    assert "CO[red]" in printed(table, 80)
