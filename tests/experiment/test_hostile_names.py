"""Whole runs whose classes have names that a console, a figure or a page could misread."""

import csv
import itertools
from pathlib import Path
from typing import Any

import pytest

from rnnlab.commands.describe import main as describe
from rnnlab.experiment.run import run
from tests.helpers.configs import compose

NAMES = [
    *("$", "$10_$20", "[/b]", "<script>alert(1)</script>", "\u202emirrored", "\U0001f642"),
    "x" * 300,
]


def write_texts(file: Path) -> Path:
    """Write 12 texts for each class; one class is in the test split only."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["text", "label"])
        for name, i in itertools.product(NAMES, range(12)):
            table.writerow([f"word{chr(97 + i)} {name} <b>{chr(97 + len(name) % 26)}</b>", name])
    return file


def config(folder: Path, *words: str) -> dict[str, Any]:
    """Return the config of a small run, which is wrong about most texts."""
    plain = compose("data=text_classification", "trainer=cpu", "trainer.max_epochs=1", *words)
    plain["data"]["path"] = str(write_texts(folder / "[v2] $a.csv"))
    plain["output_dir"], plain["model"]["hidden_size"] = str(folder), 4
    return plain


@pytest.mark.slow
def test_a_run_shows_the_names_of_its_classes_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def peak_memory(kind: str) -> dict[str, float]:
        assert any(tmp_path.rglob("confusion_matrix.png")), "measured after the figures"
        return {"process": 1.0}

    monkeypatch.setattr("rnnlab.runtime.environment.peak_memory_mb", peak_memory)
    done = run(config(tmp_path, "name='[/b] $x'"))
    output = capsys.readouterr().out
    assert done.report["status"] == "finished"
    assert f"local ({tmp_path}/[v2] $a.csv)" in output
    assert "[/b] $x" in output
    page = (done.folder.path / "most_confidently_wrong.md").read_text(encoding="utf-8")
    assert "\\<b\\>" in page
    assert "<script>" not in page
    assert "\u202e" not in page


def test_the_description_shows_the_names_of_the_classes_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_texts(tmp_path / "[v2] $a.csv")
    describe(["text_classification", f"data.path='{path}'", f"output_dir={tmp_path}"])
    output = capsys.readouterr().out
    assert str(path) in output
    assert "$10_$20" in output
    assert "[/b]" in output
    assert "\u202e" not in output
    assert [*tmp_path.rglob("class*.png")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("class_names_with_dollars/yelp_price.csv", "$$$"),
        ("class_names_with_dollars/l_dollar.csv", "$20_$50"),
        ("markup_in_notes_and_paths/m_markup", "[/b]"),
        ("markup_in_notes_and_paths/x[v2]/data.csv", "x[v2]"),
    ],
)
def test_names_that_once_ended_a_run_are_shown(
    case: str, name: str, text_cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"data.path='{text_cases / case}'", f"output_dir={tmp_path}"]
    describe(["text_classification", *words])
    assert name in capsys.readouterr().out
    assert [*tmp_path.rglob("class*.png")]
