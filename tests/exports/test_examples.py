"""The example of an export, without torch and rnnlab, gives the answers of rnnlab predict."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import rnnlab
from rnnlab.exports.examples import EXAMPLES, ExportExample
from rnnlab.exports.export import export_run
from rnnlab.exports.folder import EXAMPLE_TEMPLATES
from rnnlab.inference.trained_run import TrainedRun
from tests.helpers.configs import walks_file
from tests.helpers.exports import WITHOUT, run_example
from tests.helpers.run_folders import write_run

TEXTS = [
    "worda wordb WORDC \u0130s unknown 12345",
    "",
    " ".join(f"word{chr(97 + i)}" for i in range(20)),  # longer than the network reads
    "wordd \u2026 caf\u00e9 <br /> wordd\u2019s!",
]
SENTENCES = ["n1 aa bb cc dd ee", "aa", "unknown bb bb bb bb bb bb bb bb bb"]
LINES = ["wa wb wc", "wd wd unknown wa wb wc wd we"]
MAX_LINES = 30
FEW = ("model.hidden_size=8",)


def write_network(data: str, folder: Path, *overrides: str) -> TrainedRun:
    """A run whose answers differ clearly from each other."""
    return rnnlab.load(write_run(data, folder, *FEW, *overrides, seed=3).folder)


def check_example(run: TrainedRun, kind: Any, *arguments: str, inputs: Any = None) -> pd.DataFrame:
    """Compare the example of an export with the predictions of the run."""
    folder = export_run(run, kind).folder
    without = ["rnnlab"] if kind == "torch" else WITHOUT
    answers = pd.DataFrame(run_example(folder, *arguments, without=without))
    predictions = run.predict(list(arguments) if inputs is None else inputs)
    assert len(answers) == len(predictions) > 0
    expected = predictions[answers.columns]
    pd.testing.assert_frame_equal(answers, expected, check_dtype=False, atol=1e-5, rtol=1e-5)
    return answers


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=lambda example: example.name)
def test_an_example_is_short(example: ExportExample) -> None:
    """At most 30 lines, without docstrings and empty lines."""
    text = (EXAMPLE_TEMPLATES / f"{example.name}.py.txt").read_text(encoding="utf-8")
    for docstring in re.findall(r'^ *""".*?"""\n', text, flags=re.MULTILINE | re.DOTALL):
        text = text.replace(docstring, "")
    lines = [line for line in text.splitlines() if line.strip()]
    assert 5 < len(lines) <= MAX_LINES


def test_texts(tmp_path: Path) -> None:
    run = write_network("imdb", tmp_path, "model=bilstm")
    answers = check_example(run, "onnx", *TEXTS)
    assert answers["probability"].nunique() == len(TEXTS)


@pytest.mark.slow
def test_texts_step_by_step(tmp_path: Path) -> None:
    run = write_network("imdb", tmp_path, "model=lstm", "task.pooling=attention")
    check_example(run, "onnx-step", *TEXTS)


@pytest.mark.slow
def test_texts_of_other_tokens(tmp_path: Path) -> None:
    run = write_network("imdb", tmp_path, "model=gru", "data.tokens=shapes")
    check_example(run, "onnx", *TEXTS)


@pytest.mark.slow
def test_symbols(tmp_path: Path) -> None:
    run = write_network("copying", tmp_path, "model=gru", "model.learned_state=true")
    symbols = run.processor.symbols[4:]  # type: ignore[attr-defined]
    check_example(run, "onnx-step", f"{' '.join(symbols[:3])} _ _ <go> _ _ _", "_ _ <go> _ _")


@pytest.mark.slow
def test_sums(tmp_path: Path) -> None:
    run = write_network("adding", tmp_path, "model=attention_gru")
    table = tmp_path / "sequence.csv"
    table.write_text("number,marker\n0.5,1\n0.25,0\n0.125,1\n")
    check_example(run, "onnx", str(table), inputs=table)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transform", "units"),
    [
        ("last", "standard"),
        ("difference", "standard"),
        ("log_return", "original"),
    ],
)
def test_series(transform: str, units: str, tmp_path: Path) -> None:
    settings = [
        f"data.transform={transform}",
        f"data.report_in={units}",
        "data.calendar=[hour,year]",
    ]
    run = write_network("csv_series", tmp_path, "model=gru", *settings)
    table = walks_file(tmp_path)
    check_example(run, "onnx", str(table), inputs=table)


@pytest.mark.slow
def test_series_step_by_step(tmp_path: Path) -> None:
    run = write_network("csv_series", tmp_path, "model=lstm", "data.transform=none")
    table = walks_file(tmp_path)
    check_example(run, "onnx-step", str(table), inputs=table)


@pytest.mark.slow
def test_series_with_all_kinds_of_columns(tmp_path: Path) -> None:
    table = tmp_path / "series.csv"  # the name of the small data set
    rows = [
        f"2024-01-{day:02}T{hour:02}:00,{shop},{region},{area},{hour + day * k},{day},{hour % 7}"
        for k, (shop, region, area) in enumerate([("north", "a", 10), ("south", "b", 30)], start=1)
        for day in range(1, 10)
        for hour in range(24)
    ]
    header = "day,shop,region,area,sales,visits,offer"
    table.write_text("\n".join([header, *rows]) + "\n")
    run = write_network(
        "csv_series",
        tmp_path,
        *("data.date_column=day", "data.series_column=shop", "data.target_columns=[sales,visits]"),
        *("data.known_columns=[offer]", "data.static_columns=[region,area]"),
        *("task.loss=quantile", "model=gru"),
    )
    future = [
        f"2024-01-10T{hour:02}:00,{shop},{region},{area},,,{hour + 2}"
        for shop, region, area in [("north", "a", 10), ("south", "b", 30)]
        for hour in range(3)
    ]
    history = tmp_path / "history.csv"
    history.write_text("\n".join([header, *rows, *future]) + "\n")
    check_example(run, "onnx", str(history), inputs=history)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "tokens"), [("onnx", "words"), ("onnx-step", "characters")])
def test_running_text(kind: str, tokens: str, tmp_path: Path) -> None:
    run = write_network("text_file", tmp_path, "model=gru", f"data.tokens={tokens}")
    check_example(run, kind, *LINES)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [(), ("task.attention=none", "task.input_feeding=true")])
def test_translations(settings: tuple[str, ...], tmp_path: Path) -> None:
    run = write_network("parallel_text", tmp_path, "model=bilstm", *settings)
    check_example(run, "onnx", *SENTENCES)


@pytest.mark.slow
def test_a_program_of_torch(tmp_path: Path) -> None:
    """It reads any number of steps, and needs torch, but not rnnlab."""
    run = write_network("imdb", tmp_path, "model=bilstm")
    check_example(run, "torch", *TEXTS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [["data.channels=independent"], ["data.target_columns=[two]", "data.covariate_columns=[one]"]],
)
def test_series_of_other_channels(settings: list[str], tmp_path: Path) -> None:
    run = write_network("csv_series", tmp_path, "model=gru", *settings)
    table = walks_file(tmp_path)
    check_example(run, "onnx", str(table), inputs=table)


@pytest.mark.slow
def test_a_file_that_needs_repairs_is_refused(tmp_path: Path) -> None:
    run = write_network("csv_series", tmp_path, "model=gru")
    folder = export_run(run, "onnx").folder
    header, *rows = walks_file(tmp_path).read_text().splitlines()
    table = tmp_path / "unsorted.csv"
    table.write_text("\n".join([header, *reversed(rows)]) + "\n")
    with pytest.raises(AssertionError, match="the rows are not in the order of their dates"):
        run_example(folder, str(table))
