"""Every task with every kind of network gives the same predictions in every way to use it.

The ways: Python, the command line, HTTP, and the exports with their examples. The run's folder was
moved, and its data deleted. The inputs and their lengths were not in the training.
"""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

import rnnlab
from rnnlab.commands import predict
from rnnlab.errors import ConfigError
from rnnlab.exports.export import export_run
from rnnlab.inference.trained_run import TrainedRun
from rnnlab.serving.application import make_application
from rnnlab.serving.handlers import make_handler
from rnnlab.serving.limits import ServerLimits
from tests.helpers.configs import walks_file
from tests.helpers.exports import run_example_here
from tests.helpers.run_folders import write_run

TOLERANCE = 1e-5  # relative to answers above 1
MODELS = ("gru", "lstm", "bilstm", "attention_gru")
TEXTS = ["worda", "worda wordz unseen, wordc!", "wordc " * 40, "", "wordd worde"]
SYMBOLS = ["1 _ _", "1 2 3 4 _ _ _ <go> _ _ _", "2 <go> 1 3 _"]
LINES = ["wa wb wc", "wd wd unknown wa wb wc wd we", "wb"]
SENTENCES = ["one", "one two three unseen one two three four", "seven hundred"]


class TaskCase(NamedTuple):
    """A task with a small data set, and new inputs.

    Attributes:
        data: a choice of conf/data.
        settings: of the run.
        inputs: texts; None for the rows of a table.
    """

    data: str
    settings: tuple[str, ...] = ()
    inputs: list[str] | None = None


NO_TRANSFORM = "data.transform=none"
TASKS = {
    "classification": TaskCase("imdb", inputs=TEXTS),
    "step_classification": TaskCase("copying", inputs=SYMBOLS),
    "forecasting": TaskCase("csv_series", (NO_TRANSFORM,)),
    "forecasting_changes": TaskCase("csv_series", ("data.transform=last",)),
    "forecasting_quantiles": TaskCase("csv_series", (NO_TRANSFORM, "task.loss=quantile")),
    "language_modeling": TaskCase("text_file", inputs=LINES),
    "translation": TaskCase("numbers", inputs=SENTENCES),
}
# (task, model) -> why there is no such network
NO_NETWORK = {
    (
        "language_modeling",
        "bilstm",
    ): "LSTM with these settings reads ahead, which task=language_modeling must",
    ("language_modeling", "attention_gru"): "AttentionGRU with these settings reads ahead",
}
STEP_REFUSALS = {  # task or model -> why it has no onnx-step; the first one is printed
    "translation": "an encoder reads its sentence first, and --format onnx has one step",
    "bilstm": r"LSTM reads each sequence from its end too \(model.bidirectional=true\)",
    "attention_gru": "each output of AttentionGRU depends on steps after it",
    "forecasting_changes": "with data.transform=last the network reads each value minus the last",
}
DIAGONAL = {  # tested always; the others are slow
    ("classification", "attention_gru"),
    ("forecasting", "lstm"),
}
TORCH = {("classification", "bilstm"), ("translation", "gru")}  # takes two seconds each
CASES = [
    pytest.param(task, model, marks=() if (task, model) in DIAGONAL else pytest.mark.slow)
    for task in TASKS
    for model in MODELS
    if (task, model) not in NO_NETWORK
]


class MovedRun(NamedTuple):
    """A run whose data is gone, and new inputs: a file, and what Python reads of it."""

    run: TrainedRun
    file: Path
    inputs: Any


def write_moved(task: str, model: str, folder: Path) -> MovedRun:
    """Write a run, move its folder, delete everything else, and write new inputs."""
    case, made = TASKS[task], folder / "made"
    made.mkdir()
    settings = "model.hidden_size=8", *case.settings
    # With random weights, some answers differ clearly from each other.
    written = write_run(case.data, made, f"model={model}", *settings, seed=3).folder
    place = shutil.move(written, folder / "moved run")
    rows = walks_file(made, rows=31).read_text() if case.inputs is None else ""
    shutil.rmtree(made)
    run = rnnlab.load(place)
    file = folder / ("new.csv" if case.inputs is None else "new.txt")
    file.write_text(rows or "\n".join(case.inputs or []) + "\n")
    return MovedRun(run, file, case.inputs or pd.read_csv(file))


def ask_command(moved: MovedRun, capsys: pytest.CaptureFixture[str]) -> pd.DataFrame:
    """What the command prints."""
    predict.main([str(moved.run.folder.path), str(moved.file), "--device", "cpu"])
    return pd.DataFrame(list(csv.DictReader(io.StringIO(capsys.readouterr().out))))


def ask_server(moved: MovedRun) -> pd.DataFrame:
    """What the server answers to one request."""
    handler = make_handler(moved.run, ServerLimits())
    name = "texts" if isinstance(moved.inputs, list) else "rows"
    with TestClient(make_application(handler, {"run": "", "task": "", "model": ""})) as client:
        values = (
            moved.inputs if name == "texts" else json.loads(moved.inputs.to_json(orient="records"))
        )
        answer = client.post("/predict", json={name: values})
    assert answer.status_code == 200, answer.text
    return pd.DataFrame(answer.json()["predictions"])


def ask_export(moved: MovedRun, kind: Any) -> pd.DataFrame:
    """What the example of an export prints; the export is moved too."""
    export = export_run(moved.run, kind)
    folder = Path(shutil.move(export.folder, moved.file.parent / "exports" / kind))
    arguments = moved.inputs if isinstance(moved.inputs, list) else [str(moved.file)]
    return pd.DataFrame(run_example_here(folder, *arguments))


def check_equal(answers: pd.DataFrame, expected: pd.DataFrame, way: str) -> None:
    """Compare the columns of some answers, among them each number of a network, with Python's."""
    assert len(answers) == len(expected) > 0, way
    names = [str(name) for name in expected if name in answers]
    floats = set(expected.select_dtypes("float"))
    assert floats <= set(names), way
    for name in names:
        if name in floats:
            got, values = answers[name].astype(float), expected[name]
            np.testing.assert_allclose(got, values, atol=TOLERANCE, rtol=TOLERANCE, err_msg=way)
        elif name != "date":  # the texts of dates differ
            assert list(map(str, answers[name])) == list(map(str, expected[name])), (way, name)


@pytest.mark.parametrize(("task", "model"), CASES)
def test_all_ways_agree(
    task: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = write_moved(task, model, tmp_path)
    expected = moved.run.predict(moved.inputs)
    assert expected.select_dtypes("float").round(4).nunique().max() > 1
    check_equal(ask_command(moved, capsys), expected, "command line")
    check_equal(ask_server(moved), expected, "HTTP")
    check_equal(ask_export(moved, "onnx"), expected, "onnx")
    reason = next((text for name, text in STEP_REFUSALS.items() if name in (task, model)), None)
    if reason:
        with pytest.raises(
            ConfigError, match=f"--format onnx-step: .*{reason}.*Use --format onnx$"
        ):
            export_run(moved.run, "onnx-step")
    else:
        check_equal(ask_export(moved, "onnx-step"), expected, "onnx-step")
    if (task, model) in TORCH:
        check_equal(ask_export(moved, "torch"), expected, "torch")


@pytest.mark.parametrize(("task", "model"), NO_NETWORK)
def test_networks_that_cannot_be_trained(task: str, model: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=NO_NETWORK[task, model]):
        write_run(TASKS[task].data, tmp_path, f"model={model}")
