"""Baselines of a run: of the targets that the network was scored on, or none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.config.schema import parse
from rnnlab.data import text_classification
from rnnlab.data.base import DataModule
from rnnlab.data.baselines.series import SeriesBaselines
from rnnlab.errors import DivergedError
from rnnlab.experiment.build import build_data
from rnnlab.experiment.predictions import check_predictions
from rnnlab.experiment.run import run
from tests.helpers.configs import small

pytestmark = pytest.mark.usefixtures("no_figures")

BRIEF = ("trainer.max_epochs=1", "trainer.limit_train_batches=1")


def forbid(*_: Any, **__: Any) -> Any:
    raise AssertionError("a baseline was computed")


@pytest.mark.slow
@pytest.mark.parametrize("data", ["csv_series", "imdb", "multi30k"])
def test_without_baselines_none_is_fitted_or_mentioned(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(SeriesBaselines, "forecasts", forbid)
    monkeypatch.setattr(text_classification, "linear_probabilities", forbid)
    report = run(small(data, tmp_path, "baselines=false", "model=gru", *BRIEF)).report
    assert report["baselines"] == report["missing_baselines"] == {}
    words = ("linear", "persistence", "ridge", "majority", "baseline", "copy the source")
    printed = capsys.readouterr().out
    for text in (json.dumps(report["findings"]), json.dumps(report["details"]), printed):
        assert not [word for word in words if word in text.lower().replace(str(tmp_path), "")]
    assert "test/loss" in report["scores"]


@pytest.mark.slow
def test_a_limited_test_scores_network_and_baselines_on_the_same_targets(tmp_path: Path) -> None:
    limits = ("trainer.limit_test_batches=2", "trainer.limit_val_batches=1")
    plain = small("csv_series", tmp_path, *BRIEF, *limits, batch_size=5)
    done = run(plain)
    data: Any = build_data(parse(plain))
    data.setup()
    assert done.report["evaluated_targets"] == {"val": 5, "test": 10}
    for split, count in {"val": 5, "test": 10}.items():
        windows = data.windows[split]
        errors = windows.targets(np.arange(count)) - windows.inputs(np.arange(count), 1)
        mse = np.mean(np.square(errors / data.splits.error_scale))
        found = done.report["baselines"]["persistence"][f"{split}/mse"]
        assert found == pytest.approx(mse, rel=1e-9)
    values = {row["values"] for row in done.report["details"]["by_column"]["one"].values()}
    assert values == {10 * 3}


@pytest.mark.parametrize("name", ["csv_series", "imdb", "text_file", "multi30k", "copying", "sine"])
@pytest.mark.parametrize("limit", [2, 0.5, None])
def test_the_targets_of_a_limited_evaluation(name: str, limit: Any, tmp_path: Path) -> None:
    data = open_small(name, tmp_path)
    loader = data.test_dataloader()
    count = {2: 2, 0.5: len(loader) // 2, None: len(loader)}[limit]
    batches = [batch.rows.numpy().ravel() for batch in loader][:count]
    wanted = np.sort(np.concatenate(batches)) if batches else np.zeros(0)
    np.testing.assert_array_equal(loader.target_rows(limit), wanted)


@pytest.mark.parametrize("name", ["csv_series", "imdb", "text_file", "multi30k", "copying", "sine"])
def test_baselines_of_some_targets_are_not_those_of_all(name: str, tmp_path: Path) -> None:
    data = open_small(name, tmp_path)
    whole, size = data.baselines("test"), data.provenance.sizes["test"]
    one = data.baselines("test", np.arange(size // 2))
    assert data.baselines("test", np.arange(size)) == whole
    assert one.keys() == whole.keys()
    assert one != whole
    for scores in one.values():
        assert np.isfinite(list(scores.values())).all()


def open_small(name: str, folder: Path) -> DataModule:
    data = build_data(parse(small(name, folder, batch_size=3)))
    data.prepare_data()
    data.setup()
    return data


def test_predictions_that_are_not_finite_end_the_run_with_a_message() -> None:
    import torch

    check_predictions(torch.tensor([[1.0], [2.0]]))
    check_predictions(torch.tensor([1, 2]))
    with pytest.raises(DivergedError, match=r"1 of 2 test predictions are not finite.*lower"):
        check_predictions(torch.tensor([[[1.0]], [[torch.inf]]]))
