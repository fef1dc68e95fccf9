"""Levels of any size: scaling, units and scores are those of numpy in double precision."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.data.datasets.forecasting.csv_series import CsvSeriesDataModule
from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.errors import DataError
from rnnlab.models import GRU
from rnnlab.models.scores import Scores
from rnnlab.tasks.forecasting import Forecasting
from tests.helpers.cases import open_case

ROWS, SEQ_LEN, HORIZON = 60, 5, 2
TEST = np.arange(48, ROWS - HORIZON + 1)  # first steps of the test targets
FUTURE, PAST = TEST[:, None] + np.arange(HORIZON), TEST[:, None] + np.arange(-SEQ_LEN, 0)


def open_values(values: np.ndarray, folder: Path, **overrides: Any) -> SeriesDataModule:
    """Return a data set of the values, which are written with all digits."""
    path = folder / "values.csv"
    path.write_text("\n".join(["value", *map(repr, values.tolist())]) + "\n")
    data = CsvSeriesDataModule(
        path=str(path),
        date_column=None,
        seq_len=SEQ_LEN,
        horizon=HORIZON,
        ridge_window=4,
        target_columns=["value"],
        **overrides,
    )
    data.setup()
    return data


walks = st.tuples(
    st.sampled_from([0.0, 1.0, 1e3, 123_456_789.0, -1e9, 1e12]),
    st.sampled_from([1e-3, 0.05, 1.0]),
    st.integers(0, 2**32 - 1),
)


@settings(max_examples=25)
@given(
    walk=walks,
    transform=st.sampled_from(["none", "last", "difference"]),
    report_in=st.sampled_from(["original", "standard"]),
)
def test_scores_are_those_of_numpy_whatever_the_level(
    walk: tuple[float, float, int], transform: str, report_in: str
) -> None:
    offset, increment, seed = walk
    random = np.random.default_rng(seed)
    values = offset + increment * random.standard_normal(ROWS).cumsum()
    with TemporaryDirectory() as folder:
        data = open_values(values, Path(folder), transform=transform, report_in=report_in)
    train = values[:42] - values[0]
    unit = train.std() if report_in == "standard" else 1.0
    persistence = np.square(values[FUTURE] - values[TEST - 1][:, None]).mean() / unit**2
    scores = data.baselines("test")["persistence"]
    assert scores["mse"] == pytest.approx(persistence, rel=1e-9)

    batch = data.gather("test", np.arange(data.size("test")))
    assert batch.inputs.dtype == torch.float32
    steps = np.diff(train)
    scale = np.append(0.0, steps).std() if transform == "difference" else train.std()
    location = {"none": values[0] + train.mean(), "difference": steps.sum() / 42}.get(transform, 0)
    outputs = torch.randn(len(TEST), HORIZON, 1, generator=torch.Generator().manual_seed(seed % 99))
    predicted = outputs[..., 0].double().numpy() * scale + location
    last = values[TEST - 1][:, None]
    forecasts = {
        "none": predicted,
        "last": last + predicted,
        "difference": last + predicted.cumsum(axis=1),
    }[transform]
    network = Scores(Forecasting(data.spec), "test")
    network.update(outputs, batch)
    error = np.square(forecasts - values[FUTURE]).mean() / unit**2
    rounding = 8 * np.spacing(abs(offset)) / increment  # of the values themselves
    assert float(network.compute()["test/mse"]) == pytest.approx(error, rel=1e-9 + rounding)

    window = values[PAST]
    read = {
        "none": (window - values[0] - train.mean()) / scale,
        "last": (window - last) / scale,
        "difference": (window - values[PAST - 1] - location) / scale,
    }[transform]
    np.testing.assert_allclose(batch.inputs[..., 0].numpy(), read, rtol=1e-5, atol=rounding + 1e-5)


def test_a_constant_series_of_a_large_level_is_constant(tmp_path: Path) -> None:
    values = np.full(ROWS, 123_456_789.17)
    values[42:] += np.arange(ROWS - 42) * 0.01
    data = open_values(values, tmp_path, report_in="original")
    assert data.processor.scales.inputs.deviations[0, 0] == 1.0
    assert (data.gather("train", np.arange(data.size("train"))).inputs == 0).all()


def test_small_units_are_no_constants(tmp_path: Path) -> None:
    values = 1e-13 * np.random.default_rng(0).standard_normal(ROWS).cumsum()
    data = open_values(values, tmp_path, report_in="original")
    assert data.gather("train", np.arange(data.size("train"))).inputs.std() > 0.1


@pytest.mark.parametrize(("scale", "message"), [(1e200, "e[+]20"), (1e-200, "e-200")])
def test_values_whose_squares_are_no_numbers_are_rejected(
    scale: float, message: str, tmp_path: Path
) -> None:
    values = scale * np.random.default_rng(0).standard_normal(ROWS)
    with pytest.raises(DataError, match=rf"column 'value': .*{message}.* another unit"):
        open_values(values, tmp_path)


@pytest.mark.parametrize(
    ("case", "column", "expected"),
    [
        ("float32-meter", 1, {"mse": 0.00673, "mae": 0.0712}),
        ("float32-utm", 1, {"mse": 0.12684, "mae": 0.28256}),
    ],
)
def test_readings_of_users_with_a_large_level(
    case: str, column: int, expected: dict[str, float], series_cases: Path
) -> None:
    data = open_case(series_cases / case)
    scores = data.baselines("test")["persistence"]
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-3)
    values = np.genfromtxt(data.path, delimiter=",", skip_header=1)[:, column]
    first = data.windows["test"].first
    errors = values[first[:, None] + np.arange(data.horizon)] - values[first - 1][:, None]
    assert scores["mse"] == pytest.approx(np.square(errors).mean(), rel=1e-9)
    network, batch = (
        Scores(Forecasting(data.spec), "test"),
        data.gather("test", np.arange(len(first))),
    )
    network.update(torch.zeros(len(first), data.horizon, 1), batch)  # 0 is the last value
    assert float(network.compute()["test/mse"]) == pytest.approx(scores["mse"], rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_network_of_lower_precision_is_scored_in_double(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    """As in trainer.precision=bf16-mixed, 32-true and 64-true."""
    values = 1e9 + np.random.default_rng(0).standard_normal(ROWS).cumsum()
    data = open_values(values, tmp_path, report_in="original")
    model = GRU(Forecasting(data.spec), hidden_size=4)
    batch = data.gather("train", np.arange(data.size("train")))
    if dtype == torch.float64:
        model, batch = model.double(), batch._replace(inputs=batch.inputs.double())
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        predictions = model.predictions(batch)
        loss = model.task.loss(predictions, batch)
    loss.backward()
    assert predictions.dtype == dtype
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    forecasts, targets = model.task.metric_inputs(predictions, batch)
    assert (forecasts.dtype, targets.dtype) == (torch.float64, torch.float64)
    assert (forecasts - targets).abs().max() < 20
