"""Prediction intervals of a run: those of plain numpy, and those of its folder alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnlab
from rnnlab.experiment.run import Run, run
from tests.helpers.configs import small


def train(folder: Path, *overrides: str, data: str = "csv_series", **trainer: Any) -> Run:
    """Train two batches."""
    plain = small(data, folder, *overrides)
    plain["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2, **trainer}
    return run(plain)


@pytest.fixture(autouse=True)
def _no_pictures(no_figures: None) -> None:
    """They are not what is asked."""


def plain_offsets(done: Run, level: float, limit: int | None = None) -> np.ndarray:
    """The conformal quantile of the errors on the validation, step by step, (H, V)."""
    trained = rnnlab.load(done.folder.path)
    data: Any = trained_data(trained)
    scores = []
    for number, batch in enumerate(data.val_dataloader()):
        if number == limit:
            break
        forecasts = trained.answer(batch).numpy()
        window = batch.inputs[..., : data.spec.output_size].numpy().astype(float)
        spread = np.sqrt(window.var(axis=1, keepdims=True) + 1) * batch.units.scale.numpy()
        quantiles = forecasts if forecasts.ndim == 4 else forecasts[..., None]
        low, high = quantiles[..., 0], quantiles[..., -1]
        y = batch.targets.numpy()
        scores.append(np.maximum(low - y, y - high) / spread)
    ordered = np.sort(np.concatenate(scores), axis=0)
    return ordered[int(np.ceil((len(ordered) + 1) * level)) - 1]


def trained_data(trained: Any) -> Any:
    """The data of a run."""
    from rnnlab.config.schema import parse
    from rnnlab.experiment.build import build_data

    data = build_data(parse(trained.model.hyper_parameters["config"]))
    data.setup()
    return data


def stored_intervals(done: Run) -> dict[str, Any]:
    """The intervals in the processor of a run, as strict JSON."""
    text = (done.folder.path / "processor.json").read_text()
    intervals: dict[str, Any] = json.loads(text)["state"]["intervals"]
    return intervals


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "method"), [("mse", "adaptive"), ("quantile", "adaptive"), ("mse", "static")]
)
def test_the_intervals_of_a_run(loss: str, method: str, tmp_path: Path, capsys: Any) -> None:
    words = [f"task.loss={loss}", "task.interval_levels=[0.5,0.8]"]
    words += [f"task.interval_method={method}"] if method != "adaptive" else []
    done = train(tmp_path, *words, "data.val_fraction=0.2")
    stored = stored_intervals(done)
    assert stored["levels"] == [0.5, 0.8]
    assert (stored["step_sizes"] is None) == (method == "static")
    for level, offsets in zip((0.5, 0.8), stored["offsets"], strict=True):
        np.testing.assert_allclose(np.array(offsets), plain_offsets(done, level), rtol=1e-5)

    table = pd.read_csv(done.folder.path / "predictions.csv")
    assert list(table)[-4:] == ["lower_50", "upper_50", "lower_80", "upper_80"]
    hits = table["actual"].between(table["lower_80"], table["upper_80"])
    details = done.report["details"]["intervals"]["80"]
    assert details["coverage"] == pytest.approx(hits.mean())
    by_step = hits.groupby(table["step"]).mean()
    np.testing.assert_allclose(details["by_step"]["coverage"], by_step)
    by_column = hits.groupby(table["target"]).mean()
    assert details["by_column"] == pytest.approx(by_column.to_dict())
    printed = capsys.readouterr().out.replace("\n", " ")
    assert f"80% intervals contain {hits.mean():.1%} of the test values" in printed

    trained = rnnlab.load(done.folder.path)
    history = pd.read_csv(tmp_path / "series.csv", parse_dates=["date"])
    for row in sorted(set(table["row"]))[::5]:  # no value after the forecast is in its history
        window = table[table["row"] == row]
        before = history[history["date"] < window["date"].min()]
        forecasts = trained.predict(before)
        for name in ("forecast", "lower_50", "upper_50", "lower_80", "upper_80"):
            expected = window[name] * scale_of(trained, window)
            np.testing.assert_allclose(forecasts[name], expected, 1e-5)
    (note,) = forecasts.attrs["notes"]
    assert (" then on " in note) == (method == "adaptive")
    longer = trained.predict(before, steps=7)
    has_interval = longer[["lower_80", "upper_80"]].notna().all(axis=1)
    assert (has_interval == (longer["block"] == 1)).all()
    start = table["date"].min()
    again = trained.evaluate(tmp_path / "series.csv", start=start).intervals
    for name in ("coverage", "width", "by_column"):
        assert again["80"][name] == pytest.approx(details[name])


def scale_of(trained: Any, window: pd.DataFrame) -> Any:
    """From the units of predictions.csv to those of the file."""
    report = trained.processor.scales.report
    assert (report.deviations == 1).all()
    assert (report.means == 0).all()
    return 1.0


def test_other_weights_have_no_intervals(tmp_path: Path) -> None:
    done = train(tmp_path)
    history = pd.read_csv(tmp_path / "series.csv")
    assert "lower_90" in rnnlab.load(done.folder.path).predict(history)
    assert "lower_90" not in rnnlab.load(done.folder.path, "last").predict(history)


@pytest.mark.slow
def test_intervals_can_be_switched_off(tmp_path: Path) -> None:
    done = train(tmp_path, "task.interval_levels=[]")
    assert stored_intervals(done) is None
    assert "intervals" not in done.report["details"]
    assert "calibrate" not in done.report["seconds"]


@pytest.mark.slow
def test_a_short_validation_has_none_and_says_so(tmp_path: Path) -> None:
    done = train(tmp_path, "task.interval_levels=[0.99]")
    (count,) = set(np.array(stored_intervals(done)["counts"]).ravel())
    assert (
        f"99% intervals: there are none, because they need 99 validation values of each step and "
        f"the validation has {count}. A longer validation split provides them."
    ) in done.report["findings"]
    table = pd.read_csv(done.folder.path / "predictions.csv")
    assert table["lower_99"].isna().all()
    forecasts = rnnlab.load(done.folder.path).predict(tmp_path / "series.csv")
    assert forecasts[["lower_99", "upper_99"]].isna().all(axis=None)


def test_a_run_without_a_test_and_with_a_part_of_the_validation(tmp_path: Path) -> None:
    words = [
        "test=false",
        "data.val_fraction=0.2",
        "task.interval_levels=[0.6]",
    ]
    done = train(tmp_path, *words, limit_val_batches=1)
    stored = stored_intervals(done)
    assert set(np.array(stored["counts"]).ravel()) == {32}  # of 38
    np.testing.assert_allclose(stored["offsets"][0], plain_offsets(done, 0.6, limit=1), rtol=1e-5)


@pytest.mark.slow
def test_the_last_weights_are_calibrated_without_a_best_checkpoint(tmp_path: Path) -> None:
    done = train(tmp_path, "callbacks.best=null", "task.interval_levels=[0.5]")
    table = rnnlab.load(done.folder.path, "last").predict(tmp_path / "series.csv")
    assert table["lower_50"].notna().all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("stocks", ["data.forecast=price", "data.transform=log_return", "data.horizon=2"]),
        ("csv_series", ["data.channels=independent", "data.report_in=standard"]),
        ("sine", []),
    ],
)
def test_other_units(data: str, words: list[str], tmp_path: Path) -> None:
    done = train(tmp_path, *words, "task.interval_levels=[0.5]", data=data)
    table = pd.read_csv(done.folder.path / "predictions.csv")
    assert (table["lower_50"] <= table["forecast"]).all()
    assert (table["forecast"] <= table["upper_50"]).all()
    hits = table["actual"].between(table["lower_50"], table["upper_50"]).mean()
    assert done.report["details"]["intervals"]["50"]["coverage"] == pytest.approx(hits)
    if data == "stocks":  # the interval is a product
        ratio = table["upper_50"] / table["forecast"]
        np.testing.assert_allclose(ratio, table["forecast"] / table["lower_50"])
        assert stored_intervals(done)["relative"] is True
