"""Values that a file does not contain: read as the previous value, never forecast or scored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.data.datasets.forecasting.csv_series import CsvSeriesDataModule
from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.errors import DataError
from rnnlab.metrics.forecasting import AbsoluteError, SquaredError
from rnnlab.models.scores import Scores
from rnnlab.spec import Batch, DataSpec, Units
from rnnlab.tasks.forecasting import TRANSFORMS, Forecasting
from rnnlab.tasks.losses import FORECAST_LOSSES, ForecastLossName

SETTINGS = {"report_in": "original", "seq_len": 4, "horizon": 2, "ridge_window": 4}


def open_series(path: Path, **settings: Any) -> SeriesDataModule:
    data = CsvSeriesDataModule(path=str(path), **{**SETTINGS, **settings})
    data.setup()
    return data


def write_series(folder: Path, missing: slice | list[int], rows: int = 100) -> Path:
    """Write two random walks; the first has no value in some rows."""
    walks = np.random.default_rng(0).standard_normal((rows, 2)).cumsum(axis=0)
    cells = [f"{value:.4f}" for value in walks[:, 0]]
    for row in np.arange(rows)[missing]:
        cells[row] = ""
    days = np.datetime64("2020-01-01") + np.arange(rows)
    lines = [f"{d},{one},{two:.4f}" for d, one, two in zip(days, cells, walks[:, 1], strict=True)]
    path = folder / "gaps.csv"
    path.write_text("\n".join(["date,one,two", *lines]) + "\n")
    return path


def all_targets(data: SeriesDataModule, split: str) -> torch.Tensor:
    return data.gather(split, np.arange(data.size(split))).targets


def test_a_missing_target_is_nan_and_read_as_the_previous_value(tmp_path: Path) -> None:
    data = open_series(write_series(tmp_path, [85]), target_columns=["one"])
    first = data.windows["test"].first.tolist()
    targets = all_targets(data, "test")[..., 0]
    assert targets.isnan().nonzero().tolist() == [[first.index(84), 1], [first.index(85), 0]]
    inputs = data.windows["test"].inputs(np.array([first.index(86)]), 2)[0, :, 0]
    assert inputs[0] == inputs[1]
    assert any("test: 1 of 20 target values are missing" in n for n in data.provenance.notes)


def test_windows_without_any_value_leave_every_split(tmp_path: Path) -> None:
    gaps = [20, 21, 22, 73, 74, 85, 86]
    data = open_series(write_series(tmp_path, gaps), target_columns=["one"])
    for split in ("train", "val", "test"):
        assert not all_targets(data, split).isnan().all(dim=1).any()
        assert any(note.startswith(f"{split}: ") for note in data.provenance.notes)
    assert not {20, 21} & set(data.windows["train"].first.tolist())
    assert any("2 of 65 windows without" in note for note in data.provenance.notes)


def test_each_variable_without_a_value_leaves_alone(tmp_path: Path) -> None:
    data = open_series(write_series(tmp_path, [85, 86]), channels="independent")
    assert data.size("test") == 2 * len(data.windows["test"]) - 1
    assert not all_targets(data, "test").isnan().all(dim=1).any()


def test_a_split_without_any_value_is_rejected(tmp_path: Path) -> None:
    path = write_series(tmp_path, slice(70, 80))
    with pytest.raises(DataError, match=r"no value of one in the val split.*data\.val_fraction"):
        open_series(path, target_columns=["one"])


@pytest.mark.parametrize("channels", ["joint", "independent"])
def test_a_column_without_any_value_in_a_split_is_rejected(channels: str, tmp_path: Path) -> None:
    path = write_series(tmp_path, slice(78, 100))
    with pytest.raises(DataError, match=r"no value of one in the test split.*target_columns"):
        open_series(path, channels=channels)


def test_baselines_are_scored_on_observed_values(tmp_path: Path) -> None:
    data = open_series(write_series(tmp_path, [83, 90, 91, 95]), target_columns=["one"])
    values = np.genfromtxt(data.path, delimiter=",", names=True)["one"]
    previous = values.copy()
    for i in range(1, len(values)):
        previous[i] = previous[i - 1] if np.isnan(values[i]) else values[i]
    errors = [values[f + h] - previous[f - 1] for f in range(80, 99) for h in range(2)]
    rows = np.arange(data.size("test"))
    by_step = data.series_baselines.errors("test", rows)["persistence"].by_step
    assert np.isfinite(list(data.baselines("test")["ridge"].values())).all()
    np.testing.assert_allclose(by_step["mse"][0], np.nanmean(np.square(errors[0::2])))
    np.testing.assert_allclose(by_step["mae"][1], np.nanmean(np.abs(errors[1::2])))


def test_statistics_are_those_of_observed_values(tmp_path: Path) -> None:
    data = open_series(write_series(tmp_path, slice(10, 40)), report_in="standard")
    values = np.genfromtxt(data.path, delimiter=",", names=True)["one"][:70]
    assert data.processor.scales.report.means[0, 0] == pytest.approx(np.nanmean(values), rel=1e-12)
    assert data.processor.scales.report.deviations[0, 0] == pytest.approx(
        np.nanstd(values), rel=1e-12
    )


# Loss and metrics.


def batch_of(targets: torch.Tensor) -> Batch:
    units = Units(*(torch.full((len(targets), 1, 1), value) for value in (0.5, 2.0, 7.0)))
    count = len(targets)
    rows = torch.arange(count)
    return Batch(
        torch.zeros(count, 1, 1), torch.ones(count, dtype=torch.int64), targets, rows, units
    )


@pytest.mark.parametrize("loss", FORECAST_LOSSES)
@pytest.mark.parametrize("transform", ["none", "last"])
def test_a_missing_target_has_no_loss_and_no_gradient(
    loss: ForecastLossName, transform: str
) -> None:
    spec = DataSpec(output_size=1, input_size=1, horizon=2, transform=transform)
    task = Forecasting(spec, loss=loss)
    targets = torch.tensor([[8.0, 9.0], [7.5, 6.0]], dtype=torch.float64)[..., None]
    levels = (3,) if loss == "quantile" else ()
    predictions = torch.randn(2, 2, 1, *levels, requires_grad=True)
    complete = task.loss(predictions[:, :1], batch_of(targets[:, :1]))
    targets[:, 1] = torch.nan
    masked = task.loss(predictions, batch_of(targets))
    masked.backward()
    torch.testing.assert_close(masked, complete)
    assert predictions.grad is not None
    assert (predictions.grad[:, 1] == 0).all()
    assert (predictions.grad[:, 0] != 0).any()


def test_the_loss_of_joined_batches_is_the_mean_over_windows_with_a_value() -> None:
    task = Forecasting(DataSpec(output_size=1, input_size=1, horizon=2))
    targets = torch.tensor([[1.0, torch.nan], [2.0, 3.0], [torch.nan, torch.nan]])[..., None]
    predictions = torch.randn(3, 2, 1)
    joint = task.loss(predictions, batch_of(targets)._replace(units=None))
    parts = [batch_of(targets[i : i + 1])._replace(units=None) for i in range(3)]
    losses = [task.loss(predictions[i : i + 1], part) for i, part in enumerate(parts)]
    counts = [int(task.num_targets(part)) for part in parts]
    assert counts == [1, 1, 0]
    torch.testing.assert_close(joint, (losses[0] + losses[1]) / 2)
    assert losses[2] == 0


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_metrics_are_means_over_observed_values(transform: str) -> None:
    task = Forecasting(DataSpec(output_size=1, input_size=1, horizon=2, transform=transform))
    targets = torch.tensor([[8.0, torch.nan], [7.5, 6.0]], dtype=torch.float64)[..., None]
    batch, predictions = batch_of(targets), torch.randn(2, 2, 1)
    scores = Scores(task, "test")
    scores.update(predictions, batch)
    errors = (task.metric_inputs(predictions, batch)[0] - targets).numpy()
    values = scores.compute()
    assert float(values["test/mse"]) == pytest.approx(np.nanmean(errors**2), rel=1e-6)
    assert float(values["test/mae"]) == pytest.approx(np.nanmean(np.abs(errors)), rel=1e-6)
    assert int(values["test/targets"]) == 2


def test_metrics_are_sums_in_double_precision() -> None:
    truth = torch.full((1000, 1, 1), 1e12, dtype=torch.float64)
    for metric, expected in ((SquaredError(), 1e-6), (AbsoluteError(), 1e-3)):
        metric.update(truth + 1e-3, truth)
        assert float(metric.compute()) == pytest.approx(expected, rel=0.3)  # 1e12 has 1e-4 steps
        assert metric.compute().dtype == torch.float64
