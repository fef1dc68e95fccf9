"""One page per result: it needs nothing else, shows text of users as text, and costs no run."""

import re
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnlab.config.schema import changed_settings
from rnnlab.experiment import results
from rnnlab.report.folder import RunFolder
from rnnlab.report.html import render_markdown
from rnnlab.report.page import DotChart, ResultPage, Section, answer_page
from rnnlab.report.run_page import MAX_FIGURE_BYTES, RunDescription, run_page
from rnnlab.report.tables import NumberTable
from tests.helpers.configs import compose
from tests.helpers.pages import check_offline, example_report

BAD = '"><script>alert(1)</script><img src=https://a.b/c>'


def png(path: Path, size: int = 100) -> Path:
    """The head of a PNG of 30 x 20 pixels."""
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + struct.pack(">II", 30, 20) + b"\0" * size)
    return path


def describe(*files: Path, **settings: Any) -> RunDescription:
    """Settings and files of a run."""
    return RunDescription(settings, frozenset({"trainer.x"}), files, "rnnlab repeat a")


def test_the_page_of_a_run_has_what_a_reader_asks(tmp_path: Path) -> None:
    text = tmp_path / "samples.md"
    text.write_text("# What it writes\n\n## Greedy\n\n    a text\n", encoding="utf-8")
    files = [png(tmp_path / "forecasts.png"), png(tmp_path / "learning_curves.png"), text]
    report = example_report()
    description = describe(*files, **{"trainer.x": 7, "seed": None})
    page = run_page(report, RunFolder(tmp_path), description).render()
    check_offline(page)
    assert "test/mse is 0.2500, better than the best baseline, naive, with 0.5000." in page
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        *("Scores", "Repeat", "Learning curves", "Forecasts"),
        *("What it writes", "Data", "Settings", "Environment", "Files"),
    ]
    assert "<th>trainer.x</th><td><b>7</b></td>" in page, "it is not the default"
    assert "<th>seed</th><td>null</td>" in page
    for part in ("rnnlab repeat a", "3 rows were empty", "abc with changes", "1,234 parameters"):
        assert part in page
    assert 'width="30" height="20"' in page
    assert '<a href="samples.md">' in page


def test_text_of_users_stays_text(tmp_path: Path) -> None:
    text = tmp_path / "examples.md"
    text.write_text(f"# {BAD}\n\n{BAD} ![x](https://a.b/c) [y](https://a.b)\n", encoding="utf-8")
    data = {**example_report()["data"], "name": BAD, "notes": [BAD]}
    classes = {BAD: {"precision": 1.0, "targets": 3}}
    report = example_report(
        name=BAD, data=data, findings=[BAD], details={"by_class": classes}, variant=BAD
    )
    page = run_page(report, RunFolder(tmp_path), describe(text, **{BAD: BAD})).render()
    elements = check_offline(page)
    assert not elements.count("img")
    assert page.count("&lt;script&gt;alert(1)") >= 8


def test_markdown_of_a_page_has_no_html_and_no_links() -> None:
    html = render_markdown("<b>a</b> [a](https://x.y) ![b](https://x.y/z.png)\n\n> quote")
    assert "<b>" not in html
    assert "<a" not in html
    assert "<img" not in html
    assert "<blockquote>" in html


def test_figures_are_bounded(tmp_path: Path) -> None:
    files = [png(tmp_path / f"{name}.png", MAX_FIGURE_BYTES // 2) for name in "abc"]
    page = run_page(example_report(), RunFolder(tmp_path), describe(*files)).render()
    check_offline(page)
    assert page.count("<img") == 1
    assert "Too large for this page: see c.png" in page


def test_a_page_of_an_answer(tmp_path: Path) -> None:
    table = NumberTable(["model", "mean"])
    table.add_row(BAD, "0.1")
    chart = DotChart("test/mse", {"gru": [1.0, 2.0], BAD: [3.0, float("nan")]})
    page = answer_page("A study", "GRU is better (p = .01).", chart, table, "Which?").render()
    check_offline(page)
    answer, figure, result = page.index("GRU is better"), page.index("<svg"), page.index("<table")
    assert answer < figure < result
    assert page.count("<circle") == 3
    path = ResultPage("t", sections=[Section("a", figure=png(tmp_path / "a.png"))]).write(tmp_path)
    assert path.name == "report.html"


@pytest.mark.parametrize("rows", [{"a": [5.0]}, {"a": []}, {"a": [-1e308, 1e308]}, {"a": [0.0]}])
def test_a_chart_places_any_values(rows: dict[str, list[float]]) -> None:
    chart = DotChart("x", rows)
    for row in chart.placed_rows:
        assert all(0 <= x <= chart.WIDTH for x in row["dots"])


def test_changes_are_the_settings_that_are_not_the_default() -> None:
    plain = compose("data=sine", "model=gru", "model.hidden_size=7", "trainer.max_epochs=3")
    changes = changed_settings(plain)
    assert {"model.hidden_size", "trainer.max_epochs"} <= changes
    assert not {"model.num_layers", "seed", "data.noise", "model._target_"} & changes


@pytest.mark.parametrize("page", [True, False])
def test_a_run_goes_on_without_a_page(
    page: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error is printed; page=false writes none."""
    monkeypatch.setattr(results, "asdict", vars)
    parts = SimpleNamespace(config=SimpleNamespace(page=page), folder=RunFolder(tmp_path))
    results.write_run_page(parts, {}, [])  # type: ignore[arg-type]
    output = capsys.readouterr().out
    assert ("page=false switches it off" in output) == page
    assert not (tmp_path / "report.html").exists()
