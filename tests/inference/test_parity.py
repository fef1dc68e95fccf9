"""Python, the command line and the test of a run give the same predictions, for every task."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnlab
from rnnlab.commands.predict import main
from rnnlab.experiment.build import build_analysis, build_trainer, quiet_libraries
from rnnlab.experiment.predictions import collect_test_predictions
from rnnlab.inference.evaluation import single_process_config
from rnnlab.report.folder import PREDICTIONS_FILE
from tests.helpers.run_folders import UntrainedRun, write_run

SLOW = [pytest.param(model, marks=pytest.mark.slow) for model in ("lstm", "bilstm")]
MODELS = ["gru", "attention_gru", *SLOW]
UNSEEN = ["wordb", "worda wordz unseen, wordc!", "wordc " * 40, "", "wordd worde"]


def predictions_of_test(run: UntrainedRun) -> pd.DataFrame:
    """predictions.csv of the test, as the run writes it."""
    config = single_process_config(run.model.hyper_parameters["config"])
    quiet_libraries()
    build_trainer(config, run.folder, [], []).test(run.model, run.data, verbose=False)
    analysis = build_analysis(config)
    assert analysis is not None
    predictions = collect_test_predictions(run.model, run.data, baselines=False)
    result = analysis.analyze(run.model, predictions)
    path = result.files[PREDICTIONS_FILE](run.folder / PREDICTIONS_FILE)
    return pd.read_csv(path, keep_default_na=False)


def printed_predictions(
    run: UntrainedRun, file: Path, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, str]]:
    """What the command prints."""
    main([str(run.folder), str(file), "--device", "cpu"])
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def check_printed(printed: list[dict[str, str]], table: pd.DataFrame) -> None:
    """The command prints what Python returns."""
    assert len(printed) == len(table)
    for name, values in table.items():
        cells = [row[str(name)] for row in printed]
        if pd.api.types.is_float_dtype(values):
            np.testing.assert_allclose(np.array(cells, dtype=float), values, atol=1e-6)
        else:
            assert cells == [str(value) for value in values], name


def load(run: UntrainedRun) -> Any:
    """The run, with the model of the test for the folder's own."""
    trained = rnnlab.load(run.folder)
    run.model.hyper_parameters = trained.model.hyper_parameters
    return trained


@pytest.mark.parametrize("model", MODELS)
def test_texts(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run("imdb", tmp_path, f"model={model}")
    trained, data = load(run), run.data
    tested = predictions_of_test(run)
    texts = [str(data.example("test", row)["text"]) for row in range(len(tested))]
    table = trained.predict(texts)
    names = [name for name in tested if name.startswith("p(")]
    np.testing.assert_allclose(table[names], tested[names].astype(float), atol=1e-6)
    assert table["prediction"].tolist() == tested["prediction"].tolist()
    mixed = trained.predict([*UNSEEN, *texts], batch_size=7)
    np.testing.assert_allclose(mixed[names][len(UNSEEN) :], table[names], atol=1e-6)
    for row, text in enumerate(UNSEEN):
        np.testing.assert_allclose(trained.predict([text])[names], mixed[names][row : row + 1])
    file = tmp_path / "new.txt"
    file.write_text("\n".join(UNSEEN) + "\n")
    check_printed(printed_predictions(run, file, capsys), mixed[: len(UNSEEN)])


@pytest.mark.parametrize("model", MODELS)
def test_series(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = write_run("csv_series", tmp_path, f"model={model}", "data.target_columns=[one,two]")
    trained, data = load(run), run.data
    tested = predictions_of_test(run)
    series = pd.read_csv(tmp_path / "series.csv")
    windows: Any = data.windows["test"]  # type: ignore[attr-defined]
    (means,), (deviations,) = data.processor.scales.report  # type: ignore[attr-defined]
    for row in (0, 7, len(windows) - 1):
        history = series[: int(windows.first[row])].assign(note="x")
        table = trained.predict(history)
        expected = tested[tested["row"] == row]["forecast"].astype(float).to_numpy()
        values = table["forecast"].to_numpy().reshape(2, -1)  # two variables
        scaled = (values - means[:, None]) / deviations[:, None]
        np.testing.assert_allclose(scaled.ravel(), expected, atol=1e-6)
    file = tmp_path / "history.csv"
    history.to_csv(file, index=False)
    check_printed(printed_predictions(run, file, capsys), table)


@pytest.mark.parametrize("model", MODELS)
def test_symbols(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run("copying", tmp_path, f"model={model}")
    trained, data = load(run), run.data
    tested = predictions_of_test(run)
    steps = tested["row"] < 5
    texts = [str(data.example("test", row)["text"]) for row in range(5)]
    table = trained.predict(texts)
    assert (
        table["prediction"].astype(str).tolist() == tested["prediction"][steps].astype(str).tolist()
    )
    best = table[list(trained.processor.classes)].max(axis=1)
    np.testing.assert_allclose(best, tested["probability"][steps].astype(float), atol=1e-6)
    file = tmp_path / "new.txt"
    file.write_text("\n".join([*texts, f"1 2 {texts[0]}"]) + "\n")  # another length
    check_printed(printed_predictions(run, file, capsys), trained.predict(file))


@pytest.mark.parametrize("model", ["gru", *SLOW])
def test_sentences(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run("numbers", tmp_path, f"model={model}")
    trained, data = load(run), run.data
    sentences = [str(data.example("test", row)["text"]) for row in range(4)]
    together = trained.predict([*sentences, "one", "one two three one two three"])
    for row in range(4):
        alone = trained.predict(sentences[row : row + 1])
        assert alone["translation"][0] == together["translation"][row]
        assert alone["score"][0] == pytest.approx(together["score"][row], abs=1e-5)
    file = tmp_path / "new.txt"
    file.write_text("\n".join(together["text"]) + "\n")
    check_printed(printed_predictions(run, file, capsys), together)
