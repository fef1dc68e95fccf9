"""Exported networks compute the same on any shape, or an error says what works."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import rnnlab
from rnnlab.errors import ConfigError
from rnnlab.exports import parity
from rnnlab.exports.batches import draw_batch
from rnnlab.exports.export import Export, export_run, find_form
from rnnlab.exports.onnx_files import OnnxFile
from rnnlab.inference.trained_run import TrainedRun
from tests.helpers.run_folders import write_run

SETTINGS = ("model.hidden_size=8",)
TORCH_MODELS = {  # one for each task: torch.export takes two seconds
    "imdb": "attention_lstm",
    "copying": "bigru",
    "adding": "rnn",
    "csv_series": "linear",
    "text_file": "rnn",
    "numbers": "bigru",
}


def open_run(data: str, folder: Path, *overrides: str) -> TrainedRun:
    return rnnlab.load(write_run(data, folder, *overrides).folder)


def check_answers(run: TrainedRun, export: Export, kind: Any) -> None:
    """Compare the file with the network on a shape that neither the trace nor the check had."""
    form = find_form(run, kind)
    form.programs()  # finds the first state
    files = {file.stem: OnnxFile(file) for file in export.folder.glob("*.onnx")}
    batch = draw_batch(form, count=5, more_steps=23, seed=99)
    answers, expected = form.answer(files, batch), form.reference(batch)
    assert answers.shape == expected.shape
    np.testing.assert_allclose(answers, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "model"), [("imdb", "gru"), ("copying", "bilstm"), ("csv_series", "attention_gru")]
)
def test_whole_sequences(data: str, model: str, tmp_path: Path) -> None:
    run = open_run(data, tmp_path, f"model={model}", *SETTINGS)
    check_answers(run, export_run(run, "onnx"), "onnx")


@pytest.mark.parametrize("data", ["copying", "text_file"])
def test_single_steps(data: str, tmp_path: Path) -> None:
    run = open_run(data, tmp_path, "model=lstm", *SETTINGS)
    check_answers(run, export_run(run, "onnx-step"), "onnx-step")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "models"),
    [
        ("imdb", ["rnn", "bigru", "attention_lstm", "linear", "segment_gru"]),
        ("copying", ["rnn", "bigru", "attention_lstm", "linear", "segment_gru"]),
        ("adding", ["rnn", "bigru", "attention_lstm", "linear", "segment_gru"]),
        ("csv_series", ["rnn", "bigru", "attention_lstm", "linear", "segment_gru"]),
        ("text_file", ["rnn", "linear"]),  # no other can be trained
        ("numbers", ["rnn", "bigru", "attention_lstm"]),
    ],
)
def test_every_task_with_every_kind_of_network(
    data: str, models: list[str], tmp_path: Path
) -> None:
    """In each format it works, or the error names the format that does."""
    for model in models:
        run = open_run(data, tmp_path, f"model={model}")
        assert export_run(run, "onnx").difference <= 1e-5
        assert is_export_or_refusal(run, "onnx-step")
        if model == TORCH_MODELS[data]:
            assert export_run(run, "torch").difference <= 1e-5


def is_export_or_refusal(run: TrainedRun, kind: Any) -> bool:
    """Return whether an export is equal to the network, or its error names the other format."""
    try:
        return export_run(run, kind).difference <= 1e-5
    except ConfigError as error:
        return str(error).endswith("Use --format onnx")


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_poolings_step_by_step(pooling: str, tmp_path: Path) -> None:
    run = open_run("imdb", tmp_path, "model=gru", f"task.pooling={pooling}", *SETTINGS)
    check_answers(run, export_run(run, "onnx-step"), "onnx-step")


def test_the_first_state_of_a_step_is_the_learned_one(tmp_path: Path) -> None:
    write = write_run("copying", tmp_path, "model=lstm", "model.learned_state=true", *SETTINGS)
    run = rnnlab.load(write.folder)
    with torch.no_grad():
        for layer in run.model.body.forwards:  # type: ignore[union-attr, operator]
            for part in layer.start.parts:
                part.add_(0.7)
    export = export_run(run, "onnx-step")
    state = np.load(export.folder / "initial_state.npz")
    assert {name: float(state[name].mean()) for name in state} == pytest.approx(
        {"state_0": 0.7, "state_1": 0.7}
    )
    check_answers(run, export, "onnx-step")


@pytest.mark.parametrize(
    ("data", "overrides", "kind", "reason"),
    [
        ("imdb", ["model=bilstm"], "onnx-step", r"LSTM reads .* \(model.bidirectional=true\)"),
        ("imdb", ["model=attention_gru"], "onnx-step", "each output of AttentionGRU depends"),
        ("csv_series", ["model=segment_gru"], "onnx-step", "each output of SegmentGRU depends"),
        ("csv_series", ["model=gru"], "onnx-step", "data.transform=last"),
        ("parallel_text", ["model=gru"], "onnx-step", "one step of the decoder already"),
        pytest.param(
            "csv_series",
            ["model=segment_gru"],
            "torch",
            "cannot write this network for any number of steps",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_a_format_cannot_do(
    data: str, overrides: list[str], kind: Any, reason: str, tmp_path: Path
) -> None:
    run = open_run(data, tmp_path, *overrides)
    with pytest.raises(ConfigError, match=f"--format {kind}: .*{reason}.*Use --format onnx$"):
        export_run(run, kind)
    assert not list(run.folder.path.glob("export/*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values + 2e-4, "differs from the network by 0.0002 on 1 sequences"),
        (lambda values: values[:, :1], "differs from the network by inf"),
        (lambda values: values * np.nan, "differs from the network by nan"),
    ],
)
def test_files_that_compute_something_else_are_not_left_behind(
    change: Callable[[Any], Any],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = open_run("imdb", tmp_path, "model=gru", *SETTINGS)
    original = OnnxFile.__call__

    def call(file: OnnxFile, inputs: Any) -> list[Any]:
        return [change(original(file, inputs)[0])]

    monkeypatch.setattr(
        OnnxFile, "__call__", lambda self, inputs: [change(original(self, inputs)[0])]
    )
    with pytest.raises(ConfigError, match=message):
        export_run(run, "onnx", tmp_path / "network")
    assert not [file for file in tmp_path.iterdir() if "network" in file.name]


def test_a_number_of_steps_that_is_frozen_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an exporter does that reads sizes as numbers."""
    from rnnlab.layers import pooling

    def steps_of_the_trace(lengths: Tensor, steps: int) -> Tensor:
        return torch.arange(int(steps)) < lengths.unsqueeze(1)

    run = open_run("imdb", tmp_path, "model=gru", *SETTINGS)
    monkeypatch.setattr(pooling, "valid_steps", steps_of_the_trace)
    with pytest.raises(ConfigError, match="the exported network fails on"):
        export_run(run, "onnx")


def test_an_export_replaces_nothing(tmp_path: Path) -> None:
    run = open_run("imdb", tmp_path, "model=gru", *SETTINGS)
    (tmp_path / "network").mkdir()
    with pytest.raises(ConfigError, match="network: exists already"):
        export_run(run, "onnx", tmp_path / "network")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        export_run(run, "onnx", tmp_path / "file" / "network")


def test_packages_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run("imdb", tmp_path, "model=gru", *SETTINGS)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(
        ConfigError, match=r"onnxruntime is missing\): pip install 'rnnlab\[export\]'"
    ):
        export_run(run, "onnx")


def test_the_description_names_inputs_and_axes(tmp_path: Path) -> None:
    run = open_run("csv_series", tmp_path, "model=gru", *SETTINGS)
    facts = json.loads((export_run(run, "onnx").folder / "export.json").read_text())
    program = facts["programs"]["model"]
    assert program["inputs"]["inputs"] == {"type": "float32", "shape": ["batch", "time", 4]}
    assert program["inputs"]["anchor"] == {"type": "float64", "shape": ["batch", 1, 2]}
    assert program["outputs"] == {"answer": ["batch"]}
    assert facts["parity"]["difference"] <= facts["parity"]["tolerance"] == parity.PARITY_TOLERANCE


def test_int8_reports_the_loss_in_score(tmp_path: Path) -> None:
    run = open_run("imdb", tmp_path, "model=lstm", *SETTINGS)
    exact, small = export_run(run, "onnx"), export_run(run, "onnx", quantize=True)
    sizes = [(export.folder / "model.onnx").stat().st_size for export in (exact, small)]
    assert sizes[1] < sizes[0]
    facts = json.loads((small.folder / "export.json").read_text())["quantization"]
    assert set(facts["scores"]) == {"val/accuracy", "val/f1", "val/mcc", "val/auroc"}
    data = small_validation(run)
    correct = [
        (run.answer(batch).argmax(dim=1) == batch.targets).float()
        for batch in data.val_dataloader()
    ]
    assert facts["scores"]["val/accuracy"]["exact"] == pytest.approx(
        float(torch.cat(correct).mean())
    )
    assert small.notes[0].startswith("val/accuracy")


def small_validation(run: TrainedRun) -> Any:
    from rnnlab.inference.evaluation import read_same_data, single_process_config

    return read_same_data(single_process_config(run.model.hyper_parameters["config"]), run.folder)


def test_int8_without_data_says_so(tmp_path: Path) -> None:
    run = open_run("imdb", tmp_path, "model=lstm", *SETTINGS)
    (tmp_path / "reviews.csv").unlink()
    export = export_run(run, "onnx", quantize=True)
    assert export.notes[0].startswith("the loss in score of int8 is not known, because the data")
    assert json.loads((export.folder / "export.json").read_text())["quantization"]["scores"] is None
    with pytest.raises(ConfigError, match="--quantize int8: is for --format onnx and onnx-step"):
        export_run(run, "torch", quantize=True)
