"""predictions.csv: the scores of a run can be computed from it alone."""

import csv
import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sacrebleu.metrics.bleu import BLEU

from rnnlab.analysis.base import TestPredictions
from rnnlab.analysis.predictions import (
    MAX_PROBABILITIES,
    class_predictions,
    forecast_predictions,
    write_predictions,
)
from rnnlab.comparison.runs import read_run
from rnnlab.comparison.targets import estimate_target_covariance
from rnnlab.experiment.run import Run, run
from tests.helpers.configs import small


@pytest.fixture(autouse=True)
def _no_pictures(no_plots: None) -> None:
    """They are not what is asked."""


def short(data: str, folder: Path, *overrides: str) -> tuple[pd.DataFrame, dict[str, float], Run]:
    """A few steps on a data set; its predictions and scores."""
    plain = small(data, folder, *overrides)
    plain["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1}
    done = run(plain)
    table = pd.read_csv(done.folder.path / "predictions.csv", keep_default_na=False)
    return table, done.report["scores"], done


def check_resampling(done: Run, *names: str) -> None:
    """Check that a comparison computes these scores from the file, as the report has them."""
    finished = read_run(done.folder)
    for name in names:
        covariance = estimate_target_covariance([finished, finished], f"test/{name}")
        assert covariance.variance_of_networks(0, 1) == pytest.approx(0, abs=1e-9)
        assert covariance.matrix[0, 0] >= 0


@pytest.fixture(autouse=True)
def _few_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data sets are small."""
    monkeypatch.setattr("rnnlab.comparison.targets.FEWEST_UNITS", 2)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("sine", []),
        ("csv_series", ["data.report_in=standard"]),
        ("csv_series", ["data.report_in=standard", "task.loss=quantile"]),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("csv_series", ["data.column_units=same", "data.channels=independent"]),
                ("stocks", []),
                ("adding", []),
            )
        ),
    ],
)
def test_errors_of_forecasts(data: str, words: list[str], tmp_path: Path) -> None:
    table, scores, done = short(data, tmp_path, *words)
    in_file_units = data == "stocks"  # smape needs the zero of the original units
    check_resampling(done, "mse", "mae", *(["smape"] if in_file_units else []))
    errors = table["forecast"] - table["actual"]
    assert (errors**2).mean() == pytest.approx(scores["test/mse"], rel=1e-5)
    assert errors.abs().mean() == pytest.approx(scores["test/mae"], rel=1e-5)
    if data == "csv_series":
        assert set(table["target"]) == {"one", "two"}
        first = table[table["row"] == 0]
        dates = pd.to_datetime(first[first["target"] == "one"]["date"])
        assert (dates.diff().dropna() == pd.Timedelta("1h")).all()
        assert first["step"].tolist()[:3] == [1, 2, 3]
    if "task.loss=quantile" in words:
        assert (table["q0.1"] <= table["q0.9"]).all()
        assert table["q0.5"].tolist() == table["forecast"].tolist()


@pytest.mark.parametrize(
    "data",
    [
        "imdb",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("sms_spam", "text_classification")),
    ],
)
def test_accuracy_of_texts(data: str, tmp_path: Path) -> None:
    table, scores, done = short(data, tmp_path)
    check_resampling(done, "accuracy", "f1", "mcc", "loss")
    correct = table["target"] == table["prediction"]
    assert correct.mean() == pytest.approx(scores["test/accuracy"], abs=1e-6)
    assert len(table) == done.report["evaluated_targets"]["test"]
    for name, by_class in done.report["details"]["by_class"].items():
        hits = ((table["target"] == name) & correct).sum()
        assert by_class["targets"] == (table["target"] == name).sum()
        assert (by_class["recall"] or 0) * by_class["targets"] == pytest.approx(hits)
        claims = (table["prediction"] == name).sum()
        assert (by_class["precision"] or 0) * claims == pytest.approx(hits)
    names = [name for name in table if name.startswith("p(")]
    np.testing.assert_allclose(table[names].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(table["probability"], table[names].max(axis=1), atol=1e-7)


def test_accuracy_of_steps(tmp_path: Path) -> None:
    table, scores, done = short("copying", tmp_path)
    check_resampling(done, "accuracy", "exact_match")
    correct = table["target"] == table["prediction"]
    assert correct.mean() == pytest.approx(scores["test/accuracy"], abs=1e-6)
    exact = correct.groupby(table["row"]).all().mean()
    assert exact == pytest.approx(scores["test/exact_match"], abs=1e-6)
    assert sorted(set(table["step"])) == [8, 9, 10]


def test_perplexity_of_tokens(tmp_path: Path) -> None:
    table, scores, done = short("text_file", tmp_path)
    check_resampling(done, "perplexity", "loss")
    perplexity = np.exp(-table["log_probability"].mean())
    assert perplexity == pytest.approx(scores["test/perplexity"], rel=1e-5)
    assert {"wb", "we"} <= set(table["token"])


def test_bleu_of_translations(tmp_path: Path) -> None:
    table, scores, done = short("numbers", tmp_path, "model=lstm")
    check_resampling(done, "bleu", "exact_match")
    texts = table["translation"].tolist(), [table["reference"].tolist()]
    assert BLEU(tokenize="char").corpus_score(*texts).score == pytest.approx(
        scores["test/bleu"], abs=0.01
    )
    exact = (table["translation"] == table["reference"]).mean()
    assert exact == pytest.approx(scores["test/exact_match"], abs=1e-6)


def predictions(values: torch.Tensor, targets: torch.Tensor, **context: Any) -> TestPredictions:
    return TestPredictions(values, targets, lambda i: {}, context)


def test_a_missing_value_is_empty_and_names_are_quoted(tmp_path: Path) -> None:
    targets = torch.tensor([[[1.5], [torch.nan]]], dtype=torch.float64)
    test = predictions(torch.ones(1, 2, 1, dtype=torch.float64) / 3, targets)
    path = write_predictions(partial(forecast_predictions, test, ()), tmp_path / "a.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["actual"] for row in rows] == ["1.5", ""]
    assert float(rows[0]["forecast"]) == 1 / 3
    names = ['a "quoted", name', "b\nc"]
    test = predictions(torch.eye(2), torch.tensor([1, 0]))
    path = write_predictions(partial(class_predictions, test, names), tmp_path / "b.csv")
    with path.open(newline="") as file:
        assert [row["target"] for row in csv.DictReader(file)] == names[::-1]


def test_tables_have_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnlab.analysis.predictions.MAX_FORECASTS", 50)
    targets = torch.arange(40.0).reshape(20, 2, 1)
    assert len(forecast_predictions(predictions(targets, targets), ())["row"]) == 40
    targets = torch.arange(60.0).reshape(20, 3, 1)
    table = forecast_predictions(predictions(targets, targets), ())
    assert list(dict.fromkeys(table["row"])) == [0, 3, 6, 9, 12, 15, 18]
    count = MAX_PROBABILITIES + 1
    test = predictions(torch.eye(count), torch.arange(count))
    table = class_predictions(test, [str(i) for i in range(count)])
    assert set(table) == {"row", "target", "prediction", "probability"}
